"""What a client sends, read with a limit of size and time; and whether the client is still there afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from allmende.gate.rules import Rules, Turned, full

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
GONE: Message = {"type": "http.disconnect"}


class Vault:
    """The bytes of all bodies that are being read, so that many large ones cannot fill the memory together."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.held = 0


class Disconnected(Exception):
    """The client went away, or sent what is no HTTP, before its body was there."""


async def read(receive: Receive, vault: Vault, announced: int | None) -> bytes:
    """The whole body. Raises Turned for one that is too large or too slow, and Disconnected."""
    rules = vault.rules
    if announced is not None and announced > rules.body:
        raise _too_large(rules)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(rules.body_seconds):
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise Disconnected
                part = message.get("body", b"")
                size += len(part)
                vault.held += len(part)
                if size > rules.body:
                    raise _too_large(rules)
                if vault.held > rules.bodies:
                    raise full()
                parts.append(part)
                if not message.get("more_body"):
                    return b"".join(parts)
    except TimeoutError as error:
        raise Turned(408, "BODY_TIMEOUT", "the body did not arrive in time", {"Connection": "close"}) from error
    finally:
        vault.held -= size


def _too_large(rules: Rules) -> Turned:
    return Turned(413, "LIMIT_BODY", f"the body has more than {rules.body} bytes", {"Connection": "close"})


class Exchange:
    """Gives the body that was read to the application, and cancels the work for a client that has gone."""

    def __init__(self, receive: Receive, body: bytes | None) -> None:
        self._receive, self._body = receive, body
        self._watch: asyncio.Task[Message] | None = None
        self.gone = False

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        if self._watch is not None:
            return await asyncio.shield(self._watch)
        return await self._receive()

    def watch(self, work: asyncio.Task[Any]) -> None:
        """From now on, end `work` as soon as the client disconnects."""

        def over(ended: asyncio.Task[Message]) -> None:
            if not ended.cancelled() and ended.exception() is None and ended.result() == GONE and not self.gone:
                self.gone = True
                work.cancel()

        self._watch = asyncio.ensure_future(self._next())
        self._watch.add_done_callback(over)

    async def _next(self) -> Message:
        message = await self._receive()
        while message["type"] == "http.request":  # what remains of a body that nobody reads
            message = await self._receive()
        return message

    def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
