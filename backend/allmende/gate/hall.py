"""How many requests are inside at once: some are worked on, some wait for a short while, the others are turned away."""

from __future__ import annotations

import asyncio
from collections import deque

from allmende.gate.rules import Rules, full


class Hall:
    """`enter`, then `leave`. Whoever waits is let in in order."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.inside = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def try_enter(self) -> bool:
        """Without waiting, where there is room."""
        if self.inside >= self.rules.slots:
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
                self._waiting.remove(turn)
            if isinstance(error, TimeoutError):
                raise full() from error
            raise

    def leave(self) -> None:
        """Let the next one in."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self.inside -= 1
