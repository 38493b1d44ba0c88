"""An imported item can be corrected here, and no import undoes it; what the source changes underneath is seen."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.content.listing import imported
from allmende.content.overlay import correct, keep, load
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
