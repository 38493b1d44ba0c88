"""At most one process works on a thing at a time: a lease in its row, which runs out soon after the process has died.

The same on both databases: the UPDATE that takes a lease is atomic, and needs no connection that stays open. Who works
renews it; who has lost it (stopped for a while, or cut off) ends its work and writes down nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import uniform
from typing import Any, TypeVar, cast
from uuid import uuid4

import structlog
from sqlalchemy import CursorResult, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from allmende.context import Database
from allmende.errors import AllmendeError
from allmende.feeds.tables import Leased

log = structlog.get_logger(__name__)
T = TypeVar("T")
RENEWALS = 4
"""In the length of a lease."""


@dataclass(slots=True)
class Lease:
    """On the row with this key, which is made if it is missing. It holds for `length` after each renewal."""

    database: Database
    city: str
    table: type[Leased]
    key: dict[str, str]
    length: timedelta
    clock: Callable[[], datetime]
    name: str = field(default_factory=lambda: uuid4().hex)
    settled: bool = False
    """Whether an outcome has been written, and perhaps committed."""

    async def take(self) -> bool:
        """False where somebody else holds one."""
        now = self.clock()
        until = self.table.lease_until
        free = or_(until.is_(None), until <= now, until > now + longest(self.length))
        async with self.database.transaction(self.city) as session:
            if await self._write(session, free, lease_by=self.name, lease_until=now + self.length):
                return True
            if (await session.execute(select(self.table.lease_by).where(*self._mine()))).first() is not None:
                return False
        values = {**self.key, "lease_by": self.name, "lease_until": now + self.length}
        try:
            async with self.database.transaction(self.city) as session:
                await session.execute(insert(self.table), [values])
        except IntegrityError:  # somebody else made the row in this very moment, and holds it
            return False
        return True

    async def settle(self, session: Any, **values: Any) -> bool:
        """Write the outcome and give the lease back; False where it had run out and gone to somebody else."""
        self.settled = True
        held = self.table.lease_by == self.name
        return await self._write(session, held, lease_by="", lease_until=None, **values)

    async def during(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. If the lease is lost meanwhile, the work is ended, and an error says so."""
        working, renewing = asyncio.create_task(work), asyncio.create_task(self._renew())
        try:
            await asyncio.wait({working, renewing}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                raise lost()
            return working.result()
        finally:
            for task in (working, renewing):
                task.cancel()
            await asyncio.gather(working, renewing, return_exceptions=True)

    async def _renew(self) -> None:
        """Ends when the lease is lost."""
        while True:
            await asyncio.sleep(self.length.total_seconds() / RENEWALS)
            try:
                async with self.database.transaction(self.city) as session:
                    held = self.table.lease_by == self.name
                    is_held = await self._write(session, held, lease_until=self.clock() + self.length)
                if not is_held and not self.settled:
                    return
            except Exception as error:  # the database; nobody else can take the lease there either
                log.warning("lease_not_renewed", city=self.city, **self.key, error=type(error).__name__)

    async def _write(self, session: Any, where: Any, **values: Any) -> bool:
        statement = update(self.table).where(*self._mine(), where).values(**values)
        result = await session.execute(statement, execution_options={"synchronize_session": False})
        return bool(cast("CursorResult[Any]", result).rowcount)

    def _mine(self) -> list[Any]:
        return [getattr(self.table, name) == value for name, value in self.key.items()]


def lost() -> AllmendeError:
    return AllmendeError("took so long that another process began the same")


def longest(length: timedelta) -> timedelta:
    """A lease that would hold for longer is from before the clock was set back; clocks of machines differ a little."""
    return 2 * length


def next_try(now: datetime, failures: int) -> datetime:
    """When to try again after so many failures in a row: a minute later, then twice as long each time, up to a day."""
    minutes = min(24 * 60, 2 ** min(failures - 1, 11))
    return now + timedelta(minutes=minutes * uniform(0.8, 1.0))
