"""Change notices: every statement tells what it writes, a commit sends it, and a lost connection is noticed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import asyncpg
import psycopg
import pytest
from allmende.db.board import ALL, slot
from allmende.db.direct.postgresql import _Connection
from allmende.db.engine import Database, ScopedConnection
from allmende.db.listening import APPLICATION
from allmende.db.notices import CHANNEL, LONGEST, Changes, from_text, to_text
from allmende.db.prepared import TOGETHER
from allmende.db.rows import new_values
from allmende.footprint import followed
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, insert, literal_column, select, text, update
from sqlalchemy.exc import DBAPIError

from .tables import Note

NAMES = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=40)


@given(st.sets(st.tuples(NAMES, NAMES), min_size=1, max_size=30))
def test_notice_comes_back_as_it_was_sent(tags: set[tuple[str, str]]) -> None:
    assert from_text(to_text(tags)) == tags


@given(st.sets(st.tuples(NAMES, NAMES), min_size=1, max_size=3))
def test_who_has_sent_a_notice_is_no_part_of_it(tags: set[tuple[str, str]]) -> None:
    heard: list[Any] = []
    here, there = (Changes(None, lambda tags, calls: heard.append((tags, calls))) for _ in range(2))
    there.heard(here.text(tags, 3))
    there.heard(to_text(tags))  # of an older release
    assert heard == [(tags, 3), (tags, TOGETHER)]
    here.heard(sent := here.text(tags))
    assert len(heard) == 2, "its own"
    here.begin()
    here.heard(sent)
    assert heard[2:] == [(tags, TOGETHER)], "of the process that it was forked from, or of itself before it was unsure"


def test_notice_that_is_too_long_tells_less_exactly() -> None:
    assert from_text(to_text({("oben", f"table_{n}") for n in range(2_000)})) == {("oben", ALL)}
    assert from_text(to_text({(f"city-{n}", "table") for n in range(2_000)})) == {(ALL, ALL)}
    assert len(to_text({(f"city-{n}", "table") for n in range(400)})) <= LONGEST


def test_notice_that_cannot_be_read_means_that_anything_may_have_changed() -> None:
    for strange in ("", "nonsense", "a/b/c", "~/name"):
        assert from_text(strange) == {(ALL, ALL)}


async def changed(database: Database, write: Callable[[Any], Any], city: str = "oben") -> bool:
    """Whether the table's counter for the city, or a wider one, was raised by this transaction."""
    assert database.board is not None
    slots = (slot("oben", Note.__tablename__), slot("oben", ALL), slot(ALL, Note.__tablename__))
    before = [database.board.counters[each] for each in slots]
    async with database.transaction(city) as session:
        await write(session)
    return before != [database.board.counters[each] for each in slots]


async def test_every_kind_of_write_is_noticed_and_no_read(database: Database) -> None:
    row = {"id": "1", "title": "x"}
    assert await changed(database, lambda s: s.execute(insert(Note), [row]))
    assert await changed(database, lambda s: s.execute(update(Note), [{"city": "oben", **row}]))
    assert await changed(database, lambda s: s.execute(update(Note).where(Note.id == "1").values(title="y")))
    assert await changed(database, lambda s: s.merge(Note(id="1", title="z")))
    assert await changed(database, lambda s: s.execute(delete(Note)))
    assert not await changed(database, lambda s: s.execute(select(Note)))
    assert not await changed(database, lambda s: s.execute(insert(Note), [row]), city="unten")


