"""What runs on one shared stream, and the one who writes to it."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import msgspec
import structlog
from msgspec import Struct

from allmende.errors import Denied
from allmende.graphql.incoming import Incoming
from allmende.graphql.live import events
from allmende.graphql.live.events import Receive, Send
from allmende.graphql.live.outbox import Outbox, TooSlow
from allmende.graphql.outcome import failure
from allmende.relay import service as relay

if TYPE_CHECKING:
    from allmende.graphql.live.hub import Hub

log = structlog.get_logger(__name__)


class Request(Struct, array_like=True):
    """An operation on its way to the worker that holds the stream."""

    asked: Incoming
    key: str | None
    """The hash to remember the document by."""
    read_only: bool
    headers: dict[str, str]


class Carrier:
    """One open stream; `key` is the fingerprint of its token, `scope` the request that opened it."""

    def __init__(self, hub: Hub, key: str, scope: Any) -> None:
        self.hub, self.key, self.scope = hub, key, scope
        self.outbox = Outbox(hub.rules, hub.waiting, self._break)
        self.operations: dict[str, asyncio.Task[None]] = {}
        self.broken: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def serve(self, receive: Receive, send: Send) -> None:
        await events.begin(send)
        life = asyncio.sleep(relay.LIFE.total_seconds())
        ends = (self._write(send), events.gone(receive), self.hub.stopping.wait(), life)
        work: list[asyncio.Future[Any]] = [self.broken, *map(asyncio.ensure_future, ends)]
        try:
            await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        finally:
            tasks: list[asyncio.Future[Any]] = [*work, *self.operations.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.outbox.close()
        await events.finish(send)

    def begin(self, id_: str, request: bytes) -> None:
        task = asyncio.create_task(self._guarded(id_, msgspec.json.decode(request, type=Request)))
        self.operations[id_] = task
        task.add_done_callback(lambda done: self._over(id_, done))

    def _over(self, id_: str, task: asyncio.Task[None]) -> None:
        if self.operations.get(id_) is task:
            del self.operations[id_]

    def end(self, id_: str) -> None:
        if id_ in self.operations:
            self.operations[id_].cancel()

    async def _guarded(self, id_: str, request: Request) -> None:
        try:
            await self._answer(id_, request)
        except Exception as error:  # too slow a client, the database, or what nobody has thought of: begin anew
            if not isinstance(error, TooSlow):
                log.warning("stream_broken", error=type(error).__name__)
            self._break()

    def _break(self) -> None:
        if not self.broken.done():
            self.broken.set_result(None)

    async def _answer(self, id_: str, request: Request) -> None:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in request.headers.items()]
        scope = {"headers": headers, "allmende.charge": self.scope.get("allmende.charge")}
        try:
            reader = await self.hub.reader(request.headers.get("authorization"))
        except Denied as error:  # revoked in the meantime
            await self.outbox.add(_next(id_, failure(error.message, error.code)))
        else:
            operation, _ = self.hub.operation(request.asked, scope, read_only=request.read_only, reader=reader)
            async with aclosing(self.hub.answers(operation, request.key)) as outcomes:
                async for outcome in outcomes:
                    message = _next(id_, outcome.body)
                    del outcome  # what waits are bytes
                    await self.outbox.add(message)
        await relay.ended(self.hub.engine().services.database, self.key, id_)
        self.outbox.put(events.event("complete", {"id": id_}))

    async def _write(self, send: Send) -> None:
        while True:
            try:
                async with asyncio.timeout(self.hub.rules.keep_alive):
                    message = await self.outbox.get()
            except TimeoutError:
                await events.part(send, events.KEEP_ALIVE)
            else:
                await events.part(send, message)
                self.outbox.sent(message)


def _next(id_: str, body: dict[str, Any]) -> bytes:
    return events.event("next", {"id": id_, "payload": body})
