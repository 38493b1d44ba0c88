"""One process at a time: a lease is renewed while its holder works, and who has lost it ends its work."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from allmende.context import utc_now
from allmende.db.engine import Database
from allmende.errors import AllmendeError
from allmende.feeds.lease import Lease
from allmende.feeds.tables import FeedSource
from allmende.jobs.tasks import due_tasks, run_task
from allmende.testing import NOON
from sqlalchemy import select

from ..jobs.village import make_cities, make_house

KEY = {"plugin": "village", "source": "benches"}
SHORT = timedelta(seconds=1)


async def test_lease_holds_for_as_long_as_its_holder_works(database: Database) -> None:
    moment, over = NOON, asyncio.Event()

    def lease() -> Lease:
        return Lease(database, "adorf", FeedSource, KEY, SHORT, lambda: moment)

    async def until() -> datetime | None:
        async with database.session("adorf") as session:
            return await session.scalar(select(FeedSource.lease_until))

    mine = lease()
    assert await mine.take()
    work = asyncio.create_task(mine.during(over.wait()))
    for _ in range(5):
        moment += SHORT / 2
        async with asyncio.timeout(60):
            while await until() != moment + SHORT:  # noqa: ASYNC110 - it is written by the lease's own task
                await asyncio.sleep(0.05)
        assert not await lease().take()
    over.set()
    assert await work is True
    moment += SHORT
    assert await lease().take(), "nobody renews it any more"


async def test_work_ends_when_its_lease_has_gone_to_somebody_else(database: Database) -> None:
    mine, ended = Lease(database, "adorf", FeedSource, KEY, SHORT, utc_now), asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    assert await mine.take()
    working = asyncio.create_task(mine.during(work()))
    late = Lease(database, "adorf", FeedSource, KEY, SHORT, lambda: utc_now() + 2 * SHORT)
    assert await late.take()
    with pytest.raises(AllmendeError, match="another process"):
        await asyncio.wait_for(working, 60)
    assert ended.is_set()
    async with database.transaction("adorf") as session:
        assert (await mine.settle(session), await late.settle(session)) == (False, True)


async def test_work_that_has_settled_is_not_ended_by_its_renewals(database: Database) -> None:
    """It may still have to do something after that, such as to commit."""
    mine = Lease(database, "adorf", FeedSource, KEY, SHORT / 10, utc_now)

    async def work() -> bool:
        async with database.transaction("adorf") as session:
            settled = await mine.settle(session)
        await asyncio.sleep(0.5)
        return settled

    assert await mine.take()
    assert await mine.during(work()) is True


async def test_a_clock_that_was_set_back_leaves_neither_a_lease_nor_a_plan_behind(
    database: Database, tmp_path: Path
) -> None:
    """All that was written by a clock that was a day fast: done, and under way when its process was killed."""
    cities = make_cities(tmp_path, "adorf", "bdorf")
    fast = make_house(database, cities, now=NOON + timedelta(days=1))
    for task in await due_tasks(fast):
        if task.city == "adorf":
            await run_task(fast, task)
    key, length = KEY, fast.services.rules.lease
    assert await Lease(database, "bdorf", FeedSource, key, length, fast.services.clock).take()
    assert await due_tasks(fast) == []
    house = make_house(database, cities)
    tasks = await due_tasks(house)
    assert [task.city for task in tasks] == ["adorf", "bdorf"]
    for task in tasks:
        await run_task(house, task)
    assert await due_tasks(house) == [], "and now it is done"