async def test_sql_by_hand_counts_as_any_change_of_the_city(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    written = text(f"UPDATE {Note.__tablename__} SET title = 'x'")
    assert await changed(database, lambda s: s.execute(written))
    assert not await changed(database, lambda s: s.execute(text("SELECT 1")))
    await database.close()


async def test_reads_are_noted_for_who_keeps_the_answer(database: Database) -> None:
    with followed() as footprint:
        async with database.session("oben") as session:
            await session.scalars(select(Note))
            await session.scalars(select(Note.id).where(Note.id.in_(select(Note.id))))
    assert (footprint.reads, footprint.anything) == ({("oben", Note.__tablename__)}, False)
    with followed() as footprint:
        async with database.system(write=False) as session:
            await session.scalars(select(Note))
    assert footprint.anything, "rows of all cities cannot be named"
    if not database.is_sqlite:
        with followed() as footprint:
            async with database.session("oben") as session:
                await session.execute(select(literal_column("1 + 1")))
        assert footprint.anything


async def test_listener_that_is_cut_off_is_not_trusted_until_it_hears_again(
    postgresql_url: str, postgresql: Any
) -> None:
    database = Database(postgresql_url)
    listener = database.listener()
    assert listener is not None
    assert database.board is not None
    listener.start()
    await until(lambda: listener.trusted)
    missed = database.board.counters[slot(ALL, ALL)]
    with psycopg.connect(postgresql.admin, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s AND datname = %s",
            [APPLICATION, database.url.database],
        )
    await until(lambda: not listener.trusted)
    await until(lambda: listener.trusted)
    assert database.board.counters[slot(ALL, ALL)] > missed, "what may have been missed must be dropped"
    await listener.stop()
    assert not listener.trusted
    await database.close()


async def test_a_process_passes_over_its_own_notices_and_hears_those_of_all_others(postgresql_url: str) -> None:
    here, there = Database(postgresql_url), Database(postgresql_url)
    listener = here.listener()
    assert listener is not None
    heard: list[Any] = []
    here._changes.told = lambda tags, calls: heard.append(tags)
    listener.start()
    await until(lambda: listener.trusted)
    heard.clear()
    mine = {("oben", Note.__tablename__)}
    async with here.transaction("oben") as session:
        session.add(Note(id="1", title="x"))
    async with here.system() as system:
        await system.execute(update(Note).values(title="y"))
    assert await here.insert("oben", [new_values(Note(id="2", title="x"))])
    assert heard == [mine, {("*", Note.__tablename__)}, mine]
    async with there.transaction("unten") as session:
        session.add(Note(id="3", title="x"))
    assert await there.insert("drueben", [new_values(Note(id="4", title="x"))])
    with psycopg.connect(there.url.set(drivername="postgresql").render_as_string(False), autocommit=True) as other:
        other.execute("SELECT pg_notify(%s, 'oben/of_an_older_release')", [CHANNEL])
    await until(lambda: heard[-1] == {("oben", "of_an_older_release")})
    assert heard[3:-1] == [{("unten", Note.__tablename__)}, {("drueben", Note.__tablename__)}]
    await listener.stop()
    await here.close()
    await there.close()


@pytest.mark.parametrize("how", ["insert", "transaction"])
async def test_what_is_committed_after_its_writer_was_told_that_it_failed_is_heard(
    postgresql_url: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(postgresql_url)
    listener = database.listener()
    assert listener is not None
    assert database.writer is not None
    heard: list[Any] = []
    database._changes.told = lambda tags, calls: heard.append(tags)
    listener.start()
    await until(lambda: listener.trusted)
    heard.clear()
    held = asyncio.Event()
    late: list[asyncio.Task[Any]] = []

    async def cut(carried_out: Any) -> None:
        """The connection breaks; the server goes on."""

        async def later() -> None:
            await held.wait()
            await carried_out

        late.append(asyncio.create_task(later()))
        raise asyncpg.ConnectionDoesNotExistError("cut")

    if how == "insert":
        fetch = _Connection.fetch
        monkeypatch.setattr(_Connection, "fetch", lambda self, *given: cut(_awaited(fetch(self, *given))))
        monkeypatch.setattr("allmende.db.direct.postgresql._end", lambda driver: asyncio.sleep(0))
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await database.insert("oben", [new_values(Note(id="1", title="x"))])
        assert heard.pop(0) == {(ALL, ALL)}
    else:
        execute = ScopedConnection.execute

        async def broken(self: Any, query: str, *args: Any, **options: Any) -> Any:
            done = execute(self, query, *args, **options)
            return await (cut(done) if query.startswith("COMMIT") else done)

        monkeypatch.setattr(ScopedConnection, "execute", broken)
        with pytest.raises(DBAPIError):
            async with database.transaction("oben") as session:
                session.add(Note(id="1", title="x"))
    mine = {("oben", Note.__tablename__)}
    assert heard == [mine], "at once, and too early"
    monkeypatch.undo()
    held.set()
    await asyncio.gather(*late)
    await until(lambda: heard == [mine, mine])
    await listener.stop()
    await database.close()


async def _awaited(work: Any) -> Any:
    return await work


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(90):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)
