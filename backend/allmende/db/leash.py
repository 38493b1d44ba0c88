"""A plugin's way to the database: sessions that are taken back from it when its turn is over, and not too many at once.

A session that a plugin opens and never closes would hold a connection for ever; a few of them, and no plugin of any
city gets one any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any

import structlog
from msgspec import Struct, field
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.db.bound import Sessions

if TYPE_CHECKING:
    from allmende.db.prepared import Key, Prepared, Room
    from allmende.db.rows import New

log = structlog.get_logger(__name__)
SHARE = 10
"""Sessions that one plugin may have open at the same time in one process: half of the pool with its overflow."""
GRACE = 0.5
"""Seconds that work which was cancelled has to give its sessions back by itself."""


class Leash(Struct, eq=False):
    """What a plugin is given instead of the database, for one request or one job."""

    _database: Sessions
    plugin: str
    room: asyncio.Semaphore
    loans: set[_Loan] = field(default_factory=set)

    def session(self, city: str) -> _Loan:
        return _Loan(self, self._database.session(city))

    def transaction(self, city: str) -> _Loan:
        return _Loan(self, self._database.transaction(city))

    def insert(
        self, city: str, rows: Sequence[New], room: Room | None = None, *, unless: tuple[Key, ...] = ()
    ) -> Awaitable[bool]:
        """It has its own time limit, and leaves nothing open."""
        return self._database.insert(city, rows, room, unless=unless)

    async def tuples(self, city: str, prepared: Prepared, columns: tuple[Any, ...]) -> Sequence[Sequence[Any]]:
        """A read by a prepared statement has its own time limit, and leaves nothing open."""
        return await self._database.tuples(city, prepared, columns)

    def remembered(self, city: str, key: Hashable) -> Any:
        return self._database.remembered(city, key)

    async def remember(self, city: str, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Any:
        """What is read for it is read by this leash."""
        return await self._database.remember(city, key, make)

    async def recall(self, grace: float = GRACE) -> int:
        """Take back what is still open after `grace` seconds; how many sessions that were."""
        waited = 0.0
        while self.loans and waited < grace:
            await asyncio.sleep(0.05)
            waited += 0.05
        leaked = list(self.loans)
        for loan in leaked:
            await loan.take_back()
        if leaked:
            log.warning("sessions_leaked", plugin=self.plugin, sessions=len(leaked))
        return len(leaked)


class _Loan(AbstractAsyncContextManager[AsyncSession]):
    def __init__(self, leash: Leash, manager: AbstractAsyncContextManager[AsyncSession]) -> None:
        self.leash, self.manager = leash, manager
        self.session: AsyncSession | None = None

    async def __aenter__(self) -> AsyncSession:
        await self.leash.room.acquire()
        self.leash.loans.add(self)
        try:
            self.session = await self.manager.__aenter__()
        except BaseException:
            self._returned()
            raise
        return self.session

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        if self not in self.leash.loans:  # taken back in the meantime
            return None
        try:
            return await self.manager.__aexit__(kind, error, trace)
        finally:
            self._returned()

    async def take_back(self) -> None:
        """Drop the connection: who leaked the session may still use it, so nobody else may be given it."""
        self._returned()
        if self.session is not None:
            with suppress(Exception):
                await asyncio.wait_for(self.session.invalidate(), 2)

    def _returned(self) -> None:
        if self in self.leash.loans:
            self.leash.loans.discard(self)
            self.leash.room.release()
