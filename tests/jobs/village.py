"""Cities of the fictional plugin `village`, with jobs, and a house of them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from allmende import Context, Job
from allmende.chore import Chore
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.jobs.house import House
from allmende.plugin import Plugin
from allmende.testing import NOON

from ..feeds.village import benches, make, make_services, write
from ..feeds.village import plugin as village


def make_cities(folder: Path, *slugs: str) -> dict[str, City]:
    """Cities with one good source each, but for slugs that begin with `bad`."""
    cities = {}
    for slug in slugs:
        (folder / slug).mkdir(exist_ok=True)
        write(folder / slug, "crash" if slug.startswith("bad") else benches("1"))
        cities[slug] = make(folder / slug, slug)[0]
    return cities


def make_house(
    database: Database, cities: Mapping[str, City], *jobs: Job, now: datetime = NOON, chores: Sequence[Chore] = ()
) -> House:
    plugin: Plugin = msgspec.structs.replace(village, jobs=jobs)
    services = make_services(database, now=now)
    return House(database=database, services=services, cities=lambda: cities, plugins=lambda: [plugin], chores=chores)


def failing(**options: Any) -> Job:
    async def fail(ctx: Context[Any]) -> None:
        raise RuntimeError("no luck")

    return Job(name="fail", run=fail, every=timedelta(hours=6), **options)


def hanging(**options: Any) -> Job:
    async def hang(ctx: Context[Any]) -> None:
        await asyncio.sleep(3600)

    return Job(name="hang", run=hang, every=timedelta(hours=6), **options)


async def eventually(check: Any, seconds: float = 90.0) -> None:
    """Wait until the coroutine function returns something true."""
    async with asyncio.timeout(seconds):
        while not await check():  # noqa: ASYNC110 - what is waited for is a row in the database
            await asyncio.sleep(0.05)
