"""New rows in a transaction of their own: all or none, of one city, while there is room."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from allmende.db.board import slot
from allmende.db.engine import Database
from allmende.db.notices import CHANNEL
from allmende.db.prepared import Room, prepared
from allmende.errors import ScopeError
from sqlalchemy import Select, func, select

from .tables import Note, Tag


@prepared
def notes(title: Any) -> Select[Any]:
    return select(func.count()).select_from(select(Note.id).where(Note.title == title).limit(10).subquery())


async def found(database: Database, city: str = "oben") -> list[str]:
    async with database.session(city) as session:
        kept = await session.execute(select(Note.id, Note.title, Tag.name).outerjoin(Tag).order_by(Note.id))
        return [f"{id_} {title} {tag or ''}".strip() for id_, title, tag in kept]


async def test_rows_are_written_together_with_defaults_and_for_their_city_only(database: Database) -> None:
    rows = [Note(id="1", title="$3 'x' ä"), Tag(id="1", note_id="1", name="rot"), Note(id="2", title="")]
    with database.count() as statements:
        assert await database.insert("oben", rows)
    assert len(statements) == (3 if database.is_sqlite else 1)
    assert await found(database) == ["1 $3 'x' ä rot", "2"]
    assert await found(database, "unten") == []
    assert await database.insert("unten", [Note(city="unten", id="1", title="unten")])
    assert (await found(database, "unten"), len(await found(database))) == (["1 unten"], 2)


async def test_none_is_written_where_one_is_there_already(database: Database) -> None:
    assert await database.insert("oben", [Note(id="2", title="erste")])
    for _ in range(3):
        assert not await database.insert("oben", [Note(id="1", title="neu"), Note(id="2", title="zweite")])
    assert await found(database) == ["2 erste"]
    if database.writer is not None:
        assert len(database.writer.connections.free) == 1, "the connection is used again"


async def test_of_many_at_once_with_one_key_exactly_one_is_written(database: Database) -> None:
    rows = [[Note(id="1", title=f"{n}"), Note(id=f"x{n}", title=f"{n}")] for n in range(12)]
    written = await asyncio.gather(*(database.insert("oben", each) for each in rows))
    assert sorted(written) == [False] * 11 + [True]
    winner = written.index(True)
    assert await found(database) == [f"1 {winner}", f"x{winner} {winner}"]


async def test_nothing_is_written_where_there_is_no_room_and_other_cities_take_none(database: Database) -> None:
    def room(most: int) -> Room:
        return Room(notes(title="Licht"), most)

    for n in range(3):
        assert await database.insert("unten", [Note(id=f"{n}", title="Licht")], room(3))
    assert not await database.insert("unten", [Note(id="9", title="Licht"), Note(id="8", title="Müll")], room(3))
    assert await database.insert("unten", [Note(id="9", title="Licht")], room(4))
    assert await database.insert("oben", [Note(id="1", title="Licht")], room(1))
    assert not await database.insert("oben", [Note(id="2", title="Müll")], room(0))
    assert (await found(database), len(await found(database, "unten"))) == (["1 Licht"], 4)


@pytest.mark.parametrize("city", ["*", "", "oben'; --", "unten"])
async def test_rows_of_another_city_and_what_is_no_city_are_refused(database: Database, city: str) -> None:
    with pytest.raises(ScopeError):
        await database.insert(city, [Note(city="oben", id="1", title="x")])
    if city != "unten":
        with pytest.raises(ScopeError):
            await database.insert(city, [Note(id="1", title="x")])
    assert await found(database) == []


async def test_what_was_written_is_on_the_board_and_told_to_others(database: Database, database_url: str) -> None:
    assert database.board is not None
    place = slot("oben", Note.__tablename__)
    before = database.board.counters[place]
    rows = [Note(id="1", title="x"), Tag(id="1", note_id="1", name="y")]
    if database.is_sqlite:
        assert await database.insert("oben", rows)
    else:
        listening = await asyncpg.connect(database_url)
        heard: asyncio.Queue[str] = asyncio.Queue()
        await listening.add_listener(CHANNEL, lambda *told: heard.put_nowait(told[-1]))
        assert await database.insert("oben", rows)
        assert await asyncio.wait_for(heard.get(), 20) == "oben/dbtest_note oben/dbtest_tag"
        await listening.close()
    assert database.board.counters[place] != before
