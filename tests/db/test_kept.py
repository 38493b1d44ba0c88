"""Rows that are kept: never older than what was committed, and of one city only."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.db.direct import kept as kept_module
from allmende.db.engine import Database
from allmende.db.prepared import prepared
from sqlalchemy import Select, delete, select, update

from .tables import Note, Tag


@prepared
def titled(titles: Any) -> Select[Any]:
    return select(Note).where(Note.title.in_(titles)).order_by(Note.id)


async def write(database: Database, city: str, *ids: str) -> None:
    async with database.transaction(city) as session:
        session.add_all(Note(id=id_, title="a") for id_ in ids)


async def read(database: Database, city: str = "oben") -> tuple[list[str], int]:
    """The ids, and how many statements it took."""
    with database.count() as statements:
        rows = await database.tuples(city, titled(titles=["a", "b"]), (Note.id,))
    return [id_ for (id_,) in rows], len(statements)


async def test_rows_are_kept_until_their_table_is_written_by_whomever(database: Database, database_url: str) -> None:
    database.hears = lambda: True
    await write(database, "oben", "1")
    assert [await read(database) for _ in range(2)] == [(["1"], 1), (["1"], 0)]
    async with database.transaction("oben") as session:
        session.add(Tag(id="1", note_id="1", name="another table"))
    await write(database, "unten", "2")
    assert await read(database) == (["1"], 0)
    assert [await read(database, "unten") for _ in range(2)] == [(["2"], 1), (["2"], 0)]
    other = Database(database_url)
    for statement, left in ((update(Note).values(title="b"), ["1"]), (update(Note).values(title="c"), [])):
        async with other.transaction("oben") as session:
            await session.execute(statement)
        assert [await read(database) for _ in range(2)] == [(left, 1), (left, 0)]
    async with other.transaction("oben") as session:
        await session.execute(delete(Tag))
        await session.execute(delete(Note))
    await other.close()
    assert await read(database) == ([], 1)
    assert await read(database, "unten") == (["2"], 0)


async def test_nothing_is_kept_that_is_long_old_or_not_sure_to_be_heard_of(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database.hears = lambda: False
    await write(database, "oben", "1")
    assert [await read(database) for _ in range(2)] == [(["1"], 1), (["1"], 1)]
    database.hears = lambda: True
    assert [await read(database) for _ in range(2)] == [(["1"], 1), (["1"], 0)]
    database.hears = lambda: False
    assert await read(database) == (["1"], 1)
    database.hears = lambda: True
    monkeypatch.setattr(kept_module, "LIFE", -1.0)
    assert [await read(database) for _ in range(2)] == [(["1"], 1), (["1"], 1)]
    monkeypatch.undo()
    monkeypatch.setattr(kept_module, "ROWS", 0)
    assert [await read(database, "unten") for _ in range(2)] == [([], 1), ([], 0)]
    await write(database, "oben", "2")
    assert [await read(database) for _ in range(2)] == [(["1", "2"], 1), (["1", "2"], 1)]


async def test_what_is_written_while_it_is_read_is_not_taken_as_known(database: Database) -> None:
    database.hears = lambda: True
    asked = titled(titles=["a"])
    before = database.reader.kept.before("oben", ["dbtest_note"])
    await write(database, "oben", "1")
    database.reader.kept.put("key", [("old",)], before)
    assert database.reader.kept.get("key") is None
    assert asked.key == (("a",),)


async def test_at_most_so_many_lists_are_kept(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    database.hears = lambda: True
    monkeypatch.setattr(kept_module, "LISTS", 2)
    kept = database.reader.kept
    for number in range(3):
        kept.put(number, [(number,)], kept.before("oben", ["dbtest_note"]))
        kept.get(0)
    assert [kept.get(number) for number in range(3)] == [[(0,)], None, [(2,)]]
