"""How many requests are inside at once: some are worked on, some wait for a short while, the others are turned away."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress

from allmende.gate.rules import Rules, full


class Hall:
    """`enter`, then `leave`. Whoever waits is let in in order."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._began: float | None = None
        """When the first one came in in this turn of the event loop."""

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def try_enter(self) -> bool:
        """Without waiting, where there is room, and time left in this turn of the loop."""
        if self.inside >= self.rules.slots or self._waiting or self._late():
            return False
        self.inside += 1
        return True

    async def enter(self) -> None:
        """Raises Turned (503) where too many wait already, or for too long."""
        if self.try_enter():
            return
        if len(self._waiting) >= self.rules.queue:
            raise full()
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self.rules.patience):
                await turn
        except BaseException as error:
            if turn.done() and not turn.cancelled():
                self.leave()  # its turn came just when it gave up
            else:
                with suppress(ValueError):  # it has been passed over already
                    self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise full() from error
            raise

    def leave(self) -> None:
        """Make room for the next one, who comes in in the next turn of the loop."""
        self.inside -= 1
        if self._waiting and self._began is None:
            self._begin()

    def _late(self) -> bool:
        """Whether those who came in in this turn have kept the loop for as long as it may: work that never waits, such
        as reads of an embedded database, would all be done before the loop turns again, however many have come."""
        if self._began is None:
            self._begin()
            return False
        return self._loop.time() - self._began > self.rules.turn

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self._loop.call_soon(self._next)

    def _next(self) -> None:
        """Another turn: let in some of those who wait."""
        self._began = None
        room = min(self.rules.slots - self.inside, self.rules.together)
        while self._waiting and room > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self.inside += 1
                room -= 1
        if self._waiting and self.inside < self.rules.slots:
            self._begin()
