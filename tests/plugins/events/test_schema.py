"""The module through GraphQL, on both databases, with calendars imported as in production."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from allmende import BBox
from allmende.graphql.meeting import objects
from allmende.testing import NOON

from plugins.events import plugin, service

HOME = "{ upcoming(first: 10) { id title start venue { name position { lat lon } } } }"


def vcalendar(*events: str) -> str:
    parts = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN"]
    for event in events:
        parts += ["BEGIN:VEVENT", *(line.strip() for line in event.strip().split("\n")), "END:VEVENT"]
    return "\r\n".join([*parts, "END:VCALENDAR", ""])


MARKET = """UID:market
SUMMARY:Markt
DTSTART;TZID=Europe/Berlin:20261125T080000
DTEND;TZID=Europe/Berlin:20261125T130000
RRULE:FREQ=WEEKLY
LOCATION:Platz
CATEGORIES:market,kostenlos
GEO:51.9600;7.6300"""
CONCERT = """UID:concert
SUMMARY:Konzert
DESCRIPTION:Streicher und Bläser
DTSTART;TZID=Europe/Berlin:20261124T220000
DTEND;TZID=Europe/Berlin:20261125T020000
LOCATION:Halle\\, Weg 1
CATEGORIES:Musik
X-COST:5 €
GEO:51.9700;7.6300"""
FAIR = """UID:fair
SUMMARY:Kirmes
DTSTART;VALUE=DATE:20261122
DTEND;VALUE=DATE:20261125"""


async def test_home_answers_in_one_statement(make_town: Any) -> None:
    """What is running comes first; the issue's selection works word for word."""
    town = make_town()
    town.write("kalender.ics", vcalendar(MARKET, CONCERT, FAIR))
    runs = await town.load()
    assert [(run.status, run.added, run.refused) for run in runs] == [("fresh", 3, 0)]
    town.database.hears = lambda: True  # as with a listener, so that what was worked out once may be kept
    await town.ask(HOME)
    with town.database.count() as statements:
        answer = await town.ask(HOME)
    assert len(statements) == 1
    assert [(event["title"], event["start"]) for event in answer["upcoming"][:4]] == [
        ("Kirmes", "2026-11-22T00:00:00+01:00"),
        ("Konzert", "2026-11-24T22:00:00+01:00"),
        ("Markt", "2026-11-25T08:00:00+01:00"),
        ("Markt", "2026-12-02T08:00:00+01:00"),
    ]
    assert answer["upcoming"][2]["venue"] == {"name": "Platz", "position": {"lat": 51.96, "lon": 7.63}}
    assert answer["upcoming"][0]["venue"] is None
    assert len(answer["upcoming"]) == 10


async def test_upcoming_is_what_has_not_ended_whatever_moment_is_asked_for(make_town: Any) -> None:
    """What was worked out for a day holds for each of its moments, and no longer than its events."""
    town = make_town()
    town.database.hears = lambda: True

    async def upcoming(since: str) -> list[str]:
        found = await town.ask(f'{{ upcoming(first: 3, from: "{since}") {{ title start }} }}')
        return [f"{event['title']} {event['start'][5:13]}" for event in found["upcoming"]]

    town.write("kalender.ics", vcalendar(MARKET, CONCERT, FAIR))
    await town.load()
    for _ in range(2):
        assert await upcoming("2026-11-24T21:59:00Z") == ["Kirmes 11-22T00", "Konzert 11-24T22", "Markt 11-25T08"]
        assert await upcoming("2026-11-24T23:30:00Z") == ["Konzert 11-24T22", "Markt 11-25T08", "Markt 12-02T08"]
        assert await upcoming("2026-11-25T11:59:00Z") == ["Markt 11-25T08", "Markt 12-02T08", "Markt 12-09T08"]
        assert await upcoming("2026-11-25T12:00:00Z") == ["Markt 12-02T08", "Markt 12-09T08", "Markt 12-16T08"]
    exhibition = "UID:art\nSUMMARY:Kunst\nDTSTART;VALUE=DATE:20261102\nDTEND;VALUE=DATE:20261201"
    town.write("kalender.ics", vcalendar(MARKET, CONCERT, FAIR, exhibition))
    town.now += timedelta(hours=2)
    await town.load()
    assert await upcoming("2026-11-25T12:00:00Z") == ["Kunst 11-02T00", "Markt 12-02T08", "Markt 12-09T08"]
    assert len(await upcoming("1900-01-01T00:00:00+14:00")) == 3
    assert await upcoming("2199-12-31T23:59:59-14:00") == []


async def test_a_city_sees_nothing_of_another(make_town: Any) -> None:
    town = make_town()
    town.write("kalender.ics", vcalendar(CONCERT))
    await town.load()
    id_ = (await town.ask("{ upcoming { id } }"))["upcoming"][0]["id"]
    other = await town.ask(f'{{ upcoming {{ id }} event(id: "{id_}") {{ id }} categories {{ name }} }}', "bdorf")
    assert other == {"upcoming": [], "event": None, "categories": []}


