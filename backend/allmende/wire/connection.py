"""One connection: requests are read from it one after the other, and answered in order.

uvicorn serves (workers, signals, lifespan, WebSockets) and httptools parses; this is what uvicorn's own HTTP protocol
does, with limits on the header, refusals in JSON, and less work for each request.
"""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from itertools import chain
from typing import Any, ClassVar

import httptools
from uvicorn.config import Config
from uvicorn.protocols.utils import get_local_addr, get_remote_addr
from uvicorn.server import ServerState

from allmende.wire.exchange import AtOnce, Directly, Exchange
from allmende.wire.framing import check, is_same_host
from allmende.wire.heads import Heads, said
from allmende.wire.rules import Refused, Rules, broken, too_large, too_many_ahead, written
from allmende.wire.upgrade import handed_over
from allmende.wire.waiting import Waiting, make_room, untaken

_STATE: dict[str, Any] = {}


class Connection(asyncio.Protocol):
    """Made by uvicorn for each connection."""

    rules: ClassVar[Rules] = Rules()
    untaken: ClassVar[Waiting] = Waiting(rules.untaken)
    heads: ClassVar[Heads] = Heads()
    _dated: ClassVar[tuple[Any, bytes]] = (None, b"")

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.config, self.server, self.app_state = config, server_state, app_state
        self.app: Any = config.loaded_app
        self.at_once: AtOnce | None = getattr(self.app, "at_once", None)
        self.directly: Directly | None = getattr(self.app, "directly", None)
        self.loop = _loop or asyncio.get_running_loop()
        self.parser: Any = httptools.HttpRequestParser(self)
        self.transport: Any = None
        self.timer: asyncio.TimerHandle | None = None
        self.since = 0.0
        """When the connection became free, or was made."""
        self.full: asyncio.Future[None] | None = None
        """Done as soon as the client has taken some of what waits for it."""
        self.written, self.taken = 0, 0
        """Bytes that were given to the transport; those of them that the client had taken at the last look."""
        self.late = False
        """Whether something waited for the client at the last look already."""
        self.paused, self.over = False, False
        """Whether nothing is read for now; whether nothing further is read at all."""
        self.active: Exchange | None = None
        self.reading: Exchange | None = None
        self.begun: Exchange | None = None
        """The last one that began in these data."""
        self.head: dict[str, Any] = {}
        """What its head says."""
        self.between = True
        """Whether the parser has come exactly to the end of a request, and has nothing of a further one."""
        self.ahead: deque[Exchange] = deque()
        self.url = b""
        self.quiet = 0
        """Bytes that the parser has taken without coming to the end of a header, or to anything of a body."""
        self.headers: list[tuple[bytes, bytes]] = []
        self.refused: Refused | None = None
        self.upgrade = False
        self.last = False
        """Whether the next answer is the last one."""

    # What the event loop tells

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.local, self.client = get_local_addr(transport), get_remote_addr(transport)
        known: set[Any] = self.server.connections
        if len(known) >= self.rules.connections:
            idle = [one for one in known if isinstance(one, Connection) and one.active is None]
            if not make_room(known, idle):
                transport.abort()
                return
        known.add(self)
        self.since = self.loop.time()
        self.timer = self.loop.call_later(self.rules.seconds, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self.over = True
        self.server.connections.discard(self)
        for exchange in (self.active, self.reading, *self.ahead):
            if exchange is not None:
                exchange.lose()
        self.ahead.clear()
        self.resume_writing()
        if self.timer is not None:
            self.timer.cancel()

    def eof_received(self) -> bool:
        """The client sends nothing more. Whether it still reads cannot be known: it is taken as gone, as by nginx."""
        return False

    def pause_writing(self) -> None:
        self.full = self.loop.create_future()
        self.untaken.put(self, self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        self.untaken.put(self, 0)
        if self.full is not None:
            if not self.full.done():
                self.full.set_result(None)
            self.full = None

    async def drained(self) -> None:
        if self.full is not None:
            await asyncio.shield(self.full)

    def data_received(self, data: bytes) -> None:
        if self.over:
            return
        if self.between and self.active is None and (found := self.heads.find(data)) is not None:
            self._take(*found)
            return
        self.quiet += len(data)
        self.between, self.begun = False, None
        try:
            self.parser.feed_data(data)
            if self.quiet > self.rules.header:
                self._refuse(too_large(self.rules))
        except httptools.HttpParserUpgrade:
            if self.upgrade and not handed_over(self):
                self._refuse(broken())
        except httptools.HttpParserError:
            self._refuse(self.refused or broken())
        active = self.active
        if active is not None and active.task is None:  # of which there is not everything yet
            self._begin(active)
        if self.begun is not None and not self.over:
            self.between = self.heads.learn(data, self.begun, self.head)

    def _take(self, head: dict[str, Any], body: bytes) -> None:
        """A whole request, without the parser."""
        exchange = Exchange(self, self._scope(head), keep=not self.last, expects=False)
        if body:
            exchange.add(body)
        exchange.end()
        self.over = not exchange.keep
        self._begin(exchange)

    def _scope(self, head: dict[str, Any]) -> dict[str, Any]:
        return head | {"server": self.local, "client": self.client, "state": self.app_state.copy()}

    # What the parser tells

    def on_message_begin(self) -> None:
        self.url, self.headers, self.quiet = b"", [], 0

    def on_url(self, url: bytes) -> None:
        self.url += url
        if len(self.url) > self.rules.header:
            self._stop(too_large(self.rules))

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))
        if len(self.headers) > self.rules.fields:
            self._stop(too_large(self.rules))

    def _stop(self, refused: Refused) -> None:
        """Makes the parser end with an error, for this reason."""
        self.refused = refused
        raise refused

    def _check(self, version: str, headers: list[tuple[bytes, bytes]], fields: dict[bytes, bytes]) -> None:
        try:
            check(version, headers, fields)
        except Refused as refused:
            self._stop(refused)

    def on_headers_complete(self) -> None:
        parser, url = self.parser, self.url
        self.quiet = 0
        if len(url) + sum(map(len, chain.from_iterable(self.headers))) + 4 * len(self.headers) > self.rules.header:
            self._stop(too_large(self.rules))
        version, headers = parser.get_http_version(), self.headers
        fields = dict(headers)
        if version != "1.1" or len(fields) != len(headers) or b"transfer-encoding" in fields:
            self._check(version, headers, fields)
        keep = parser.should_keep_alive()
        if parser.should_upgrade():
            if self.active is None and fields.get(b"upgrade", b"").lower() == b"websocket":
                self.upgrade = True
                return
            keep = False  # what comes after an upgrade that is not understood cannot be read
        if url[:1] != b"/":  # the absolute form (RFC 9112 § 3.2.2), or *
            parsed = httptools.parse_url(url)
            if parsed.host and not is_same_host(parsed, fields.get(b"host", b"")):
                self._stop(broken())
            url = (parsed.path or b"/") + (b"?" + parsed.query if parsed.query else b"")
        self.headers = []  # those that come after the body are nobody's
        self.head = said(parser.get_method().decode("ascii"), url, version, headers, fields)
        expects = fields.get(b"expect", b"").lower() == b"100-continue"
        keep = keep and version != "1.0" and not self.last
        exchange = self.reading = self.begun = Exchange(self, self._scope(self.head), keep=keep, expects=expects)
        if self.active is None:
            self.active = exchange  # it may be complete in a moment
        elif len(self.ahead) < self.rules.ahead:
            self.ahead.append(exchange)
            self._pause()
        else:
            self._stop(too_many_ahead(self.rules))

    def on_body(self, body: bytes) -> None:
        reading, self.quiet = self.reading, 0
        if reading is not None:
            reading.add(body)
            if reading.unread > self.rules.unread:
                self._pause()

    def on_message_complete(self) -> None:
        reading, self.reading = self.reading, None
        if reading is not None:
            reading.end()
            if not reading.keep:
                self.over = True
            if reading is self.active and reading.task is None:
                self._begin(reading)

    # What an exchange asks for

    def write(self, data: bytes) -> None:
        self.written += len(data)
        self.transport.write(data)

    def abort(self) -> None:
        self.transport.abort()

    def date(self) -> bytes:
        """The header fields that uvicorn renews every second."""
        given = self.server.default_headers
        if given is not Connection._dated[0]:
            line = b"".join(b"%b: %b\r\n" % field for field in given)
            Connection._dated = given, line
        return Connection._dated[1]

    def resume(self) -> None:
        if self.paused and not self.ahead:
            self.paused = False
            self.transport.resume_reading()

    def answered(self, exchange: Exchange) -> None:
        """The answer is complete: the next one's turn, or the end."""
        self.server.total_requests += 1
        self.active = None
        if not exchange.keep or exchange.more:
            if exchange.more:
                self._linger()
            else:
                self.over = True
                self.transport.close()
            return
        self.since = self.loop.time()
        if self.ahead:
            self._begin(self.ahead.popleft())
        self.resume()

    def left(self, exchange: Exchange) -> None:
        """Nobody works on it any more."""
        if exchange.task is not None:
            self.server.tasks.discard(exchange.task)

    # What the server asks for

    def shutdown(self) -> None:
        """Close as soon as what is being answered is answered. What may be on its way already is answered, too."""
        self.last = True
        if self.active is None:
            self.loop.call_later(self.rules.leaving, self._leave)
        else:
            self.active.keep = False

    def _leave(self) -> None:
        if self.active is None:
            self.transport.close()

    def _begin(self, exchange: Exchange) -> None:
        self.active = exchange
        body = exchange.body
        if body is None:
            if self.at_once is not None and self.full is None and exchange.give(self.at_once):
                return
        elif self.directly is not None and (work := self.directly(exchange.scope, body)) is not None:
            exchange.is_direct = True
            exchange.task = self.loop.create_task(exchange.answer(work))
            self.server.tasks.add(exchange.task)
            return
        exchange.task = self.loop.create_task(exchange.run(self.app))
        self.server.tasks.add(exchange.task)

    def _pause(self) -> None:
        if not self.paused:
            self.paused = True
            self.transport.pause_reading()

    def _look(self) -> None:
        """Every now and then: end a connection on which nothing has happened, or whose client takes nothing."""
        waiting = untaken(self.transport)
        taken, before = self.written - waiting, self.taken
        self.taken = taken
        if self.active is not None or waiting:
            if waiting and self.late and taken - before < self.rules.pace:
                self.transport.abort()
                return
            self.late = waiting > 0
            self.timer = self.loop.call_later(self.rules.seconds, self._look)
            return
        left = self.since + self.rules.seconds - self.loop.time()
        if left > 0.001:
            self.timer = self.loop.call_later(left, self._look)
        else:
            self.transport.abort()

    def _refuse(self, refused: Refused) -> None:
        """Say why, unless an answer is on its way already: then that is the last one."""
        if self.active is not None:
            self.over = True
            self.active.keep = False
            if self.reading is self.active:  # its body is broken
                self.active.break_off()
            return
        self.transport.write(written(refused))
        self._linger()

    def _linger(self) -> None:
        """End after what was written has arrived: a client that still sends would get an error instead of the answer,
        were the connection closed at once."""
        self.over = True
        self.paused = False
        with suppress(Exception):  # it may be closing already
            self.transport.resume_reading()
            self.transport.write_eof()
        self.loop.call_later(self.rules.goodbye, self.transport.abort)
