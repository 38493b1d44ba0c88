"""New rows in a transaction of their own: all or none, of one city, while there is room."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest
from allmende.db.board import slot
from allmende.db.engine import Database
from allmende.db.listening import Listener
from allmende.db.notices import CHANNEL
from allmende.db.prepared import TOGETHER, Key, Room, prepared
from allmende.db.rows import new_values
from allmende.db.table import CityTable
from allmende.errors import ScopeError
from sqlalchemy import Select, func, select

from .tables import Kinds, Note, Tag

MANY = 3 * TOGETHER


@prepared
def notes(title: Any) -> Select[Any]:
    return select(func.count()).select_from(select(Note.id).where(Note.title == title).limit(10).subquery())


async def insert(
    database: Database, city: str, rows: Sequence[CityTable], room: Room | None = None, unless: tuple[Key, ...] = ()
) -> bool:
    return await database.insert(city, [new_values(row) for row in rows], room, unless=unless)


async def found(database: Database, city: str = "oben") -> list[str]:
    async with database.session(city) as session:
        kept = await session.execute(select(Note.id, Note.title, Tag.name).outerjoin(Tag).order_by(Note.id))
        return [f"{id_} {title} {tag or ''}".strip() for id_, title, tag in kept]


async def test_rows_are_written_together_with_defaults_and_for_their_city_only(database: Database) -> None:
    rows = [Note(id="1", title="$3 'x' ä"), Tag(id="1", note_id="1", name="rot"), Note(id="2", title="")]
    with database.count() as statements:
        assert await insert(database, "oben", rows)
    assert len(statements) == (3 if database.is_sqlite else 1)
    assert await found(database) == ["1 $3 'x' ä rot", "2"]
    assert await found(database, "unten") == []
    assert await insert(database, "unten", [Note(city="unten", id="1", title="unten")])
    assert (await found(database, "unten"), len(await found(database))) == (["1 unten"], 2)


async def test_none_is_written_where_one_is_there_already(database: Database) -> None:
    assert await insert(database, "oben", [Note(id="2", title="erste")])
    for _ in range(3):
        assert not await insert(database, "oben", [Note(id="1", title="neu"), Note(id="2", title="zweite")])
    assert await found(database) == ["2 erste"]
    if database.writer is not None:
        assert len(database.writer.connections.free) == 1, "the connection is used again"


async def test_of_many_at_once_with_one_key_exactly_one_is_written(database: Database) -> None:
    rows = [[Note(id="1", title=f"{n}"), Note(id=f"x{n}", title=f"{n}")] for n in range(12)]
    written = await asyncio.gather(*(insert(database, "oben", each) for each in rows))
    assert sorted(written) == [False] * 11 + [True]
    winner = written.index(True)
    assert await found(database) == [f"1 {winner}", f"x{winner} {winner}"]


async def test_nothing_is_written_where_there_is_no_room_and_other_cities_take_none(database: Database) -> None:
    def room(most: int) -> Room:
        return Room(lambda: notes(title="Licht"), most)

    for n in range(3):
        assert await insert(database, "unten", [Note(id=f"{n}", title="Licht")], room(3))
    assert not await insert(database, "unten", [Note(id="9", title="Licht"), Note(id="8", title="Müll")], room(3))
    assert await insert(database, "unten", [Note(id="9", title="Licht")], room(4))
    assert await insert(database, "oben", [Note(id="1", title="Licht")], room(1))
    assert not await insert(database, "oben", [Note(id="2", title="Müll")], room(0))
    assert (await found(database), len(await found(database, "unten"))) == (["1 Licht"], 4)


@pytest.mark.parametrize("city", ["*", "", "oben'; --", "unten"])
async def test_rows_of_another_city_and_what_is_no_city_are_refused(database: Database, city: str) -> None:
    with pytest.raises(ScopeError):
        await insert(database, city, [Note(city="oben", id="1", title="x")])
    if city != "unten":
        with pytest.raises(ScopeError):
            await insert(database, city, [Note(id="1", title="x")])
    assert await found(database) == []


async def test_what_was_written_is_on_the_board_and_told_to_others(database: Database, database_url: str) -> None:
    assert database.board is not None
    place = slot("oben", Note.__tablename__)
    before = database.board.counters[place]
    rows = [Note(id="1", title="x"), Tag(id="1", note_id="1", name="y")]
    if database.is_sqlite:
        assert await insert(database, "oben", rows)
    else:
        listening = await asyncpg.connect(database_url)
        heard: asyncio.Queue[str] = asyncio.Queue()
        await listening.add_listener(CHANNEL, lambda *told: heard.put_nowait(told[-1]))
        assert await insert(database, "oben", rows)
        assert (await asyncio.wait_for(heard.get(), 20)).partition(" ")[2] == "oben/dbtest_note oben/dbtest_tag"
        await listening.close()
    assert database.board.counters[place] != before


async def test_what_comes_at_the_same_time_goes_in_few_transactions_each_for_its_own_city(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    cities = ["oben", "unten", "drueben"]
    with database.count() as statements:
        work = [insert(database, cities[n % 3], [Note(id=f"{n:03}", title=f"{n}")]) for n in range(MANY)]
        assert all(await asyncio.gather(*work))
    assert len(statements) == MANY / TOGETHER
    for place, city in enumerate(cities):
        assert await found(database, city) == [f"{n:03} {n}" for n in range(place, MANY, 3)]
    await database.close()


async def test_one_that_cannot_be_written_takes_no_other_with_it(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    assert await insert(database, "oben", [Note(id="05", title="erste")])
    work = [insert(database, "oben", [Note(id=f"{n:02}", title="zweite")]) for n in range(10)]
    bad = [insert(database, "oben", [Note(id="99", title=title)]) for title in ("no text\x00", 5)]  # type: ignore[arg-type] # 5 is no text
    *written, by_server, by_us = await asyncio.gather(*work, *bad, return_exceptions=True)
    assert written == [n != 5 for n in range(10)]
    assert isinstance(by_server, asyncpg.PostgresError)
    assert isinstance(by_us, TypeError), "it is not even sent"
    assert await found(database) == [f"{n:02} {'erste' if n == 5 else 'zweite'}" for n in range(10)]
    await database.close()


async def test_where_a_row_is_found_to_be_there_already_none_of_the_others_is_sent_again(postgresql_url: str) -> None:
    """As the key of a report that is sent again, or the number of a case: in a city with ten thousand of them, each
    hundredth is tried again. They may be of several cities, and what is there in one is not there in the other."""
    database = Database(postgresql_url)
    assert await insert(database, "oben", [Note(id="05", title="erste")])
    assert await insert(database, "unten", [Note(id="05", title="erste"), Note(id="06", title="erste")])

    def work(n: int, city: str) -> Awaitable[bool]:
        rows = [Tag(id=f"{n}", note_id=f"{n:02}", name="rot"), Note(id=f"{n:02}", title="zweite")]
        return insert(database, city, rows, unless=(Key(Note, ("id",)),))

    with database.count() as statements:
        assert await asyncio.gather(*(work(n, "oben") for n in range(10))) == [n != 5 for n in range(10)]
        both = [work(n, city) for n in range(10, 14) for city in ("oben", "unten")]
        assert await asyncio.gather(*both, work(5, "drueben"), work(6, "unten")) == [True] * 9 + [False]
    assert len(statements) == 2, "all of them together, once"
    assert await found(database, "unten") == ["05 erste", "06 erste", *[f"{n} zweite rot" for n in range(10, 14)]]
    assert await found(database, "drueben") == ["05 zweite rot"]
    kept = await found(database)
    assert ("05 erste" in kept, "06 zweite rot" in kept, len(kept)) == (True, True, 14)
    await database.close()


@pytest.mark.parametrize("title", ["", "=", "a\x1fb", "a\x1eb", "\x1e", "\x1f\x1f", "a\nb\tc\\d'e{f}"])
async def test_values_stay_what_they_are_also_those_that_hold_what_is_between_them(
    database: Database, title: str
) -> None:
    rows = [Note(id="1", title=title), Tag(id="1", note_id="1", name=title)]
    assert await insert(database, "oben", rows)
    async with database.session("oben") as session:
        assert (await session.execute(select(Note.title, Tag.name).join(Tag))).all() == [(title, title)]
    assert not await insert(database, "oben", [Note(id="1", title=title)])


async def test_values_of_all_kinds_are_written_as_by_the_orm(database: Database) -> None:
    moment = datetime(2026, 10, 25, 2, 30, 0, 123456, tzinfo=ZoneInfo("Europe/Berlin"))
    given: dict[str, Any] = {
        "number": 2**31 - 1,
        "measure": 0.1 + 0.2,
        "switch": False,
        "at": moment,
        "day": date(2026, 2, 28),
        "data": {"ä": [1, None, "\x1f"]},
        "raw": b"\x00\x1e\xff",
    }
    nothing = dict.fromkeys(given)
    rows = [Kinds(id="1", text="=", **given), Kinds(id="2", text="", **given), Kinds(id="3", text=None, **nothing)]
    assert await insert(database, "oben", rows)
    async with database.transaction("oben") as session:
        session.add_all(
            [Kinds(id=f"x{row.id}", text=row.text, **(given if row.text is not None else nothing)) for row in rows]
        )
    async with database.session("oben") as session:
        found = (await session.scalars(select(Kinds).order_by(Kinds.id))).all()
        values = [[getattr(row, name) for name in ("text", *given)] for row in found]
    assert values[:2] == [[text, *(given | {"at": moment.astimezone(UTC)}).values()] for text in ("=", "")]
    assert (values[:2], values[2][:1]) == (values[3:5], values[5][:1])
    assert [values[2][place] for place in (1, 2, 3, 4, 5, 7)] == [None] * 6


async def test_a_row_of_another_city_than_its_own_is_refused_by_the_database(postgresql_url: str) -> None:
    """Whatever a statement for calls of several cities were to bind."""
    database = Database(postgresql_url)
    assert database.writer is not None
    send = database.writer.connections.fetch

    async def forged(sql: str, arguments: Sequence[Any], seconds: float) -> list[Any]:
        return await send(sql.replace("asked.v[1], true) = asked.v[1]", "'unten', true) = 'unten'"), arguments, seconds)

    database.writer.connections.fetch = forged  # type: ignore[method-assign] # on purpose
    work = [insert(database, city, [Note(id="1", title="x")]) for city in ("oben", "unten")]
    refused, written = await asyncio.gather(*work, return_exceptions=True)
    assert (isinstance(refused, asyncpg.InsufficientPrivilegeError), written) == (True, True)
    assert (await found(database), await found(database, "unten")) == ([], ["1 x"])
    await database.close()


async def test_who_waits_for_the_writer_of_the_same_key_holds_up_nobody_for_long(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    async with database.transaction("oben") as session:
        session.add(Note(id="1", title="noch nicht"))
        await session.flush()
        work = [insert(database, "oben", [Note(id=f"{n}", title="neu")]) for n in range(3)]
        assert await asyncio.wait_for(asyncio.gather(*work), 60) == [True, False, True]
    assert await found(database) == ["0 neu", "1 noch nicht", "2 neu"]
    await database.close()


async def test_who_gives_up_waiting_keeps_none_of_the_others_from_being_written(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    work = [asyncio.create_task(insert(database, "oben", [Note(id=f"{n}", title="x")])) for n in range(4)]
    await asyncio.sleep(0)
    work[0].cancel()
    work[2].cancel()
    assert [one is True for one in await asyncio.gather(*work, return_exceptions=True)] == [False, True, False, True]
    assert {"1 x", "3 x"} <= set(await found(database))
    await database.close()


async def test_a_limit_is_not_counted_while_it_cannot_be_used_up_and_holds_all_the_same(postgresql_url: str) -> None:
    here, there = Database(postgresql_url), Database(postgresql_url)  # two workers
    listeners = [await listening(database) for database in (here, there)]
    most = 6 * TOGETHER

    async def take(database: Database, id_: str, city: str = "oben") -> bool:
        return await insert(
            database, city, [Note(id=id_, title="Licht")], Room(lambda: every(title="Licht"), most, of="Licht")
        )

    with here.count() as statements, there.count() as others:
        for n in range(most - 1):
            assert await take((here, there)[n % 2], f"{n}")
    counted = [sql for sql in (*statements, *others) if "count(*)" in sql]
    assert 2 <= len(counted) < most - 1, "some, and the nearer to the limit the more"
    written = await asyncio.gather(*(take(here, f"x{n}") for n in range(3)))
    assert (sum(written), await take(there, "y")) == (1, False)
    assert await take(here, "z", "unten"), "another city has room of its own"
    for listener, database in zip(listeners, (here, there), strict=True):
        await listener.stop()
        assert await take(database, database.url.database or "", "oben") is False
        await database.close()


async def test_of_many_at_once_no_more_are_let_through_than_there_is_room_for(postgresql_url: str) -> None:
    database = Database(postgresql_url)
    listener = await listening(database)
    room = Room(lambda: every(title="Licht"), MANY, of="Licht")
    assert await insert(database, "oben", [Note(id="0", title="Licht")], room)
    work = [insert(database, "oben", [Note(id=f"x{n}", title="Licht")], room) for n in range(MANY + 40)]
    assert sum(await asyncio.gather(*work)) == MANY - 1
    await listener.stop()
    await database.close()


async def listening(database: Database) -> Listener:
    """It hears of what others write."""
    listener = database.listener()
    assert listener is not None
    listener.start()
    async with asyncio.timeout(60):
        while not listener.trusted:  # noqa: ASYNC110
            await asyncio.sleep(0.005)
    return listener


@prepared
def every(title: Any) -> Select[Any]:
    return select(func.count()).select_from(select(Note.id).where(Note.title == title).subquery())


async def test_another_worker_hears_how_many_were_written_and_counts_a_limit_seldom(postgresql_url: str) -> None:
    here, there = Database(postgresql_url), Database(postgresql_url)
    listener, most = await listening(here), 1_000

    async def take(database: Database, id_: str, city: str = "oben") -> bool:
        room = Room(lambda: every(title="Licht"), most, of="Licht")
        return await insert(database, city, [Note(id=id_, title="Licht")], room)

    assert await take(here, "first")
    for n in range(100):  # each a transaction of its own
        assert await take(there, f"{n}")
    both = [take(there, f"x{n}", ("oben", "unten")[n % 2]) for n in range(8)]
    assert all(await asyncio.gather(*both))
    with here.count() as statements:
        assert await take(here, "last")
    assert ["count(*)" in sql for sql in statements] == [False], "a hundred are heard of, and there is room for more"
    await listener.stop()
    await here.close()
    await there.close()
