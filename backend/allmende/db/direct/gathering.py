"""What many want to write at the same time goes together, so that it costs one commit and one round trip.

While something is on its way, what comes meanwhile gathers, and goes next as one transaction; who comes alone waits for
nobody. In a transaction each is still a statement of its own, which sets its own city and sees what those before it
have written. One that fails takes all of them with it: then each is sent again by itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from allmende.db.board import Tag
from allmende.db.prepared import TOGETHER

HELD = 0.25
"""Seconds after which those who gather do not wait any longer for what is on its way."""
RUNNERS = 4
"""Transactions that are on their way at the same time, where the database is that slow."""


class Request:
    """One statement with its arguments, what it changes, and what became of it: how much was taken of its room before
    it was written, None where it was not."""

    __slots__ = ("arguments", "done", "sql", "tags")

    def __init__(self, sql: str, arguments: list[Any], tags: set[Tag]) -> None:
        self.sql, self.arguments, self.tags = sql, arguments, tags
        self.done: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()


class Gathering:
    """`send` writes some requests with the same SQL, and settles all of them; it raises nothing."""

    def __init__(self, send: Callable[[Sequence[Request]], Awaitable[None]]) -> None:
        self.send = send
        self.waiting: deque[Request] = deque()
        self.runners: set[asyncio.Task[None]] = set()
        self._overdue: asyncio.TimerHandle | None = None

    async def written(self, request: Request) -> int | None:
        """What became of this request."""
        self.waiting.append(request)
        if not self.runners:
            self._start()
        elif self._overdue is None:
            self._overdue = asyncio.get_running_loop().call_later(HELD, self._overtake)
        return await request.done

    async def close(self) -> None:
        """When all that was asked for is done."""
        while self.runners:
            await asyncio.wait(self.runners)

    def _start(self) -> None:
        runner = asyncio.create_task(self._run())
        self.runners.add(runner)
        runner.add_done_callback(self.runners.discard)

    def _overtake(self) -> None:
        self._overdue = None
        if self.waiting and len(self.runners) < RUNNERS:
            self._start()

    async def _run(self) -> None:
        while self.waiting:
            requests = self._next()
            if requests:
                await self.send(requests)
            if self._overdue is not None:
                self._overdue.cancel()
                self._overdue = None
        self.runners.discard(asyncio.current_task())  # whoever comes now starts another

    def _next(self) -> Sequence[Request]:
        """Those that have waited longest, and whose statement is the same; without those that nobody waits for."""
        sql, left = self.waiting[0].sql, deque[Request]()
        taken: list[Request] = []
        for request in self.waiting:
            if request.done.done():  # its time was up before it was sent
                continue
            if request.sql == sql and len(taken) < TOGETHER:
                taken.append(request)
            else:
                left.append(request)
        self.waiting = left
        return taken
