"""Whether those who wait for an answer are still there: work for a client that has gone is ended."""

from __future__ import annotations

import asyncio
from typing import Any

from allmende.gate.body import Message, Receive
from allmende.gate.rules import Rules


class Exchange:
    """Gives the body that was read to the application, and knows whether the client has gone since."""

    __slots__ = ("_body", "_receive", "_watch", "gone", "since")

    def __init__(self, receive: Receive, body: bytes | None) -> None:
        self._receive, self._body = receive, body
        self._watch: asyncio.Task[Message] | None = None
        self.gone = False
        self.since = 0.0

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if self._watch is not None:
            return await asyncio.shield(self._watch)
        return await self._receive()

    def watch(self, work: asyncio.Task[Any]) -> None:
        """From now on, end `work` as soon as the client disconnects."""
        if self._watch is not None:
            return

        def over(ended: asyncio.Task[Message]) -> None:
            if not ended.cancelled() and ended.exception() is None and not work.done():
                self.gone = True
                work.cancel()

        self._watch = asyncio.ensure_future(self._disconnect())
        self._watch.add_done_callback(over)

    async def _disconnect(self) -> Message:
        message = await self._receive()
        while message["type"] == "http.request":  # what remains of a body that nobody reads
            message = await self._receive()
        return message

    def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()


class Presence:
    """Everybody who is being answered. Most answers are there at once, so only those that last are watched."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self._here: dict[asyncio.Task[Any], Exchange] = {}
        self._round: asyncio.TimerHandle | None = None

    def came(self, exchange: Exchange) -> asyncio.Task[Any]:
        """The running task answers this exchange from now on; end it by `left`."""
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        assert task is not None
        exchange.since = loop.time()
        self._here[task] = exchange
        if self._round is None:
            self._round = loop.call_later(self.rules.notice, self._look)
        return task

    def left(self, task: asyncio.Task[Any]) -> None:
        self._here.pop(task).close()

    def _look(self) -> None:
        """Begin to watch those who have been waiting for a while."""
        loop = asyncio.get_running_loop()
        long_ago = loop.time() - self.rules.notice
        for task, exchange in self._here.items():
            if exchange.since <= long_ago:
                exchange.watch(task)
        self._round = loop.call_later(self.rules.notice, self._look) if self._here else None
