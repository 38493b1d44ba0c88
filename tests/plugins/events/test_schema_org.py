"""schema.org and NGSI-LD events: their many shapes, states, prices, schedules."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pytest
from allmende import FeedError, Refusal
from allmende.importer import Batch
from allmende.testing import NOON, make_context, make_payload

from plugins.events.config import EventsConfig, SchemaOrgSource
from plugins.events.importers import schema_org
from plugins.events.tables import Event, Occurrence


def read(document: Any, **source: Any) -> Batch:
    text = document if isinstance(document, str) else json.dumps(document)
    ctx = make_context("events", EventsConfig())
    return schema_org.read(make_payload(text), SchemaOrgSource(id="x", file="x.json", **source), ctx)


def event(**values: Any) -> dict[str, Any]:
    return {"@type": "Event", "@id": "urn:e", "name": "Fest", "startDate": "2026-12-01T19:00"} | values


def one(**values: Any) -> tuple[Event, Occurrence]:
    first, second = read(event(**values)).rows
    assert isinstance(first, Event)
    assert isinstance(second, Occurrence)
    return first, second


def test_texts_with_languages_are_read_in_the_citys() -> None:
    """JSON-LD 1.1, 4.2.4; places and pictures have them, too."""
    fest = {"@value": "Fest", "@language": "de-DE"}
    both = [{"@value": "Party", "@language": "en"}, fest]
    hall = {"@type": "Place", "name": both, "address": {"streetAddress": {"@value": "Weg 1"}}}
    row, _ = one(name=both, description=fest, location=hall, keywords=[fest, "Musik"])
    assert (row.title, row.text, row.venue_name, row.venue_address) == ("Fest", "Fest", "Fest", "Weg 1")
    assert row.categories == "\nFest\nMusik\n"
    assert one(name=both[:1], description=["Eins", "Zwei"])[0].title == "Party"
    assert one(name=["Fest", "Feier"], description=["Eins", "Zwei"])[0].text == "Eins"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda e: e,
        lambda e: [e],
        lambda e: {"@graph": [{"@type": "WebPage"}, e]},
        lambda e: {"@type": "ItemList", "itemListElement": [{"@type": "ListItem", "position": 1, "item": e}]},
        lambda e: "<html><script type='application/ld+json'>" + json.dumps(e) + "</script></html>",
        lambda e: e | {"@type": ["MusicEvent", "Thing"]},
        lambda e: e | {"@type": "https://schema.org/Festival"},
    ],
)
def test_events_are_found_in_every_wrapping(wrap: Any) -> None:
    assert [row.key for row in read(wrap(event())).rows] == ["urn:e", "urn:e"]


def test_start_and_end_with_and_without_time_and_offset() -> None:
    def span(**values: Any) -> tuple[str, str | None, bool]:
        row = one(**values)[1]
        zone = NOON.tzinfo
        end = row.end.astimezone(zone).isoformat(timespec="minutes") if row.end else None
        return row.start.astimezone(zone).isoformat(timespec="minutes"), end, row.all_day

    assert span() == ("2026-12-01T19:00+01:00", None, False)
    assert span(startDate="2026-12-01T19:00:00Z") == ("2026-12-01T20:00+01:00", None, False)
    assert span(startDate="2026-12-01") == ("2026-12-01T00:00+01:00", "2026-12-02T00:00+01:00", True)
    assert span(startDate="2026-12-01", endDate="2026-12-03")[1] == "2026-12-04T00:00+01:00"


def test_cancelled_postponed_and_rescheduled() -> None:
    assert one(eventStatus="https://schema.org/EventCancelled")[1].status == "cancelled"
    assert one(eventStatus="EventPostponed")[1].status == "postponed"
    moved = one(eventStatus="schema:EventRescheduled", previousStartDate="2026-11-30T19:00")[1]
    assert (moved.status, moved.moved_from) == ("moved", datetime.fromisoformat("2026-11-30T19:00+01:00"))
    assert one(eventStatus="EventScheduled")[1].status == "scheduled"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"isAccessibleForFree": True}, (True, None)),
        ({"isAccessibleForFree": "http://schema.org/False"}, (False, None)),
        ({"offers": {"price": "0", "priceCurrency": "EUR"}}, (True, None)),
        ({"offers": {"price": 5, "priceCurrency": "EUR"}}, (False, "5 €")),
        ({"offers": [{"price": "4,50"}, {"price": "9"}]}, (False, "4.50–9 €")),
        ({"offers": {"lowPrice": 1, "highPrice": 2, "priceCurrency": "CHF"}}, (False, "1–2 CHF")),
        ({}, (None, None)),
    ],
)
def test_price_and_free_admission(values: dict[str, Any], expected: tuple[bool | None, str | None]) -> None:
    row = one(**values)[0]
    assert (row.free, row.price) == expected


def test_places_are_real_virtual_or_text() -> None:
    place = {
        "@type": "Place",
        "name": "Saal",
        "address": {"streetAddress": "Weg 1", "postalCode": "12345", "addressLocality": "Adorf"},
        "geo": {"latitude": "51.95", "longitude": "7.62"},
    }
    row = one(location=[{"@type": "VirtualLocation", "url": "https://example.org"}, place])[0]
    assert (row.venue_name, row.venue_address, row.lat, row.lon) == ("Saal", "Weg 1, 12345 Adorf", 51.95, 7.62)
    assert one(location="Marktplatz")[0].venue_name == "Marktplatz"
    assert one(location={"@type": "VirtualLocation"})[0].venue_name is None


def test_swapped_coordinates_are_put_right_and_reported() -> None:
    batch = read(event(location={"type": "Point", "coordinates": [51.95, 7.62]}))
    assert (batch.rows[0].lat, batch.rows[0].lon) == (51.95, 7.62)  # type: ignore[attr-defined]
    assert [refusal.place for refusal in batch.refused] == ['$ "Fest"']


def test_organisations_are_named_and_persons_are_not() -> None:
    assert one(organizer={"@type": "Organization", "name": "Verein"})[0].organizer == "Verein"
    assert one(organizer={"@type": "Person", "name": "Erika Musterfrau"})[0].organizer is None
    assert one(organizer="Erika Musterfrau")[0].organizer is None


def test_schedule_gives_dates_at_wall_clock_times() -> None:
    schedule = {
        "startDate": "2026-10-18",
        "endDate": "2026-11-08",
        "startTime": "22:00",
        "endTime": "01:00",
        "repeatFrequency": "P1W",
        "byDay": "https://schema.org/Sunday",
        "exceptDate": ["2026-11-01"],
    }
    ctx = make_context("events", EventsConfig(), now=NOON.replace(month=10, day=18))
    payload = make_payload(json.dumps(event(startDate=None, eventSchedule=schedule)))
    batch = schema_org.read(payload, SchemaOrgSource(id="x", file="x"), ctx)
    spans = [
        (row.start.isoformat(), row.end.isoformat()) for row in batch.rows if isinstance(row, Occurrence) and row.end
    ]
    assert spans == [
        ("2026-10-18T22:00:00+02:00", "2026-10-19T01:00:00+02:00"),
        ("2026-10-25T22:00:00+01:00", "2026-10-26T01:00:00+01:00"),
        ("2026-11-08T22:00:00+01:00", "2026-11-09T01:00:00+01:00"),
    ]


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"startDate": "morgen"}, "startDate 'morgen' is no date"),
        ({"startDate": None}, "has neither startDate nor eventSchedule"),
        ({"name": ""}, "has no name"),
        ({"endDate": "2026-11-01"}, "endDate '2026-11-01' is before startDate"),
        ({"eventSchedule": {"startDate": "2026-12-01", "byDay": "Someday"}}, "eventSchedule.byDay 'Someday'"),
        ({"eventSchedule": {"startDate": "2026-12-01", "repeatFrequency": "PT1H"}}, "eventSchedule.repeatFrequency"),
        ({"eventSchedule": {"startDate": "2026-12-01", "byMonth": "May"}}, "eventSchedule.byMonth"),
    ],
)
def test_unusable_events_are_refused_by_place(values: dict[str, Any], reason: str) -> None:
    batch = read([event(**values), event(**{"@id": "urn:good"})])
    assert [row.key for row in batch.rows] == ["urn:good", "urn:good"]
    assert [refusal.place.split()[0] for refusal in batch.refused] == ["$[0]"]
    assert batch.refused[0].reason.startswith(reason)


def test_documents_without_events_are_refused_as_a_whole() -> None:
    with pytest.raises(FeedError, match="the file: there is no object with the @type Event"):
        read([{"streetAddress": "Am Hawerkamp 31"}])
    with pytest.raises(FeedError, match="line 1: this is not JSON"):
        read("{")
    assert read([]).refused == [Refusal(place="$", reason="the list is empty: there are no events in it")]
