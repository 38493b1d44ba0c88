"""A statement that nobody waits for any more does not go on in the database, and its connection is free again."""

from __future__ import annotations

import asyncio
import time

import pytest
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