async def test_filters_by_category_price_place_and_words(make_town: Any) -> None:
    town = make_town(
        categories={"Musik": {"de": "Musik", "en": "Music"}},
        sources=[{"id": "kalender", "kind": "ical", "file": "kalender.ics"}],
    )
    town.write("kalender.ics", vcalendar(MARKET, CONCERT, FAIR))
    await town.load()

    async def titles(arguments: str, language: str = "") -> set[str]:
        answer = await town.ask(f"{{ upcoming(first: 5, {arguments}) {{ title }} }}", language=language)
        return {event["title"] for event in answer["upcoming"]}

    assert await titles('category: "Musik"') == {"Konzert"}
    assert await titles('category: "Music"') == {"Konzert"}
    assert await titles('category: "Wochenmarkt"') == {"Markt"}
    assert await titles('category: "Weekly market"', "en") == {"Markt"}
    assert await titles('category: "%"') == set()
    assert await titles("free: true") == {"Markt"}
    assert await titles('text: "bläser"') == {"Konzert"}
    assert await titles('text: "nirgends"') == set()
    assert await titles("near: {lat: 51.96, lon: 7.63, metres: 500}") == {"Markt"}
    assert await titles("near: {lat: 51.96, lon: 7.63, metres: 1200}") == {"Markt", "Konzert"}


async def test_distance_is_told_in_metres_where_near_was_given(make_town: Any) -> None:
    town = make_town()
    town.write("kalender.ics", vcalendar(CONCERT))
    await town.load()
    near = "near: {lat: 51.96, lon: 7.63}"
    answer = await town.ask(f"{{ upcoming({near}) {{ distance }} plain: upcoming {{ distance }} }}")
    assert answer["plain"] == [{"distance": None}]
    assert answer["upcoming"][0]["distance"] == pytest.approx(1112, abs=1)


async def test_by_day_holds_what_is_on_in_part(make_town: Any) -> None:
    """An evening that ends after midnight is on both days, a fair on each of its days and not on the day after."""
    town = make_town()
    town.write("kalender.ics", vcalendar(CONCERT, FAIR))
    await town.load()

    async def on(day: str) -> list[str]:
        return [event["title"] for event in (await town.ask(f'{{ on(date: "{day}") {{ title }} }}'))["on"]]

    assert await on("2026-11-21") == []
    assert await on("2026-11-22") == ["Kirmes"]
    assert await on("2026-11-24") == ["Kirmes", "Konzert"]
    assert await on("2026-11-25") == ["Konzert"]
    assert await on("2026-11-26") == []


@pytest.mark.parametrize(("day", "late", "hours"), [("2026-10-25", "+01:00", 25), ("2027-03-28", "+02:00", 23)])
async def test_days_on_which_the_clocks_change(make_town: Any, day: str, late: str, hours: int) -> None:
    compact = day.replace("-", "")
    town = make_town(now=datetime.fromisoformat(f"{day}T12:00{late}"))
    town.write(
        "kalender.ics",
        vcalendar(
            f"UID:a\nSUMMARY:Spät\nDTSTART;TZID=Europe/Berlin:{compact}T233000\nDTEND;TZID=Europe/Berlin:{compact}T235900",
            f"UID:b\nSUMMARY:Tag\nDTSTART;VALUE=DATE:{compact}",
        ),
    )
    await town.load()
    answer = (await town.ask(f'{{ on(date: "{day}") {{ title start end lastDay allDay }} }}'))["on"]
    assert answer[1] == {
        "title": "Spät",
        "start": f"{day}T23:30:00{late}",
        "end": f"{day}T23:59:00{late}",
        "lastDay": day,
        "allDay": False,
    }
    length = datetime.fromisoformat(answer[0]["end"]) - datetime.fromisoformat(answer[0]["start"])
    assert (answer[0]["allDay"], answer[0]["lastDay"], length) == (True, day, timedelta(hours=hours))


async def test_between_goes_page_by_page(make_town: Any) -> None:
    town = make_town()
    town.write("kalender.ics", vcalendar(MARKET, CONCERT))
    await town.load()
    span = 'from: "2026-11-24", to: "2026-12-16"'
    seen, after = [], "null"
    for _ in range(3):
        page = await town.ask(
            f"{{ between({span}, first: 2, after: {after}) "
            "{ totalCount nodes { title start } pageInfo { hasNextPage endCursor } } }"
        )
        seen += [node["start"][:10] for node in page["between"]["nodes"]]
        assert page["between"]["totalCount"] == 5
        after = f'"{page["between"]["pageInfo"]["endCursor"]}"'
    assert seen == ["2026-11-24", "2026-11-25", "2026-12-02", "2026-12-09", "2026-12-16"]
    assert not page["between"]["pageInfo"]["hasNextPage"]


