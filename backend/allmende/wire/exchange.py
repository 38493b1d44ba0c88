"""One request and its answer, as an ASGI application sees them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import structlog

from allmende.wire.rules import failed, written

if TYPE_CHECKING:
    from allmende.wire.connection import Connection

log = structlog.get_logger(__name__)
Message = MutableMapping[str, Any]
Fields = tuple[tuple[bytes, bytes], ...]
Answer = tuple[int, Fields, bytes]
"""Status, header fields (but for the length), body."""
AtOnce = Callable[[dict[str, Any]], Answer | None]
"""What an application may have besides (`at_once`): the answer to a request without a body that needs no waiting, or
None, for which the request goes the ordinary way. It saves a task and three messages for each."""
Directly = Callable[[dict[str, Any], bytes], Coroutine[Any, Any, Answer] | None]
"""What it may have besides (`directly`): what works out the answer to a request whose body is there as a whole, or
None. It saves the messages; and who does not wait for the answer need not be watched for."""
App = Callable[[Any, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]
_STATUS = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_BODILESS = (204, 304)
_ANY = 1 << 60


class Exchange:
    """`run` answers it. `add` and `end` bring the body; `lose` says that the client has gone."""

    __slots__ = (
        "chunked",
        "connection",
        "cut",
        "done",
        "expects",
        "gone",
        "head",
        "is_direct",
        "keep",
        "left",
        "more",
        "parts",
        "scope",
        "started",
        "task",
        "told",
        "unread",
        "waiter",
    )

    def __init__(self, connection: Connection, scope: dict[str, Any], *, keep: bool, expects: bool) -> None:
        self.connection, self.scope = connection, scope
        self.keep = keep
        """Whether the connection is kept for further requests."""
        self.expects = expects
        """The client waits for our word before it sends the body (RFC 9110 § 10.1.1)."""
        self.parts: list[bytes] = []
        self.unread = 0
        self.more, self.told = True, False
        """Whether more of the body may come; whether the application knows that it has all."""
        self.cut, self.gone = False, False
        """Whether the body broke off; whether nobody is there any more to whom to answer."""
        self.waiter: asyncio.Future[None] | None = None
        self.task: asyncio.Task[None] | None = None
        self.is_direct = False
        """Whether the application gives the whole answer, without messages."""
        self.head = b""
        self.started, self.done, self.chunked = False, False, False
        self.left = 0
        """Bytes of the body that the answer has announced and not sent yet; more than _ANY where it has not."""

    async def run(self, app: App) -> None:
        try:
            await app(self.scope, self.receive, self.send)
            if not self.done and not self.gone:
                raise RuntimeError("the application ended before its answer did")
        except asyncio.CancelledError:
            self.connection.abort()
            raise
        except Exception:
            self._broke()
        finally:
            self.connection.left(self)

    async def answer(self, work: Coroutine[Any, Any, Answer]) -> None:
        """The same for an application that gives the whole answer."""
        connection = self.connection
        try:
            answer = await work
            if connection.full is not None and not self.gone:
                await connection.drained()
            if not self.gone:
                self._give(answer)
        except asyncio.CancelledError:
            connection.abort()
            raise
        except Exception:
            self._broke()
        finally:
            connection.left(self)

    def _broke(self) -> None:
        log.exception("request_broke")
        if self.started or self.gone:
            self.connection.abort()
        else:
            self.started = self.done = True
            self.keep = False
            self.connection.write(written(failed()))
            self.connection.answered(self)

    def give(self, at_once: AtOnce) -> bool:
        """Whether the application had an answer at once; then it is on its way."""
        if self.more or self.parts or self.gone or self.scope["method"] != "GET":
            return False
        fields = self.scope["allmende.headers"]
        if b"content-length" in fields or b"transfer-encoding" in fields:  # a body, though an empty one
            return False
        try:
            answer = at_once(self.scope)
            if answer is None:
                return False
            self._give(answer)
        except Exception:  # the ordinary way meets it again
            log.exception("not_answered_at_once")
            return False
        return True

    def _give(self, answer: Answer) -> None:
        status, fields, body = answer
        lines, closes = _lines(status, fields)
        if closes:
            self.keep = False
        length = b"" if status in _BODILESS else b"content-length: %d\r\n" % len(body)
        end = b"\r\n" if self.keep else b"connection: close\r\n\r\n"
        self.started = self.done = True
        self.connection.write(b"".join((lines, self.connection.date(), length, end, body)))
        self.connection.answered(self)

    def add(self, part: bytes) -> None:
        if not self.done:
            self.parts.append(part)
            self.unread += len(part)
            if self.waiter is not None:
                self._wake()

    def end(self) -> None:
        self.more = False
        if len(self.parts) == 1 and not self.expects:
            # For who knows to look for it: what has arrived with the header need not be waited for.
            self.scope["allmende.arrived"] = self.parts[0]
        if self.waiter is not None:
            self._wake()

    def break_off(self) -> None:
        self.cut = True
        self._wake()

    def lose(self) -> None:
        self.gone = True
        self._wake()
        if self.is_direct and self.task is not None:
            self.connection.loop.call_later(self.connection.rules.notice, self._drop)

    def _drop(self) -> None:
        if self.task is not None and not self.task.done():
            self.scope["allmende.gone"] = True
            self.task.cancel()

    def _wake(self) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    async def receive(self) -> Message:
        while True:
            if self.gone or self.done or self.cut:
                return {"type": "http.disconnect"}
            if self.parts or (not self.more and not self.told):
                body = self.parts[0] if len(self.parts) == 1 else b"".join(self.parts)
                self.parts, self.unread = [], 0
                self.told = not self.more
                self.connection.resume()
                return {"type": "http.request", "body": body, "more_body": self.more}
            if self.expects and not self.started:
                self.expects = False
                self.connection.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.connection.resume()
            self.waiter = self.connection.loop.create_future()
            await self.waiter
            self.waiter = None

    async def send(self, message: Message) -> None:
        connection = self.connection
        if connection.full is not None and not self.gone:
            await connection.drained()
        if self.gone:
            return
        if not self.started:
            self.started = True
            self.head = self._head(message["status"], message.get("headers", ()))
            return
        if self.done:
            raise RuntimeError("the answer has ended already")
        body, more = message.get("body", b""), message.get("more_body", False)
        if self.scope["method"] == "HEAD":
            body = b""
        elif self.chunked:
            body = (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
        else:
            self.left -= len(body)
            if self.left < 0 or (0 < self.left < _ANY and not more):
                raise RuntimeError("the body has not the length that was announced")
        if self.head:
            body, self.head = self.head + body, b""
        if body:
            connection.write(body)
        if not more:
            self.done = True
            connection.answered(self)

    @property
    def body(self) -> bytes | None:
        """The whole body, where it has arrived in one piece."""
        arrived: bytes | None = self.scope.get("allmende.arrived")
        return arrived

    def _head(self, status: int, headers: Any) -> bytes:
        parts = [_STATUS[status], self.connection.date()]
        length = None
        if self.more:  # what is still to come of the body would stand before the next request
            self.keep = False
        for name, value in headers:
            if b"\n" in value or b"\r" in value:
                raise RuntimeError(f"the header field {name!r} holds a line break")
            if name == b"content-length":
                length = int(value)
            elif name == b"connection" and b"close" in value.lower():
                self.keep = False
                continue
            parts += (name, b": ", value, b"\r\n")
        if status in _BODILESS:
            self.left = 0
        elif length is not None:
            self.left = length
        elif self.scope["http_version"] == "1.0":
            self.left, self.keep = 2 * _ANY, False  # it ends with the connection
        else:
            self.chunked = True
            parts.append(b"transfer-encoding: chunked\r\n")
        parts.append(b"\r\n" if self.keep else b"connection: close\r\n\r\n")
        return b"".join(parts)


@lru_cache(maxsize=1_000)
def _lines(status: int, fields: Fields) -> tuple[bytes, bool]:
    """These lines of a head, and whether the connection ends with this answer."""
    kept = []
    closes = False
    for name, value in fields:
        if b"\n" in value or b"\r" in value:
            raise RuntimeError(f"the header field {name!r} holds a line break")
        if name == b"connection" and b"close" in value.lower():
            closes = True
        else:
            kept.append(b"%b: %b\r\n" % (name, value))
    return b"".join([_STATUS[status], *kept]), closes
