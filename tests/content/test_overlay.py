"""An imported item can be corrected here, and no import undoes it; what the source changes underneath is seen."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.content.listing import imported
from allmende.content.overlay import compared, correct, keep, load
from allmende.content.values import Incomplete
from allmende.errors import InputError, NotFound
from allmende.testing import Town

from .newsroom import FEED, SOURCE, desk, titles

ROW = "news { latest { id title summary text html publishedAt source { title } } }"


@pytest.fixture
async def newsroom(town: Town) -> Town:
    town.write("data/news.xml", "")
    town.switch_on("news", SOURCE)
    await feed(town, "Schwimbad zu", "Bis Montag.")
    return town


async def feed(town: Town, title: str, text: str) -> str:
    town.write("data/news.xml", FEED.format(title=title, text=text))
    return (await town.load("news"))["rathaus"].status


async def row(town: Town) -> dict[str, Any]:
    return (await town.ask(ROW))["news"]["latest"][0]


async def fix(town: Town, seen: int = 0, **values: Any) -> bool:
    at = desk(town)
    async with at.ctx.transaction() as session:
        return await correct(session, at, (await row(town))["id"], values, seen)


async def test_a_correction_shows_at_once_and_survives_imports(newsroom: Town) -> None:
    before = await row(newsroom)
    assert await fix(newsroom, title="Schwimmbad zu")
    assert await row(newsroom) == {**before, "title": "Schwimmbad zu"}
    runs = await newsroom.load("news")
    assert (runs["rathaus"].changed, runs["rathaus"].unchanged) == (0, 1)
    assert await row(newsroom) == {**before, "title": "Schwimmbad zu"}
    answer = await newsroom.ask('search(text: "schwimmbad") { title }')
    assert answer["search"] == [{"title": "Schwimmbad zu"}]


async def test_what_is_not_corrected_goes_on_following_the_source(newsroom: Town) -> None:
    await fix(newsroom, title="Schwimmbad zu")
    await feed(newsroom, "Schwimbad zu", "Bis Dienstag.")
    assert (await row(newsroom))["title"] == "Schwimmbad zu"
    assert (await row(newsroom))["text"] == "Bis Dienstag."


async def test_a_change_of_the_source_under_a_correction_is_noted_until_somebody_has_looked(newsroom: Town) -> None:
    await fix(newsroom, title="Schwimmbad zu")
    newsroom.wait(hours=1)
    await feed(newsroom, "Schwimmbad wieder offen", "Bis Montag.")
    at, id_ = desk(newsroom), (await row(newsroom))["id"]
    async with at.ctx.transaction() as session:
        page = await imported(session, at, only="changed")
        (found, overlay) = page.rows[0]
        assert (found.title, overlay.values, overlay.current) == (
            "Schwimmbad zu",
            {"title": "Schwimmbad zu"},
            {"title": "Schwimmbad wieder offen"},
        )
        await keep(session, id_, at)
    async with at.ctx.transaction() as session:
        assert (await imported(session, at, only="changed")).total == 0
        assert (await imported(session, at, only="corrected")).total == 1
    assert await titles(newsroom) == ["Schwimmbad zu"]


async def test_taking_a_correction_back_shows_exactly_what_the_source_says_now(newsroom: Town) -> None:
    await fix(newsroom, title="Schwimmbad zu", text="Bis **Freitag**.")
    assert (await row(newsroom))["html"] == "<p>Bis <strong>Freitag</strong>.</p>"
    await feed(newsroom, "Neues Bad", "Am Ring.")
    at = desk(newsroom)
    async with at.ctx.transaction() as session:
        overlay = await load(session, (await row(newsroom))["id"])
        assert overlay is not None
        current = dict(overlay.current)
    await fix(newsroom, seen=1, **current)
    corrected = await row(newsroom)
    assert (corrected["title"], corrected["text"]) == ("Neues Bad", "Am Ring.")
    runs = await newsroom.load("news")
    assert (runs["rathaus"].changed, runs["rathaus"].unchanged, await row(newsroom)) == (0, 1, corrected)


async def test_two_who_correct_the_same_are_told(newsroom: Town) -> None:
    await fix(newsroom, title="Eins")
    with pytest.raises(InputError, match="meanwhile"):
        await fix(newsroom, seen=0, title="Zwei")
    assert await titles(newsroom) == ["Eins"]


async def test_a_correction_that_cannot_be_shown_is_refused(newsroom: Town) -> None:
    with pytest.raises(Incomplete):
        await fix(newsroom, title="")
    assert not await fix(newsroom, title="Schwimbad zu")


async def test_a_correction_waits_for_an_item_that_the_source_has_dropped_for_a_while(newsroom: Town) -> None:
    await fix(newsroom, title="Schwimmbad zu")
    at, id_ = desk(newsroom), (await row(newsroom))["id"]
    other = FEED.format(title="Anderes", text="-").replace("<guid>1<", "<guid>2<").replace("/1<", "/2<")
    newsroom.write("data/news.xml", other)
    await newsroom.load("news")
    with pytest.raises(NotFound):
        async with at.ctx.transaction() as session:
            await correct(session, at, id_, {"title": "Zu"}, 1)
    newsroom.write("data/news.xml", FEED.format(title="Schwimbad zu", text="Bis Montag."))
    await newsroom.load("news")
    assert await titles(newsroom) == ["Schwimmbad zu"]


async def test_a_place_keeps_what_its_source_knows_besides(town: Town) -> None:
    """The position and the category of a place are several columns each, and its facts are no field at all."""
    town.write("data/b.csv", "name;lat;lon;n\nFreibad;51.9;7.6;3\n")
    town.switch_on(
        "places",
        '[[categories]]\nid = "bad"\nname = "Bad"\n[[categories]]\nid = "amt"\nname = "Amt"\n[[sources]]\nid = "b"\n'
        'kind = "csv"\nfile = "data/b.csv"\ncategory = "bad"\n[[sources.facts]]\nlabel = "Becken"\nvalue = "{n}"\n',
    )
    await town.load("places")
    selection = "places { near(first: 1) { id name category position { lat } facts { value } } }"
    id_ = (await town.ask(selection))["places"]["near"][0]["id"]
    at = desk(town, "places")
    async with at.ctx.transaction() as session:
        await correct(session, at, id_, {"category": "amt", "position": {"lat": 51.95, "lon": 7.6}}, 0)
    for _ in range(2):
        assert (await town.ask(selection))["places"]["near"] == [
            {"id": id_, "name": "Freibad", "category": "Amt", "position": {"lat": 51.95}, "facts": [{"value": "3"}]}
        ]
        await town.load("places")


CALENDAR = "BEGIN:VCALENDAR\r\n{events}END:VCALENDAR\r\n"
ENTRY = "BEGIN:VEVENT\r\nUID:{uid}\r\nSUMMARY:{title}\r\nDTSTART:{start}\r\nDTEND:{end}\r\n{more}END:VEVENT\r\n"
DATES = "events { upcoming(first: 9) { id title start end allDay status } }"


def entry(title: str = "Konzert", start: str = "20261201T190000", end: str = "20261201T210000", more: str = "") -> str:
    return ENTRY.format(uid=title, title=title, start=start, end=end, more=more)


async def calendar(town: Town, *entries: str) -> dict[str, Any]:
    town.write("data/k.ics", CALENDAR.format(events="".join(entries)))
    run = (await town.load("events"))["k"]
    return {name: getattr(run, name) for name in ("status", "added", "changed", "removed", "unchanged")}


async def dates(town: Town) -> list[dict[str, Any]]:
    return (await town.ask(DATES))["events"]["upcoming"]


async def redate(town: Town, seen: int = 0, **values: Any) -> bool:
    at = desk(town, "events")
    async with at.ctx.transaction() as session:
        id_ = (await imported(session, at)).rows[0][0].id
        return await correct(session, at, id_, values, seen)


@pytest.fixture
async def stage(town: Town) -> Town:
    town.write("data/k.ics", "")
    town.switch_on("events", '[[sources]]\nid = "k"\nkind = "ical"\nfile = "data/k.ics"\ntitle = "K"\n')
    await calendar(town, entry())
    return town


async def test_categories_of_an_imported_item_are_found_by_as_they_are_corrected(newsroom: Town) -> None:
    await fix(newsroom, categories=["Bäder", "Sport"])
    for _ in range(2):
        found = await newsroom.ask('news { latest(category: "Sport") { title categories } categories { name count } }')
        assert found["news"]["latest"] == [{"title": "Schwimbad zu", "categories": ["Bäder", "Sport"]}]
        assert (await newsroom.load("news"))["rathaus"].changed == 0
    await fix(newsroom, seen=1, categories=[])
    assert (await newsroom.ask("news { categories { name } }"))["news"]["categories"] == []


async def test_a_date_is_corrected_survives_imports_and_can_be_taken_back_exactly(stage: Town) -> None:
    before = await dates(stage)
    assert await redate(stage, start="2026-12-03T20:00:00+01:00", end="2026-12-03T22:30:00+01:00", title="Das Konzert")
    (corrected,) = await dates(stage)
    assert corrected == {
        **before[0],
        "title": "Das Konzert",
        "start": "2026-12-03T20:00:00+01:00",
        "end": "2026-12-03T22:30:00+01:00",
    }
    assert (await calendar(stage, entry()))["changed"] == 0
    stage.wait(days=1)  # so that the same file is read anew
    assert (await calendar(stage, entry()))["changed"] == 0
    assert await dates(stage) == [corrected]
    at = desk(stage, "events")
    async with at.ctx.session() as session:
        page = await imported(session, at, only="corrected")
        said, overlay = await compared(session, at, page.rows[0][0].id)
    assert (said["start"], said["end"], overlay.changed_at) == (
        "2026-12-01T19:00:00+01:00",
        "2026-12-01T21:00:00+01:00",
        None,
    )
    await redate(stage, seen=1, **said)
    assert await dates(stage) == before


async def test_a_date_that_the_source_changes_under_a_correction_is_noted(stage: Town) -> None:
    await redate(stage, start="2026-12-03T20:00:00+01:00", end="")
    stage.wait(hours=1)
    await calendar(stage, entry(start="20261204T190000", end="20261204T210000"))
    at = desk(stage, "events")
    async with at.ctx.session() as session:
        assert (await imported(session, at, only="changed")).total == 1
    assert [date["start"] for date in await dates(stage)] == ["2026-12-03T20:00:00+01:00"]


async def test_an_imported_event_is_cancelled_here(stage: Town) -> None:
    await redate(stage, status="cancelled")
    assert [(date["start"], date["status"]) for date in await dates(stage)] == [
        ("2026-12-01T19:00:00+01:00", "CANCELLED")
    ]


async def test_a_series_of_a_feed_stays_as_it_is_until_all_its_dates_are_said_anew(stage: Town) -> None:
    await calendar(stage, entry(more="RRULE:FREQ=DAILY;COUNT=3\r\n"))
    assert len(await dates(stage)) == 3
    await redate(stage, title="Konzertreihe")
    assert [date["title"] for date in await dates(stage)] == ["Konzertreihe"] * 3
    with pytest.raises(Incomplete, match="start: missing"):
        await redate(stage, seen=1, title="Konzertreihe", status="cancelled")
    await redate(stage, seen=1, title="Konzertreihe", start="2026-12-01T18:00:00+01:00", repeat="weekly")
    assert [date["start"] for date in await dates(stage)][:2] == [
        "2026-12-01T18:00:00+01:00",
        "2026-12-08T18:00:00+01:00",
    ]


async def test_a_corrected_date_that_is_over_does_not_come_back_on_the_day_that_the_source_has(stage: Town) -> None:
    with pytest.raises(InputError, match="over"):
        await redate(stage, start="2025-01-01T19:00:00+01:00", end="")
    await redate(stage, start="2026-11-25T19:00:00+01:00", end="")
    stage.wait(days=60)
    await calendar(stage, entry(start="20270301T190000", end="20270301T210000"))
    assert await dates(stage) == []


async def test_all_day_and_several_days_are_read_as_editors_enter_them(stage: Town) -> None:
    day = "BEGIN:VEVENT\r\nUID:a\r\nSUMMARY:Fest\r\nDTSTART;VALUE=DATE:20261205\r\nDTEND;VALUE=DATE:{end}\r\n"
    day += "END:VEVENT\r\n"
    at = desk(stage, "events")
    for end, said_end in (("20261206", ""), ("20261208", "2026-12-07T00:00:00+01:00")):
        await calendar(stage, day.format(end=end))
        async with at.ctx.session() as session:
            page = await imported(session, at)
            said, _ = await compared(session, at, page.rows[0][0].id)
        assert (said["start"], said["end"], said["all_day"]) == ("2026-12-05T00:00:00+01:00", said_end, True)
        before = await dates(stage)
        await redate(stage, status="cancelled")
        assert await dates(stage) == [{**date, "status": "CANCELLED"} for date in before]
        await redate(stage, seen=1, **said)
