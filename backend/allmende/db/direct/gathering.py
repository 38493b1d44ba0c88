"""What many want to write at the same time goes together, so that it costs one commit and one round trip.

While something is on its way, what comes meanwhile gathers, and goes next as one transaction. Of those who ask again as
soon as they are answered, the first would go alone that way, and then all others: so as many as were there last are
waited for, as long as they keep coming. Who comes alone waits for nobody.

One that fails takes all who go together with it: then each is sent again by itself.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from allmende.db.direct.grouped import Grouped
from allmende.db.prepared import TOGETHER

HELD = 0.25
"""Seconds after which those who gather do not wait any longer for what is on its way."""
LULL = 0.001
"""Seconds without anybody new after which those who are still missing are not expected any longer."""
LOOKS = 8
"""So often it is looked whether somebody new has come; then those who are there go."""
RUNNERS = 4
"""Transactions that are on their way at the same time, where the database is that slow."""


class Request:
    """The line of one call for a statement, with what its limit needs; and what became of it: how much was taken of
    its room before it was written, None where it was not."""

    __slots__ = ("bound", "city", "done", "line", "statement")

    def __init__(self, statement: Grouped, city: str, line: str, bound: Sequence[Any] = ()) -> None:
        self.statement, self.city, self.line, self.bound = statement, city, line, bound
        self.done: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()


class Gathering:
    """`send` writes some requests of the same statement, and settles all of them; it raises nothing."""

    def __init__(self, send: Callable[[Sequence[Request]], Awaitable[None]]) -> None:
        self.send = send
        self.waiting: deque[Request] = deque()
        self.runners: set[asyncio.Task[None]] = set()
        self.expected = 1
        """How many were there when the last ones came back: those themselves, and who waited by then."""
        self._overdue: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None

    async def written(self, request: Request) -> int | None:
        """What became of this request."""
        self.waiting.append(request)
        if not self.runners:
            self._begin()
        elif self._overdue is None:
            self._overdue = asyncio.get_running_loop().call_later(HELD, self._overtake)
        return await request.done

    async def close(self) -> None:
        """When all that was asked for is done."""
        while self.runners or self.waiting:
            if not self.runners:
                self._start()
            await asyncio.wait(self.runners)

    def _begin(self) -> None:
        """Nothing is on its way: those who wait go, if they are all who are expected."""
        if len(self.waiting) >= self.expected:
            self._start()
        elif self._look is None:
            self._look_later(LOOKS)

    def _look_later(self, left: int) -> None:
        self._look = asyncio.get_running_loop().call_later(LULL, self._looked, len(self.waiting), left - 1)

    def _looked(self, before: int, left: int) -> None:
        self._look = None
        if left and before < len(self.waiting):
            self._look_later(left)
        else:
            self._start()

    def _start(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None
        runner = asyncio.create_task(self._run())
        self.runners.add(runner)
        runner.add_done_callback(self.runners.discard)

    def _overtake(self) -> None:
        self._overdue = None
        if self.waiting and len(self.runners) < RUNNERS:
            self._start()

    async def _run(self) -> None:
        while requests := self._next():
            await self.send(requests)
            self.expected = min(len(requests) + len(self.waiting), TOGETHER)
            if self._overdue is not None:
                self._overdue.cancel()
                self._overdue = None
            if len(self.waiting) < self.expected and len(self.runners) == 1:
                break
        self.runners.discard(asyncio.current_task())  # whoever comes now starts another
        if self.waiting and not self.runners:
            self._begin()

    def _next(self) -> Sequence[Request]:
        """Those that have waited longest, and whose statement is the same; without those that nobody waits for."""
        left = deque[Request]()
        taken: list[Request] = []
        for request in self.waiting:
            if request.done.done():  # its time was up before it was sent
                continue
            if not taken or (request.statement is taken[0].statement and len(taken) < TOGETHER):
                taken.append(request)
            else:
                left.append(request)
        self.waiting = left
        return taken