async def test_further_dates_cost_one_statement_for_the_whole_list(make_town: Any) -> None:
    town = make_town()
    town.database.hears = lambda: True
    town.write("kalender.ics", vcalendar(MARKET, CONCERT))
    await town.load()
    query = "{ upcoming(first: 20) { eventId occurrences(first: 2) { id start status } } }"
    await town.ask(query)
    with town.database.count() as statements:
        answer = await town.ask(query)
    assert len(statements) == 2
    assert [date["start"][:10] for date in answer["upcoming"][1]["occurrences"]] == ["2026-11-25", "2026-12-02"]


async def test_event_is_found_by_either_id(make_town: Any) -> None:
    town = make_town()
    town.write("kalender.ics", vcalendar(MARKET))
    await town.load()
    first, second = (await town.ask("{ upcoming(first: 2) { id eventId start } }"))["upcoming"]
    assert first["eventId"] == second["eventId"]
    query = f'{{ a: event(id: "{second["id"]}") {{ start }} b: event(id: "{first["eventId"]}") {{ start }} }}'
    assert await town.ask(query) == {"a": {"start": second["start"]}, "b": {"start": first["start"]}}
    assert await town.ask('{ event(id: "gibtsnicht") { id } }') == {"event": None}


async def test_states_and_origin_are_told(make_town: Any) -> None:
    override = (
        "RECURRENCE-ID;TZID=Europe/Berlin:{0}T080000\nUID:market\nSUMMARY:Markt\nLOCATION:Platz\nGEO:51.9600;7.6300"
    )
    source = {"id": "kalender", "kind": "ical", "file": "kalender.ics", "title": {"de": "Stadt"}, "licence": "CC0-1.0"}
    town = make_town(sources=[source])
    town.write(
        "kalender.ics",
        vcalendar(
            MARKET,
            override.format("20261125") + "\nSTATUS:CANCELLED\nDTSTART;TZID=Europe/Berlin:20261125T080000",
            override.format("20261202") + "\nDTSTART;TZID=Europe/Berlin:20261203T090000",
        ),
    )
    await town.load()
    fields = "status cancelled moved movedFrom start free price category source { title licence fetchedAt } icsUrl id"
    first, second = (await town.ask(f"{{ upcoming(first: 2) {{ {fields} }} }}"))["upcoming"]
    assert (first["status"], first["cancelled"], first["moved"]) == ("CANCELLED", True, False)
    assert (second["status"], second["moved"], second["movedFrom"], second["start"]) == (
        "MOVED",
        True,
        "2026-12-02T08:00:00+01:00",
        "2026-12-03T09:00:00+01:00",
    )
    assert (first["free"], first["price"], first["category"]) == (True, None, "Wochenmarkt")
    assert first["source"] == {"title": "Stadt", "licence": "CC0-1.0", "fetchedAt": "2026-11-23T12:00:00+01:00"}
    assert first["icsUrl"] == f"/adorf/events/{first['id']}.ics"


async def test_categories_count_what_is_to_come(make_town: Any) -> None:
    over = "UID:over\nSUMMARY:Vorbei\nDTSTART:20261101T100000\nDTEND:20261101T110000\nCATEGORIES:Vorbei"
    more = CONCERT.replace("UID:concert", "UID:more").replace("CATEGORIES:Musik", "CATEGORIES:Musik,Kinder")
    town = make_town()
    town.write("kalender.ics", vcalendar(MARKET, CONCERT, more, over))
    await town.load()
    answer = await town.ask("{ categories { name count } }")
    assert answer["categories"] == [
        {"name": "Musik", "count": 2},
        {"name": "Kinder", "count": 1},
        {"name": "Wochenmarkt", "count": 1},
    ]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("upcoming(first: -1) { id }", "first"),
        ("upcoming(first: 101) { id }", "first"),
        ("upcoming(near: {lat: 91, lon: 0}) { id }", "near.lat"),
        ("upcoming(near: {lat: 1, lon: 0, metres: 0}) { id }", "near.metres"),
        ('between(from: "2026-12-02", to: "2026-12-01") { nodes { id } }', "to"),
        ('between(from: "2026-12-01", to: "2026-12-01", after: "x") { nodes { id } }', "after"),
    ],
)
async def test_arguments_that_cannot_be_used_are_named(make_town: Any, selection: str, message: str) -> None:
    body = await make_town().answer(f"{{ events {{ {selection} }} }}")
    assert [error["message"].split(":")[0] for error in body["errors"]] == [message]


