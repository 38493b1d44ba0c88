"""A statement that nobody waits for any more does not go on in the database, and its connection is free again."""

from __future__ import annotations

import asyncio
import time

import pytest
from allmende.db.direct.postgresql import LOOK
from allmende.db.engine import Database
from sqlalchemy import text

SLOW = {
    True: "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 300000000) SELECT count(*) FROM c",
    False: "SELECT pg_sleep(60)",
}
RUNNING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%'"


async def test_cancelled_statement_ends_at_once_in_the_database(database: Database) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3), database.system(write=False) as session:
            await session.execute(text(SLOW[database.is_sqlite]))
    assert time.monotonic() - began < 30, "it would have gone on for a minute"
    if database.is_sqlite:
        cpu = time.process_time()
        await asyncio.sleep(0.5)
        assert time.process_time() - cpu < 0.4  # the thread works no more
    async with database.system(write=False) as session:
        assert (await session.execute(text("SELECT 1"))).scalar() == 1
        if not database.is_sqlite:
            active = (await session.execute(text(f"{RUNNING} AND state = 'active'"))).scalar()
            assert active == 0


@pytest.mark.parametrize("cancelled", [False, True])
async def test_nor_does_one_of_a_plan_where_its_time_is_over_or_its_client_gone(
    database: Database, *, cancelled: bool
) -> None:
    """It has connections of its own, which had been cut off before the database was told."""
    plans = database.reader.postgresql
    if plans is None:
        pytest.skip("statements of plans on SQLite are not waited for")

    async def until(number: int) -> None:
        async with asyncio.timeout(20):
            while True:
                async with database.system(write=False) as session:  # each sees what runs at its beginning
                    if (await session.execute(text(f"{RUNNING} AND state = 'active'"))).scalar() == number:
                        return

    for _ in range(3):
        fetching = asyncio.create_task(plans.fetch("SELECT pg_sleep(60)", [], 60 if cancelled else 0.5))
        await until(1)
        if cancelled:
            fetching.cancel()
        with pytest.raises((TimeoutError, asyncio.CancelledError)):
            await fetching
        await until(0)
    assert list(await plans.fetch("SELECT 1 AS one", [], 10)) == [(1,)]


async def test_one_look_ends_only_those_statements_whose_time_is_over(database: Database) -> None:
    """No timer belongs to a statement, and none is left when nothing runs."""
    plans = database.reader.postgresql
    if plans is None:
        pytest.skip("statements of plans on SQLite are not waited for")
    asked = [plans.fetch(f"SELECT {n} AS n, pg_sleep({n})::text", [], 0.3 if n == 20 else 30) for n in (20, 2, 1)]
    late, *others = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(late, TimeoutError)
    assert [rows[0]["n"] for rows in others if isinstance(rows, list)] == [2, 1]
    assert not plans.running
    await asyncio.sleep(2 * LOOK)
    assert plans.look is None


async def test_a_request_that_is_ended_while_its_statement_is_late_is_ended(database: Database) -> None:
    plans = database.reader.postgresql
    if plans is None:
        pytest.skip("statements of plans on SQLite are not waited for")
    fetching = asyncio.create_task(plans.fetch("SELECT pg_sleep(60)", [], 60))
    for _ in range(1_000):
        if plans.running and next(iter(plans.running)).waiter is not None:
            break
        await asyncio.sleep(0.01)
    next(iter(plans.running)).end()
    fetching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await fetching
