"""The runner inside the process: it does what is due, shares its slots among the cities, and stops cleanly."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

from allmende import Context, Job
from allmende.db.engine import Database
from allmende.feeds.tables import FeedSource
from allmende.jobs.embedded import EmbeddedRunner
from allmende.jobs.tables import JobState
from sqlalchemy import select

from ..feeds.village import titles
from .village import eventually, make_cities, make_house


async def test_runner_imports_all_cities_though_one_is_bad(database: Database, tmp_path: Path) -> None:
    house = make_house(database, make_cities(tmp_path, "adorf", "bad", "cdorf"))
    runner = EmbeddedRunner(house, pause=0.1)
    runner.start()

    async def done() -> bool:
        async with database.system(write=False) as session:
            states = (await session.execute(select(FeedSource.city, FeedSource.status))).all()
        return sorted(map(tuple, states)) == [("adorf", "fresh"), ("bad", "failed"), ("cdorf", "fresh")]

    await eventually(done)
    await runner.stop()
    assert await titles(database, "cdorf") == ["Bench 1"]


async def test_city_with_hanging_jobs_holds_its_share_of_slots_only(database: Database, tmp_path: Path) -> None:
    running: Counter[str] = Counter()
    most: Counter[str] = Counter()
    finished: list[str] = []

    async def run(ctx: Context[Any]) -> None:
        running[ctx.city.slug] += 1
        most[ctx.city.slug] = max(most[ctx.city.slug], running[ctx.city.slug])
        await asyncio.sleep(60 if ctx.city.slug == "slow" else 0)
        running[ctx.city.slug] -= 1
        finished.append(ctx.city.slug)

    jobs = [Job(name=f"job{i}", run=run, every=timedelta(hours=1)) for i in range(4)]
    house = make_house(database, make_cities(tmp_path, "slow", "quick"), *jobs)
    runner = EmbeddedRunner(house, concurrency=3, per_city=2, pause=0.05, grace=0.1)
    runner.start()

    async def quick_is_done() -> bool:
        return finished.count("quick") == 4

    await eventually(quick_is_done)
    await runner.stop()
    assert most["slow"] <= 2
    assert "slow" not in finished


async def test_stop_gives_unfinished_work_back(database: Database, tmp_path: Path) -> None:
    begun = asyncio.Event()

    async def run(ctx: Context[Any]) -> None:
        begun.set()
        await asyncio.sleep(60)

    house = make_house(database, make_cities(tmp_path, "adorf"), Job(name="long", run=run, every=timedelta(hours=1)))
    runner = EmbeddedRunner(house, pause=0.05, grace=0.1)
    runner.start()
    await asyncio.wait_for(begun.wait(), 60)
    await runner.stop()
    async with database.session("adorf") as session:
        assert (await session.execute(select(JobState.status, JobState.lease_by))).all() == [("pending", "")]
