"""Reads that go together: in one round trip, each for its own city, and none worse off for another for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg
import pytest
from allmende.db.direct import rounds
from allmende.db.direct.postgresql import Connections
from allmende.db.direct.rounds import Rounds
from allmende.db.engine import Database

from .tables import Note

SCOPE = "WHERE (SELECT set_config('allmende.city', $1::text, true)) = $1::text"
TITLES = f"SELECT ARRAY(SELECT title FROM dbtest_note ORDER BY id) {SCOPE}"
SLEEPY = f"SELECT pg_sleep($2::float)::text {SCOPE}"
DIVIDED = f"SELECT 10 / $2::int {SCOPE}"


class Counting(Connections):
    """The real ones, which say what has gone to the server."""

    trips: list[int]
    """How many statements went with each."""

    async def fetch(self, sql: str, arguments: Sequence[Any], seconds: float) -> list[Any]:
        self.trips.append(1)
        return await super().fetch(sql, arguments, seconds)

    async def fetch_many(self, sql: str, arguments: Sequence[Sequence[Any]], seconds: float) -> list[Any]:
        self.trips.append(len(arguments))
        return await super().fetch_many(sql, arguments, seconds)


@pytest.fixture
async def database(postgresql_url: str) -> AsyncIterator[Database]:
    """Not on SQLite, which has no round trip to share."""
    database = Database(postgresql_url, pool_size=5)
    yield database
    await database.close()


@pytest.fixture
async def trips(database: Database) -> AsyncIterator[Counting]:
    connections = Counting(database.url, database.reader.dialect, 10)
    connections.trips = []
    yield connections
    await connections.close()


@pytest.fixture
async def known(trips: Counting, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rounds]:
    """They know of `TITLES`, `SLEEPY` and `DIVIDED` that these are quick for Aue and Bek, on a machine that is not."""
    monkeypatch.setattr(rounds, "QUICK", 2.0)
    monkeypatch.setattr(rounds, "PATIENCE", 10.0)
    made = Rounds(trips, 10.0)
    for city in ("aue", "bek"):
        await made.fetch(city, TITLES, [city])
        await made.fetch(city, SLEEPY, [city, 0.0])
        await made.fetch(city, DIVIDED, [city, 1])
    trips.trips.clear()
    yield made
    await made.close()


async def ask(known: Rounds, sql: str, city: str, *more: Any) -> Any:
    return await known.fetch(city, sql, [city, *more])


async def test_who_comes_alone_goes_alone_at_once(known: Rounds, trips: Counting) -> None:
    for _ in range(3):
        await ask(known, TITLES, "aue")
    assert trips.trips == [1, 1, 1]
    assert not known.sending, "nothing was sent by anybody but the one who asks"


async def test_those_who_come_at_the_same_time_share_a_round_trip_and_each_sees_its_own_city(
    known: Rounds, trips: Counting, database: Database
) -> None:
    for city in ("aue", "bek"):
        async with database.transaction(city) as session:
            session.add_all([Note(id=f"{city}{number}", city=city, title=f"{city} {number}") for number in range(2)])
    asked = ["aue", "bek"] * 20
    found = await asyncio.gather(*[ask(known, TITLES, city) for city in asked])
    assert [row[0] for row in found] == [[f"{city} 0", f"{city} 1"] for city in asked]
    assert trips.trips == [1, rounds.FEW, 19, 10], "full, the half of all, the rest"
    trips.trips.clear()
    await asyncio.gather(*[ask(known, TITLES, city) for city in asked[:8]])
    assert trips.trips == [8], "now that there is company, the first waits for the others"
    await ask(known, TITLES, "aue")
    await ask(known, TITLES, "aue")
    assert trips.trips == [8, 1, 1]


async def test_another_city_or_statement_goes_by_itself_until_it_is_known(known: Rounds, trips: Counting) -> None:
    other = f"SELECT 1 {SCOPE}"
    await asyncio.gather(*[ask(known, sql, city) for city in ("aue", "bek", "cor") for sql in (TITLES, other)])
    assert trips.trips == [1] * 6
    trips.trips.clear()
    await asyncio.gather(*[ask(known, sql, "cor") for sql in (TITLES, TITLES, other, other, TITLES)])
    assert sorted(trips.trips) == [1, 1, 1, 2]


async def test_one_that_fails_fails_alone(known: Rounds, trips: Counting) -> None:
    divisors = [1, 2, 0, 5]
    found = await asyncio.gather(
        *[ask(known, DIVIDED, "aue", divisor) for divisor in (1, *divisors)], return_exceptions=True
    )
    assert isinstance(found.pop(3), asyncpg.DivisionByZeroError)
    assert [row[0] for row in found if not isinstance(row, BaseException)] == [10, 10, 5, 2]
    assert trips.trips == [1, 4, 1, 1, 1, 1]


async def test_a_statement_that_gives_no_row_keeps_nobody_waiting(known: Rounds) -> None:
    nothing = f"SELECT 1 {SCOPE} AND $2::int = 1"
    assert await ask(known, nothing, "aue", 1) == (1,)
    found = await asyncio.gather(*[ask(known, nothing, "aue", number) for number in (1, 1, 2)], return_exceptions=True)
    assert [type(one) for one in found] == [asyncpg.Record, asyncpg.Record, IndexError]


async def test_a_slow_one_holds_up_others_once_and_goes_alone_from_then_on(known: Rounds, trips: Counting) -> None:
    await asyncio.gather(*[ask(known, SLEEPY, "aue", number) for number in (0.0, 0.0, 2.1)])
    assert trips.trips == [1, 2]
    trips.trips.clear()
    await asyncio.gather(*[ask(known, SLEEPY, "aue", number) for number in (0.0, 0.5, 0.0)])
    assert trips.trips == [1, 1, 1], "each by itself, side by side"


async def test_a_round_that_takes_too_long_is_given_up_and_each_has_its_own_time(
    known: Rounds, trips: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "PATIENCE", 0.1)
    monkeypatch.setattr(known, "seconds", 3.0)
    asked = [ask(known, SLEEPY, "aue", seconds) for seconds in (0.0, 0.0, 30.0, 0.3)]
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert [type(one) for one in found] == [asyncpg.Record, asyncpg.Record, TimeoutError, asyncpg.Record]
    assert trips.trips == [1, 3, 1, 1, 1]
    await asyncio.gather(*trips.ending)
    assert trips.room + len(trips.free) == 10, "no connection is lost"


async def test_what_is_committed_while_a_round_is_on_its_way_is_seen_by_who_asks_then(
    known: Rounds, trips: Counting, database: Database
) -> None:
    locked = f"SELECT pg_advisory_xact_lock(5)::text, ARRAY(SELECT title FROM dbtest_note ORDER BY id) {SCOPE}"
    await ask(known, locked, "aue")
    keys = await asyncpg.connect(**(trips.options | {"server_settings": {}}))
    await keys.execute("SELECT pg_advisory_lock(5)")
    before = [asyncio.ensure_future(ask(known, locked, "aue")) for _ in range(3)]
    for _ in range(500):
        if trips.trips[-1:] == [2]:
            break
        await asyncio.sleep(0.01)
    async with database.transaction("aue") as session:
        session.add(Note(id="n1", city="aue", title="new"))
    after = asyncio.ensure_future(ask(known, locked, "aue"))
    await asyncio.sleep(0.01)
    await keys.execute("SELECT pg_advisory_unlock(5)")
    await asyncio.gather(*before)
    assert (await after)[1] == ["new"]
    await keys.close()


async def late(known: Rounds, count: int, seconds: float = 0.0) -> None:
    await asyncio.gather(*[ask(known, SLEEPY, "aue", seconds) for _ in range(count)])


async def test_a_round_waits_for_the_one_before_it_and_those_who_came_first_go_first(
    known: Rounds, trips: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several at a time would keep each other from working, and the last of them would be late."""
    monkeypatch.setattr(rounds, "FEW", 5)
    begun = [asyncio.create_task(late(known, 1, 1.5)), asyncio.create_task(late(known, 2, 1.5))]
    await asyncio.sleep(0.02)
    back: list[int] = []
    for number in range(4):
        begun.append(asyncio.create_task(late(known, 2)))
        begun[-1].add_done_callback(lambda _, number=number: back.append(number))
        await asyncio.sleep(0.02)
    assert trips.trips == [1, 2], "one that went alone is not waited for, the round is, though more are there than fit"
    await asyncio.gather(*begun)
    assert (trips.trips, back) == ([1, 2, 5, 3], [0, 1, 2, 3])
    assert (known.under_way, known.away, known.gathering) == (set(), {}, {})


