"""What waits for a client: little, however much there is to say and however slowly it reads."""

from __future__ import annotations

import asyncio

from allmende.graphql.live.model import LiveRules


class TooSlow(Exception):
    """The client reads more slowly than can be waited for."""


class Outbox:
    """`put` by whoever has something to say, `get` by the one who writes to the client."""

    def __init__(self, rules: LiveRules) -> None:
        self.rules = rules
        self.free = asyncio.Event()
        """There is room for one answer more."""
        self.free.set()
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(rules.queue)
        self._waiting = 0

    def put(self, message: bytes) -> None:
        """Raises TooSlow where too many messages wait already. Answers wait for `room` first."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            raise TooSlow from None
        self._waiting += len(message)
        if self._is_full():
            self.free.clear()

    async def get(self) -> bytes:
        """The next message; what was got counts as waiting until `sent`."""
        return await self._queue.get()

    def sent(self, message: bytes) -> None:
        self._waiting -= len(message)
        if not self._is_full():
            self.free.set()

    async def room(self) -> None:
        """Until what waits is little enough for one answer more. Raises TooSlow."""
        try:
            async with asyncio.timeout(self.rules.patience):
                await self.free.wait()
        except TimeoutError:
            raise TooSlow from None

    def _is_full(self) -> bool:
        return self._waiting > self.rules.waiting or self._queue.qsize() > self.rules.queue // 2
