"""One event stream that carries several operations (graphql-sse, single connection mode; PROTOCOL.md there).

On /graphql/stream: PUT reserves a token, GET opens the stream with it, POST asks for an operation under an id of the
app's own, DELETE ends one. The requests may arrive at any worker of any machine, see `allmende.relay`.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cached_property
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs
from uuid import uuid4

import msgspec
import structlog
from graphql import OperationType, get_operation_ast
from sqlalchemy.exc import SQLAlchemyError

from allmende.db.board import ALL, slots_read
from allmende.errors import AllmendeError
from allmende.graphql.incoming import BadRequest, read_request
from allmende.graphql.live import events
from allmende.graphql.live.carrier import Carrier, Request
from allmende.graphql.live.events import Receive, Send
from allmende.relay import service as relay

if TYPE_CHECKING:
    from allmende.graphql.live.hub import Hub

log = structlog.get_logger(__name__)
HEADER = b"x-graphql-event-stream-token"
RESERVED = timedelta(minutes=1)
"""Within which a reservation has to be used."""
LOOK = 0.1
"""Seconds between two looks at the board of the change notices, while a stream is open."""
TIDY = 600.0
"""Seconds between two looks for what was left behind."""
_SLOTS = slots_read((ALL, table) for table in (relay.OPERATIONS, relay.STREAMS))
_ID = re.compile(r"[!-~]{1,128}")
_TOLD = (b"accept-language", b"app-version", b"authorization", b"host")
"""Headers on which an answer depends."""
Headers = Mapping[bytes, bytes]


class Refused(AllmendeError):
    """The request is answered by an error."""

    def __init__(self, status: int, message: str, code: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, code=code)
        self.status, self.headers = status, headers


def is_shared(scope: Any) -> bool:
    """Whether the request is one of this mode."""
    return scope["method"] in ("PUT", "DELETE") or _token(scope) != ""


class Streams:
    """The shared streams that this worker holds, and the answers to all requests about shared streams."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.open: dict[str, Carrier] = {}
        """By fingerprint of the token."""
        self._looking: asyncio.Task[None] | None = None

    @cached_property
    def holder(self) -> str:
        """Names this worker. Not before it is asked for: workers are forked from the process that has made this."""
        return uuid4().hex

    async def serve(self, scope: Any, receive: Receive, send: Send) -> None:
        """Raises Refused, BadRequest, Denied and DocumentError, and what the database raises that does not answer."""
        headers: Headers = dict(scope["headers"])
        method: str = scope["method"]
        if method == "PUT":
            if not events.accepts(headers, b"text/plain"):
                raise BadRequest("Accept: text/plain is needed here", 406)
            await self.hub.reader(headers.get(b"authorization"))
            await events.answer(send, 201, self._reserve())
        elif method == "DELETE":
            key, fresh = self._key(scope)
            id_ = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("operationId", [""])[0]
            if not fresh and not await relay.is_open(self._database, key):
                raise _unknown()
            await relay.end(self._database, key, _checked(id_, "operationId"))
            await events.answer(send, 200, "")
        elif method == "GET" and not _asks(scope):
            await self._hold(scope, headers, receive, send)
        else:
            await self._ask(scope, headers, receive, send)

    def _reserve(self) -> str:
        """A token: when it was made, something that nobody can guess, and the proof that it is ours."""
        content = f"{int(self._now.timestamp())}.{secrets.token_urlsafe(24)}"
        return f"{content}.{self._sealer.sign(content, 'event stream')}"

    def _key(self, scope: Any) -> tuple[str, bool]:
        """What the token is known by, and whether it was reserved just now. Refused where it is none of ours."""
        token = _token(scope)
        content, _, signature = token.rpartition(".")
        if not self._sealer.is_signed(signature, content, "event stream"):
            raise _unknown()
        age = self._now.timestamp() - int(content.partition(".")[0])
        return sha256(token.encode()).hexdigest(), age <= RESERVED.total_seconds()

    async def _ask(self, scope: Any, headers: Headers, receive: Receive, send: Send) -> None:
        """What can be refused is refused here; everything else is answered on the stream."""
        key, fresh = self._key(scope)
        method: str = scope["method"]
        asked = await read_request(method, headers, scope.get("query_string", b""), receive)
        id_ = _checked(asked.extensions.get("operationId"), "extensions.operationId")
        operation, document = self.hub.operation(asked, scope, read_only=method == "GET")
        prepared = self.hub.engine().prepare(operation.query)
        if prepared.document is None:
            await events.answer(send, 400, {"errors": list(prepared.errors)})
            return
        selected = get_operation_ast(prepared.document, asked.operation_name)
        if selected is None:
            raise Refused(400, "operationName: say which of the document's operations", "BAD_OPERATION_NAME")
        if method == "GET" and selected.operation is OperationType.MUTATION:
            raise Refused(405, "a GET request only reads; send this by POST", "METHOD", {"Allow": "POST"})
        await self.hub.reader(headers.get(b"authorization"))
        told = {name.decode(): headers[name].decode("latin-1") for name in _TOLD if name in headers}
        whole = msgspec.structs.replace(asked, query=operation.query, extensions={})
        request = msgspec.json.encode(Request(whole, document, method == "GET", told))
        sealed = self._sealer.seal(request, key)
        try:
            await relay.begin(self._database, key, id_, sealed, self._now, self.hub.rules.operations, fresh=fresh)
        except relay.NotOpen as error:
            raise _unknown() from error
        except AllmendeError as error:
            raise Refused(409 if isinstance(error, relay.Taken) else 429, error.message, error.code) from error
        await events.answer(send, 202, "")

    async def _hold(self, scope: Any, headers: Headers, receive: Receive, send: Send) -> None:
        """Open the stream, and carry what runs on it until one side ends it."""
        if not events.accepts(headers, events.EVENTS):
            raise BadRequest("Accept: text/event-stream is needed here", 406)
        key, fresh = self._key(scope)
        if not fresh:
            raise _unknown()
        if key in self.open:
            raise _open()
        stream = self.open[key] = Carrier(self.hub, key, scope)
        mine = False
        try:
            mine = await relay.open_stream(self._database, key, self.holder, self._now)
            if not mine:
                raise _open()
            self._look()
            await stream.serve(receive, send)
        finally:
            del self.open[key]
            if mine:
                with suppress(SQLAlchemyError, OSError):  # then it is forgotten by and by
                    await asyncio.shield(relay.close_stream(self._database, key))

    def _look(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._deliver(), name="relay")

    async def _deliver(self) -> None:
        """Give to the streams what has come for them, as long as there are any."""
        clock = asyncio.get_running_loop().time
        seen, tidied = None, -TIDY
        while self.open:
            board = self._database.board
            counters = None if board is None else [board.counters[slot] for slot in _SLOTS]
            pause = LOOK
            try:
                if clock() - tidied >= TIDY:
                    await relay.forget(self._database, self._now)
                    tidied = clock()
                if counters is None or counters != seen:
                    while await self._take() == relay.AT_ONCE:
                        pass
                    seen = counters
            except Exception as error:  # the database; the next look may find it again
                log.warning("relay_not_read", error=type(error).__name__)
                pause = 1.0
            await asyncio.sleep(pause)

    async def _take(self) -> int:
        found = await relay.take(self._database, self.holder)
        for one in found:
            stream = self.open.get(one.token)
            if stream is not None and one.ended:
                stream.end(one.id)
            elif stream is not None:
                stream.begin(one.id, self._sealer.open(one.request, one.token))
        return len(found)

    @property
    def _database(self) -> Any:
        return self.hub.engine().services.database

    @property
    def _sealer(self) -> Any:
        return self.hub.engine().services.sealer

    @property
    def _now(self) -> Any:
        return self.hub.engine().services.clock()


def _token(scope: Any) -> str:
    """In a header, or in the address, where a browser's EventSource can put it."""
    header: bytes | None = next((value for name, value in scope["headers"] if name == HEADER), None)
    if header is not None:
        return header.decode("latin-1")[:200]
    query = scope.get("query_string", b"")
    return parse_qs(query.decode("latin-1")).get("token", [""])[0][:200] if b"token=" in query else ""


def _asks(scope: Any) -> bool:
    query = scope.get("query_string", b"")
    return b"query=" in query or b"extensions=" in query


def _checked(id_: Any, name: str) -> str:
    if not isinstance(id_, str) or not _ID.fullmatch(id_):
        raise BadRequest(f"{name}: 1 to 128 letters, digits and signs of ASCII are needed")
    return id_


def _unknown() -> Refused:
    return Refused(404, "token: no open stream has it; reserve one by PUT, and open it within a minute", "NOT_FOUND")


def _open() -> Refused:
    return Refused(409, "token: its stream is open already", "DUPLICATE")