async def test_of_many_one_half_is_on_its_way_while_the_other_is_answered(known: Rounds, trips: Counting) -> None:
    async def again() -> None:
        for _ in range(6):
            await ask(known, TITLES, "aue")

    await asyncio.gather(*[again() for _ in range(40)])
    assert trips.trips[0] == 1
    assert max(trips.trips) <= rounds.TOGETHER
    assert trips.trips.count(20) > 5, "halves, and not one round after the other of all, between which nobody works"


async def test_a_round_is_not_so_large_that_it_would_not_be_quick(
    known: Rounds, trips: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "QUICK", 1.0)
    await late(known, 31, 0.045)
    assert rounds.FEW <= max(trips.trips) <= 11, "ten have taken 0.45 s or more"


async def test_who_goes_away_changes_nothing_for_the_others(known: Rounds, trips: Counting) -> None:
    first, *others = [asyncio.ensure_future(ask(known, TITLES, "aue")) for _ in range(4)]
    await asyncio.sleep(0)
    others[1].cancel()
    assert await asyncio.gather(first, others[0], others[2]) == [([],)] * 3
    assert (trips.trips[0], others[1].cancelled()) == (1, True)


async def test_the_end_waits_for_what_is_on_its_way(known: Rounds) -> None:
    asked = [asyncio.ensure_future(ask(known, SLEEPY, "aue", 0.05)) for _ in range(3)]
    await asyncio.sleep(0)
    await known.close()
    assert [one.done() for one in asked[1:]] == [True, True]
    await asked[0]


async def test_what_is_known_of_statements_does_not_grow_without_bound(
    known: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "KNOWN", 20)
    for number in range(30):
        sql = f"SELECT {number} {SCOPE}"
        await ask(known, sql, "aue")
        await asyncio.gather(*[ask(known, sql, "aue") for _ in range(3)])
        assert len(known.quick) <= 20
        assert known.in_company.keys() <= {sql for _, sql in known.quick}
    assert (known.away, known.gathering) == ({}, {})
