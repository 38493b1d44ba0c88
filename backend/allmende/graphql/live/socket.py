"""One WebSocket, by graphql-transport-ws (github.com/enisdenjo/graphql-ws, PROTOCOL.md), strictly."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress
from typing import Any

import msgspec

from allmende.errors import AllmendeError, Denied
from allmende.graphql.documents import DocumentError
from allmende.graphql.incoming import BadRequest, Incoming, incoming
from allmende.graphql.live.hub import Hub
from allmende.graphql.live.model import PROTOCOL, Close
from allmende.graphql.live.outbox import Outbox, TooSlow
from allmende.graphql.outcome import failure
from allmende.graphql.outgoing import encode


class Closed(Exception):
    """The connection ends, with this code and reason; without a code, the client has gone."""

    def __init__(self, code: Close | None, reason: str = "") -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def _too_slow() -> Closed:
    return Closed(Close.TOO_SLOW, "Too slow; try again later")


class Socket:
    """A connection from its handshake to its end: `await Socket(…).serve()`."""

    def __init__(
        self, hub: Hub, scope: Any, receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        self.hub, self.rules, self.scope, self.receive, self.send = hub, hub.rules, scope, receive, send
        self.acknowledged = False
        self.authorization: bytes | str | None = dict(scope["headers"]).get(b"authorization")
        """Of the handshake, or what `connection_init` brings (browsers can send no header)."""
        self.heard = True
        """Since the last ping, or the beginning."""
        self.operations: dict[str, asyncio.Task[None]] = {}
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.outbox = Outbox(self.rules, hub.waiting, lambda: self.end(_too_slow()))

    async def serve(self) -> None:
        with self.hub.entered():
            await self._serve()

    async def _serve(self) -> None:
        if (await self.receive())["type"] != "websocket.connect":
            return
        offered = PROTOCOL in self.scope.get("subprotocols", ())
        await self.send({"type": "websocket.accept", "subprotocol": PROTOCOL if offered else None})
        if not offered:
            await self._close(Close.SUBPROTOCOL, "Subprotocol not acceptable")
            return
        work = (self._read(), self._write(), self._watch(), self._stopped())
        tasks = [asyncio.create_task(self._guarded(one)) for one in work]
        closed = Closed(None)
        try:
            await self.ended
        except Closed as error:
            closed = error
        finally:
            everything = [*tasks, *self.operations.values()]
            for task in everything:
                task.cancel()
            await asyncio.gather(*everything, return_exceptions=True)
            self.outbox.close()
        if closed.code is not None:  # after the reading has ended: a server may not close while somebody reads
            await self._close(closed.code, closed.reason)

    def end(self, error: BaseException) -> None:
        if not self.ended.done():
            self.ended.set_exception(error)

    async def _close(self, code: Close, reason: str) -> None:
        with suppress(Exception):  # the client may have gone meanwhile
            await asyncio.wait_for(self.send({"type": "websocket.close", "code": int(code), "reason": reason}), 2)

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except Closed as closed:
            self.end(closed)
        except TooSlow:
            self.end(_too_slow())
        except Exception:  # what nobody has thought of
            self.end(Closed(Close.INTERNAL, "Internal server error"))

    async def _read(self) -> None:
        while True:
            message = await self.receive()
            if message["type"] == "websocket.disconnect":
                raise Closed(None)
            text = message.get("text")
            if text is None:
                raise Closed(Close.INVALID, "Invalid message: text is needed")
            if len(text) > self.rules.message:
                raise Closed(Close.TOO_BIG, f"more than {self.rules.message} characters")
            self.heard = True
            await self._heard(_parsed(text))
            await self.outbox.free.wait()  # who asks faster than it reads has to wait

    async def _write(self) -> None:
        while True:
            message = await self.outbox.get()
            await self.send({"type": "websocket.send", "text": message.decode()})
            self.outbox.sent(message)

    async def _watch(self) -> None:
        """The client has to introduce itself in time, and to show now and then that it is there."""
        await asyncio.sleep(self.rules.init_seconds)
        if not self.acknowledged:
            raise Closed(Close.INIT_TIMEOUT, "Connection initialisation timeout")
        while True:
            await asyncio.sleep(self.rules.ping_seconds)
            if not self.heard:
                raise Closed(Close.SILENT, "Terminated")
            self.heard = False
            self._say({"type": "ping"})

    async def _stopped(self) -> None:
        await self.hub.stopping.wait()
        raise Closed(Close.GOING_AWAY, "Going away")

    def _say(self, message: dict[str, Any]) -> None:
        self.outbox.put(encode(message))

    async def _introduced(self, payload: dict[str, Any] | None) -> None:
        """A token that is not valid ends the connection; without one, the client is anybody."""
        given = (payload or {}).get("authorization")
        if given is not None:
            self.authorization = given if isinstance(given, str) else ""
        try:
            await self.hub.reader(self.authorization)
        except Denied as error:
            raise Closed(Close.FORBIDDEN, error.code) from error
        self.acknowledged = True
        self._say({"type": "connection_ack"})

    async def _heard(self, message: dict[str, Any]) -> None:
        kind, payload = message["type"], message.get("payload")
        if kind == "connection_init":
            if self.acknowledged:
                raise Closed(Close.TOO_MANY_INITS, "Too many initialisation requests")
            _object(payload)
            await self._introduced(payload)
        elif kind == "ping":
            _object(payload)
            self._say({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})
        elif kind == "pong":
            _object(payload)
        elif kind == "complete":
            task = self.operations.pop(self._id(message), None)
            if task is not None:
                task.cancel()
        elif kind == "subscribe":
            self._subscribe(self._id(message), payload)
        else:
            raise Closed(Close.INVALID, f"Invalid message: type {kind[:40]!r}")

    def _id(self, message: dict[str, Any]) -> str:
        id_ = message.get("id")
        if not isinstance(id_, str) or not 0 < len(id_) <= self.rules.id:
            raise Closed(Close.INVALID, f"Invalid message: id: a text of 1 to {self.rules.id} characters is needed")
        return id_

    def _subscribe(self, id_: str, payload: Any) -> None:
        if not self.acknowledged:
            raise Closed(Close.UNAUTHORIZED, "Unauthorized")
        if not isinstance(payload, dict):
            raise Closed(Close.INVALID, "Invalid message: payload: an object is needed")
        try:
            asked = incoming(payload)
        except BadRequest as error:
            raise Closed(Close.INVALID, f"Invalid message: {error.message}"[:120]) from error
        if id_ in self.operations:
            raise Closed(Close.DUPLICATE, f"Subscriber for {id_[:60]} already exists")
        if len(self.operations) >= self.rules.operations:
            self._refuse(id_, f"{self.rules.operations} operations are open on this connection", "LIMIT_OPERATIONS")
            return
        try:
            self.scope.get("allmende.take", lambda: None)()
        except AllmendeError as error:
            self._refuse(id_, error.message, error.code)
            return
        task = asyncio.create_task(self._guarded(self._answer(id_, asked)))
        self.operations[id_] = task
        task.add_done_callback(lambda done: self._over(id_, done))

    def _over(self, id_: str, task: asyncio.Task[None]) -> None:
        if self.operations.get(id_) is task:
            del self.operations[id_]

    async def _answer(self, id_: str, asked: Incoming) -> None:
        try:
            reader = await self.hub.reader(self.authorization)  # each time: it may have been revoked meanwhile
            operation, key = self.hub.operation(asked, self.scope, reader=reader)
        except (DocumentError, Denied) as error:
            self._refuse(id_, error.message, error.code)
            return
        async with aclosing(self.hub.answers(operation, key)) as outcomes:
            async for outcome in outcomes:
                more = outcome.kind == "executed"
                kind, payload = ("next", outcome.body) if more else ("error", outcome.body["errors"])
                message = encode({"id": id_, "type": kind, "payload": payload})
                del outcome, payload  # what waits are bytes
                await self.outbox.add(message)
                if not more:
                    self._forget(id_)
                    return
        self._done(id_, {"id": id_, "type": "complete"})

    def _refuse(self, id_: str, message: str, code: str) -> None:
        self._done(id_, {"id": id_, "type": "error", "payload": failure(message, code)["errors"]})

    def _done(self, id_: str, message: dict[str, Any]) -> None:
        """The last message of an operation."""
        self._forget(id_)
        self._say(message)

    def _forget(self, id_: str) -> None:
        """From now on the id of the running operation may be used anew."""
        if self.operations.get(id_) is asyncio.current_task():
            del self.operations[id_]


def _parsed(text: str) -> dict[str, Any]:
    try:
        message = msgspec.json.decode(text)
    except (ValueError, RecursionError) as error:
        raise Closed(Close.INVALID, "Invalid message: not JSON") from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Closed(Close.INVALID, "Invalid message: an object with a type is needed")
    return message


def _object(payload: Any) -> None:
    if not isinstance(payload, dict | None):
        raise Closed(Close.INVALID, "Invalid message: payload: an object is needed")
