"""The sessions of the database room: what they commit, and whose rows they see."""

from __future__ import annotations

import pytest
from allmende.db.engine import Database
from sqlalchemy import select, text

from .tables import Note


async def test_transaction_commits_and_fills_in_the_city(database: Database) -> None:
    async with database.transaction("astadt") as session:
        session.add(Note(id="1", title="Hallo"))
    async with database.session("astadt") as session:
        assert [(n.city, n.title) for n in await session.scalars(select(Note))] == [("astadt", "Hallo")]


async def test_transaction_rolls_back_on_an_exception(database: Database) -> None:
    async def write_and_fail() -> None:
        async with database.transaction("astadt") as session:
            session.add(Note(id="1", title="Hallo"))
            await session.flush()
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        await write_and_fail()
    async with database.session("astadt") as session:
        assert list(await session.scalars(select(Note))) == []


async def test_session_commits_nothing(database: Database) -> None:
    async with database.session("astadt") as session:
        session.add(Note(id="1", title="Hallo"))
        await session.flush()
        with pytest.raises(RuntimeError, match="reads only"):
            await session.commit()
    async with database.session("astadt") as session:
        assert list(await session.scalars(select(Note))) == []


async def test_count_collects_statements_without_the_bookkeeping(database: Database) -> None:
    with database.count() as counter:
        async with database.session("astadt") as session:
            await session.scalars(select(Note))
            await session.scalars(select(Note.title))
    assert len(counter) == 2
    assert all(statement.startswith("SELECT") for statement in counter)


async def test_ping_answers(database: Database) -> None:
    assert await database.ping() is None


async def test_sqlite_is_set_up_for_a_server(sqlite_url: str) -> None:
    database = Database(sqlite_url)
    async with database.system() as session:
        pragmas = [
            await session.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    await database.close()
    assert pragmas == ["wal", 1, 1, 10000]
