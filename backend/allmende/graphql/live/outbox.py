"""What waits for a client: little, however much there is to say and however slowly it reads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from allmende.graphql.live.model import LiveRules
from allmende.wire.waiting import Waiting


class TooSlow(Exception):
    """The client reads more slowly than can be waited for."""


class Outbox:
    """`put` and `add` by whoever has something to say, `get` by the one who writes to the client; at the end, `close`.

    All outboxes of a worker share `everybody`; where there is too much in them, this one may have to `give_up`.
    """

    def __init__(self, rules: LiveRules, everybody: Waiting, give_up: Callable[[], None]) -> None:
        self.rules, self.everybody, self.give_up = rules, everybody, give_up
        self.free = asyncio.Event()
        """There is room for one answer more."""
        self.free.set()
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(rules.queue)
        self._waiting = 0
        self._held = 0
        """Bytes of answers that wait for room."""

    def put(self, message: bytes) -> None:
        """What cannot wait. Raises TooSlow where too many messages wait already."""
        try:
            self._queue.put_nowait(message)
        except asyncio.QueueFull:
            raise TooSlow from None
        self._waiting += len(message)
        self._weigh()
        if self._is_full():
            self.free.clear()

    async def add(self, message: bytes) -> None:
        """An answer, as soon as what waits is little enough for one more. Raises TooSlow."""
        self._held += len(message)
        self._weigh()
        try:
            async with asyncio.timeout(self.rules.patience):
                await self.free.wait()
        except TimeoutError:
            raise TooSlow from None
        finally:
            self._held -= len(message)
            self._weigh()
        self.put(message)

    async def get(self) -> bytes:
        """The next message; what was got counts as waiting until `sent`."""
        return await self._queue.get()

    def sent(self, message: bytes) -> None:
        self._waiting -= len(message)
        self._weigh()
        if not self._is_full():
            self.free.set()

    def close(self) -> None:
        """Nobody takes anything any more."""
        self._waiting = self._held = 0
        self._weigh()

    def _weigh(self) -> None:
        self.everybody.put(self, self._waiting + self._held)

    def _is_full(self) -> bool:
        return self._waiting > self.rules.waiting or self._queue.qsize() > self.rules.queue // 2
