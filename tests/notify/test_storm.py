"""kill -9 while pushes are delivered: nobody is forgotten without a word, and nobody is told a third time."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from allmende.db.engine import Database
from allmende.notify.delivery import Delivering
from allmende.notify.queue import INTERRUPTED
from allmende.notify.tables import Delivery, Endpoint
from allmende.notify.ways import CONNECTIONS, open_channels
from allmende.testing import NOON
from sqlalchemy import select

from .people import announce, join, make_town, make_ways, run, states
from .pushservice import PushService, serving

ROOT = Path(__file__).parents[2]
CITY = make_town()
BROWSERS = 90
LEASE = timedelta(minutes=6)
"""After which what a killed process had claimed is due again."""


class Counting(PushService):
    """Says when it has taken so many messages, and keeps the next ones waiting until it is told to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.until, self.reached, self.open = 0, asyncio.Event(), asyncio.Event()
        self.open.set()

    async def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[Any], bytes]:
        answer = await super().answer(path, headers, body)
        if self.until and self.asked["decrypted"] >= self.until:
            self.open.clear()
            self.reached.set()
        await self.open.wait()  # taken, but its sender does not know
        return answer


async def killed(service: Counting, url: str, base: str, now: datetime, after: int) -> None:
    """A process delivers until the service has taken so many more messages; then it is killed."""
    service.until = service.asked["decrypted"] + after
    service.reached.clear()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.notify.storm", url, base, now.isoformat(), cwd=ROOT
    )
    await asyncio.wait_for(service.reached.wait(), 60)
    process.kill()
    assert await process.wait() == -signal.SIGKILL, "it was killed in the middle"
    service.until = 0
    service.open.set()


async def test_a_killed_process_loses_no_push_and_nobody_gets_a_third(database: Database, database_url: str) -> None:
    service = Counting()
    async with serving(service) as base:
        for number in range(BROWSERS):
            await join(database, CITY, base, number)
        await announce(database, CITY)
        await killed(service, database_url, base, NOON, 40)
        assert await run(database, CITY, base) == {}, "those that it had claimed are leased, and it had claimed all"
        await killed(service, database_url, base, NOON + LEASE, 20)
        await run(database, CITY, base, now=NOON + 2 * LEASE)
    copies = {number: len(service.received.get(number, ())) for number in range(BROWSERS)}
    assert max(copies.values()) == 2, "only what nobody knew the end of was sent again"
    assert sum(count == 2 for count in copies.values()) <= 2 * CONNECTIONS
    async with database.session(CITY.slug) as session:
        asked = select(Delivery.state, Delivery.reason, Endpoint.address).join(
            Endpoint, Endpoint.id == Delivery.endpoint
        )
        found = (await session.execute(asked)).all()
    assert {one.state for one in found} <= {"sent", "failed"}
    given_up = {int(one.address.rpartition("/")[2]): one.reason for one in found if one.state == "failed"}
    assert (set(given_up.values()) <= {INTERRUPTED}, len(given_up) <= CONNECTIONS) == (True, True)
    assert {number for number, count in copies.items() if count == 0} <= set(given_up), "nobody is lost without a word"
    assert service.refused == []


async def test_stopping_lets_what_is_in_mid_air_land(database: Database) -> None:
    service = Counting()
    async with serving(service) as base:
        for number in range(2 * CONNECTIONS):
            await join(database, CITY, base, number)
        await announce(database, CITY)
        async with open_channels(make_ways(base), CITY) as channels:
            service.until = CONNECTIONS
            running = asyncio.create_task(Delivering(database, CITY, channels, lambda: NOON).run(60))
            await asyncio.wait_for(service.reached.wait(), 60)
            running.cancel()
            await asyncio.sleep(0)
            service.until = 0
            service.open.set()
            with pytest.raises(asyncio.CancelledError):
                await running
        assert set(await states(database, CITY)) == {"sent", "waiting"}
        await run(database, CITY, base, now=NOON + timedelta(minutes=1))
    assert await states(database, CITY) == {"sent": 2 * CONNECTIONS}
    assert {len(got) for got in service.received.values()} == {1}


class Holding(PushService):
    """Keeps the first so many messages waiting for an answer that is a failure in the end."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.first, self.taken, self.open, self.reached = first, 0, asyncio.Event(), asyncio.Event()

    async def answer(self, path: str, headers: dict[str, str], body: bytes) -> tuple[int, list[Any], bytes]:
        self.taken += 1
        if self.taken > self.first:
            return await super().answer(path, headers, body)
        if self.taken == self.first:
            self.reached.set()
        await self.open.wait()
        return 503, [], b""


async def test_who_was_stopped_for_longer_than_its_lease_sends_nothing_more_and_spoils_nothing(
    database: Database,
) -> None:
    """What the others have sent meanwhile is neither sent again nor taken back to the queue."""
    service, moment = Holding(CONNECTIONS), NOON
    async with serving(service) as base:
        for number in range(BROWSERS):
            await join(database, CITY, base, number)
        await announce(database, CITY)
        async with open_channels(make_ways(base), CITY) as channels:
            stopped = Delivering(database, CITY, channels, lambda: moment)
            sleeping = asyncio.create_task(stopped.run(60))
            await asyncio.wait_for(service.reached.wait(), 60)
            moment = NOON + LEASE
            assert (await run(database, CITY, base, now=moment))["sent"] == BROWSERS
            service.open.set()
            await sleeping
        assert await states(database, CITY) == {"sent": BROWSERS}
        assert await run(database, CITY, base, now=moment + timedelta(hours=1)) == {}
    assert {len(service.received[number]) for number in range(BROWSERS)} == {1}