async def test_past_dates_stay_for_a_while_and_future_ones_follow_the_feed(make_town: Any) -> None:
    town = make_town()
    town.write("kalender.ics", vcalendar(CONCERT, FAIR, MARKET))
    await town.load()
    town.now = NOON + timedelta(days=4)
    town.write("kalender.ics", vcalendar(FAIR.replace("UID:fair", "UID:other").replace("Kirmes", "Fest")))
    runs = await town.load()
    assert [(run.status, run.removed) for run in runs] == [("fresh", 1)], "the market had dates to come, the others not"
    days = (await town.ask('{ between(from: "2026-11-20", to: "2027-01-01") { nodes { title } } }'))["between"]
    assert [node["title"] for node in days["nodes"]] == ["Kirmes", "Fest", "Konzert"]
    await service.prune(town.context())
    assert len((await town.ask('{ on(date: "2026-11-24") { id } }'))["on"]) == 3
    town.now = NOON + timedelta(days=40)
    await service.prune(town.context())
    assert (await town.ask('{ on(date: "2026-11-24") { id } }'))["on"] == []


async def test_ids_stay_and_nothing_is_written_again(make_town: Any) -> None:
    town = make_town()
    town.write("kalender.ics", vcalendar(MARKET, CONCERT))
    await town.load()
    before = await town.ask("{ upcoming { id start } }")
    town.now = NOON + timedelta(days=1)
    runs = await town.load()
    assert [(run.added, run.changed, run.removed) for run in runs] == [(0, 0, 0)]
    assert await town.ask("{ upcoming { id start } }") == before


async def test_ids_stay_though_the_feed_makes_up_new_uids(make_town: Any) -> None:
    """A series with a moved date, two readings at the same time in two places, and the same twice in one place."""
    readings = [
        f"UID:{number}\nSUMMARY:Lesung\nDTSTART:20261201T180000Z\nLOCATION:{place}"
        for number, place in enumerate(("Nord", "Süd", "Süd"))
    ]
    moved = """UID:market
        RECURRENCE-ID;TZID=Europe/Berlin:20261202T080000
        DTSTART;TZID=Europe/Berlin:20261202T100000
        SUMMARY:Markt mit Musik
        LOCATION:Platz"""

    def calendar(run: str) -> str:
        return vcalendar(*(text.replace("UID:", f"UID:{run}") for text in (MARKET, moved, CONCERT, FAIR, *readings)))

    town = make_town()
    town.write("kalender.ics", calendar("a"))
    await town.load()
    dates = '{ between(from: "2026-11-01", to: "2027-02-01", first: 50) { nodes { id start venue { name } } } }'
    before = await town.ask(dates)
    town.write("kalender.ics", calendar("b"))
    runs = await town.load()
    assert [(run.status, run.added, run.changed, run.removed, run.unchanged) for run in runs] == [("fresh", 0, 0, 0, 7)]
    assert await town.ask(dates) == before
    town.write("kalender.ics", vcalendar(MARKET, moved, CONCERT.replace("Konzert", "Ein anderes"), FAIR, *readings))
    assert [(run.added, run.removed, run.unchanged) for run in await town.load()] == [(1, 1, 6)]


async def test_search_feed_and_map_give_the_next_date_of_each_event(make_town: Any) -> None:
    town = make_town()
    town.write("kalender.ics", vcalendar(MARKET, CONCERT, FAIR))
    await town.load()
    ctx = town.context()
    box = BBox(south=51.9, west=7.6, north=52.0, east=7.7)
    assert plugin.feed is not None
    assert plugin.map is not None
    assert [(e.title, e.date.isoformat()) for e in await objects(plugin.feed, ctx, None, 10)] == [
        ("Markt", "2026-11-25T08:00:00+01:00"),
        ("Konzert", "2026-11-24T22:00:00+01:00"),
        ("Kirmes", "2026-11-22T00:00:00+01:00"),
    ]
    assert [e.title for e in await objects(plugin.feed, ctx, NOON, 10)] == ["Kirmes"]
    assert [(pin.title, pin.position.lat) for pin in await objects(plugin.map, ctx, box, 10)] == [
        ("Konzert", 51.97),
        ("Markt", 51.96),
    ]
    found = await service.search_ids(ctx, service.Event, "markt", 5)
    assert [e.title for e in await objects(plugin.search[0], ctx, [id_ for id_, _ in found])] == ["Markt"]
    box_text = "{south: 51.9, west: 7.6, north: 52, east: 7.7}"
    body = await town.answer(
        f'{{ search(text: "konzert") {{ title }} map(bbox: {box_text}) {{ title }} feed {{ nodes {{ title }} }} }}'
    )
    assert body == {
        "data": {
            "city": {
                "search": [{"title": "Konzert"}],
                "map": [{"title": "Konzert"}, {"title": "Markt"}],
                "feed": {"nodes": [{"title": "Markt"}, {"title": "Konzert"}, {"title": "Kirmes"}]},
            }
        }
    }
