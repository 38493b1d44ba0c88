"""Calendar files: valid iCalendar, the same again when read back, for any filter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from allmende import InputError, NotFound
from allmende.testing import NOON, make_context, make_payload
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from plugins.events import routes
from plugins.events.calendar import render
from plugins.events.config import EventsConfig, IcalSource
from plugins.events.importers import ical
from plugins.events.tables import Event, Occurrence
from tests.standstill import largest_stretch

CALENDAR = "\r\n".join(
    [
        "BEGIN:VCALENDAR",
        "BEGIN:VEVENT\r\nUID:a\r\nSUMMARY:Konzert\\, laut\r\nDTSTART:20261201T190000\r\nDTEND:20261201T210000",
        "CATEGORIES:Musik,kostenlos\r\nLOCATION:Halle\r\nGEO:51.96;7.63\r\nEND:VEVENT",
        "BEGIN:VEVENT\r\nUID:b\r\nSUMMARY:Fest\r\nDTSTART;VALUE=DATE:20261202\r\nSTATUS:CANCELLED\r\nEND:VEVENT",
        "END:VCALENDAR\r\n",
    ]
)


async def events(make_town: Any, query: dict[str, str]) -> list[Any]:
    town = make_town()
    town.write("kalender.ics", CALENDAR)
    await town.load()
    reply = await routes.calendar(town.context(), {}, query)
    assert reply.media_type == "text/calendar"
    return list(Calendar.from_ical(reply.content).walk("VEVENT"))


async def test_subscription_holds_what_is_upcoming_with_state(make_town: Any) -> None:
    concert, fest = await events(make_town, {})
    assert (str(concert["SUMMARY"]), str(concert["STATUS"]), concert["DTSTART"].dt) == (
        "Konzert, laut",
        "CONFIRMED",
        datetime(2026, 12, 1, 18, tzinfo=UTC),
    )
    assert (str(fest["SUMMARY"]), str(fest["STATUS"])) == ("Abgesagt: Fest", "CANCELLED")
    assert (fest["DTSTART"].dt.isoformat(), fest["DTEND"].dt.isoformat()) == ("2026-12-02", "2026-12-03")
    assert {"UID", "DTSTAMP", "SEQUENCE", "LAST-MODIFIED"} <= concert.keys()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"category": "Musik"}, 1),
        ({"free": "true"}, 1),
        ({"q": "fest"}, 1),
        ({"near": "51.96,7.63,100"}, 1),
        ({"category": "Sport"}, 0),
    ],
)
async def test_subscription_takes_every_filter(make_town: Any, query: dict[str, str], found: int) -> None:
    assert len(await events(make_town, query)) == found


async def test_subscription_to_very_many_dates_lets_others_be_answered_meanwhile(make_town: Any) -> None:
    town = make_town(horizon_days=1100)
    daily = "DTSTART:20261201T190000\r\nRRULE:FREQ=DAILY"
    town.write("kalender.ics", f"BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:a\r\nSUMMARY:A\r\n{daily}\r\nEND:VEVENT\r\n")
    await town.load()
    assert await largest_stretch(routes.calendar(town.context(), {}, {})) < 0.4
    assert (await routes.calendar(town.context(), {}, {})).content.count(b"BEGIN:VEVENT") == 1000


@pytest.mark.parametrize("query", [{"near": "51.96,7.63"}, {"free": "vielleicht"}, {"kategorie": "Musik"}])
async def test_filters_that_cannot_be_used_are_named(query: dict[str, str]) -> None:
    with pytest.raises(InputError, match=f"^{next(iter(query))}: "):
        await routes.calendar(make_context("events", EventsConfig()), {}, query)


async def test_single_date_is_a_file_or_not_found(make_town: Any) -> None:
    town = make_town()
    town.write("kalender.ics", CALENDAR)
    await town.load()
    id_ = (await town.ask("{ upcoming { id } }"))["upcoming"][0]["id"]
    reply = await routes.single(town.context(), {"id": id_}, {})
    uids = [str(event["UID"]) for event in Calendar.from_ical(reply.content).walk("VEVENT")]
    assert uids == [f"{id_}@adorf.allmende"]
    with pytest.raises(NotFound, match="gibtsnicht"):
        await routes.single(town.context(), {"id": "gibtsnicht"}, {})


def rows(title: str, text: str, start: datetime, minutes: int, status: str) -> Occurrence:
    event = Event(title=title, text=text, categories="\nMusik, live\nKinder\n", lat=51.96, lon=7.63, fetched_at=NOON)
    end = start + timedelta(minutes=minutes)
    made = Occurrence(id="0" * 32, start=start, end=end, until=end, all_day=False, status=status, fetched_at=NOON)
    made.event = event
    return made


LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp", "Cn", "Cf"))


def is_tidy(text: str) -> bool:
    return text == " ".join(text.split()) and "<" not in text


words = st.text(LETTERS, min_size=1, max_size=200).filter(is_tidy)


@settings(max_examples=60, deadline=None)
@given(
    title=words,
    text=words,
    start=st.datetimes(min_value=datetime(2026, 11, 1), max_value=datetime(2027, 11, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
        lambda moment: moment.replace(microsecond=0)
    ),
    minutes=st.integers(1, 5000),
)
def test_what_is_written_is_read_back_the_same(title: str, text: str, start: datetime, minutes: int) -> None:
    """Export → parse → import; and every line is folded at 75 octets and ends in CRLF (RFC 5545, 3.1)."""
    ctx = make_context("events", EventsConfig())
    content = render(ctx, [rows(title, text, start, minutes, "scheduled")], "Test")
    assert all(len(line) <= 75 for line in content.split(b"\r\n"))
    assert b"\n" not in content.replace(b"\r\n", b"")
    batch = ical.read(make_payload(content), IcalSource(id="x", file="x"), ctx)
    event, date = batch.rows
    assert isinstance(event, Event)
    assert isinstance(date, Occurrence)
    assert (event.title, event.text, event.categories) == (title[:300], text, "\nMusik, live\nKinder\n")
    assert (event.lat, event.lon) == (51.96, 7.63)
    assert (date.start, date.end) == (start, start + timedelta(minutes=minutes))


def test_clients_are_told_how_often_to_look_again() -> None:
    content = render(make_context("events", EventsConfig()), [], "Test")
    assert b"REFRESH-INTERVAL;VALUE=DURATION:PT6H\r\n" in content
    assert b"METHOD:PUBLISH\r\n" in content
