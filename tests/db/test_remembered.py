"""What is remembered was made of rows that still hold, of one city and one plugin, and of nothing besides."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.context import Context
from allmende.db.engine import Database
from allmende.db.prepared import prepared
from allmende.footprint import followed
from allmende.registry import Config
from allmende.testing import make_city
from sqlalchemy import Select, select, update

from .tables import Note, Tag


@prepared
def titles() -> Select[Any]:
    return select(Note).order_by(Note.id)


class Asking:
    """A plugin that wants the titles as one text."""

    def __init__(self, database: Database, slug: str = "oben", plugin: str = "notes") -> None:
        database.hears = lambda: True
        self.ctx = Context(make_city(slug), plugin, Config(), database)
        self.made = 0

    async def make(self) -> str:
        self.made += 1
        return " ".join([title for (title,) in await titles().tuples(self.ctx, Note.title)])

    async def ask(self) -> str:
        return await self.ctx.remember(self.make, "titles")


async def write(database: Database, city: str, *rows: Any) -> None:
    async with database.transaction(city) as session:
        session.add_all(rows)


async def test_it_is_made_anew_when_its_table_was_written_and_not_before(database: Database, database_url: str) -> None:
    asking = Asking(database)
    await write(database, "oben", Note(id="1", title="a"))
    assert asking.ctx.remembered("titles") is None
    assert [await asking.ask(), await asking.ask(), asking.ctx.remembered("titles")] == ["a"] * 3
    await write(database, "oben", Tag(id="1", note_id="1", name="another table"))
    await write(database, "unten", Note(id="2", title="b"))
    assert (await asking.ask(), asking.made) == ("a", 1)
    other = Database(database_url)
    async with other.transaction("oben") as session:
        await session.execute(update(Note).values(title="c"))
    await other.close()
    assert asking.ctx.remembered("titles") is None
    assert (await asking.ask(), asking.made) == ("c", 2)


async def test_it_is_of_its_city_its_plugin_and_its_config(database: Database) -> None:
    first = Asking(database)
    await write(database, "oben", Note(id="1", title="a"))
    await write(database, "unten", Note(id="2", title="b"))
    await first.ask()
    for other, found in ((Asking(database, "unten"), "b"), (Asking(database, plugin="others"), "a")):
        assert other.ctx.remembered("titles") is None
        assert (await other.ask(), other.made) == (found, 1)
    reloaded = Asking(database)
    assert (await reloaded.ask(), reloaded.made) == ("a", 1)


async def test_what_rests_on_anything_else_is_not_kept(database: Database) -> None:
    asking = Asking(database)
    await write(database, "oben", Note(id="1", title="a"))

    async def late() -> str:
        assert asking.ctx.now
        return await asking.make()

    async def nothing() -> str:
        return "never read"

    async def changing() -> str:
        found = await asking.make()
        await write(database, "unten", Note(id="3", title="c"))
        return found

    async def failing() -> str:
        await asking.make()
        raise ValueError("broken")

    for make in (late, nothing, changing):
        assert await asking.ctx.remember(make, "it")
        assert asking.ctx.remembered("it") is None
    with pytest.raises(ValueError, match="broken"):
        await asking.ctx.remember(failing, "it")
    assert asking.ctx.remembered("it") is None
    database.hears = lambda: False
    await asking.ask()
    assert asking.ctx.remembered("titles") is None


async def test_an_answer_made_of_it_rests_on_its_tables(database: Database) -> None:
    asking = Asking(database)
    await write(database, "oben", Note(id="1", title="a"))
    for _ in range(2):
        with followed() as looked:
            await asking.ask()
        assert looked.reads == {("oben", "dbtest_note")}
    with followed() as looked:
        assert asking.ctx.remembered("titles") == "a"
    assert looked.reads == {("oben", "dbtest_note")}
    assert asking.made == 1
