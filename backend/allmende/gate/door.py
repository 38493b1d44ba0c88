"""The ASGI application in front of all others: host, origin, rate, size and room, in this order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

import msgspec

from allmende import metrics
from allmende.gate.body import Disconnected, Message, Receive, Vault, read
from allmende.gate.buckets import Buckets
from allmende.gate.hall import Hall
from allmende.gate.hosts import Cities, Hosts, host_name
from allmende.gate.presence import Exchange, Presence
from allmende.gate.rules import Rules, Turned, for_uploads, full, too_many
from allmende.gate.visitor import LOCAL, Visitors

Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]
Headers = Mapping[bytes, bytes]

PATHS = ("/graphql", "/graphql/")
STREAM = "/graphql/stream"
FORBIDDEN = (403, 421)
READING = ("GET", "HEAD", "OPTIONS")
GRAPHQL = b"application/graphql-response+json"
ALLOWED = (
    b"Authorization, Content-Type, Accept, Accept-Language, App-Version, Idempotency-Key, "
    b"Apollo-Require-Preflight, X-Apollo-Operation-Name, X-GraphQL-Event-Stream-Token"
)
HARDENED = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
]
"""On every answer that does not say otherwise itself."""
VARIED = [(b"vary", b"Origin")]
"""On every answer where pages of other sites may ask: what a CDN has kept for a phone must not be given to such a page,
which could not read it. /graphql says so itself."""
FREE = ("/health", "/health/ready", "/metrics")
"""What those ask who watch over the instance, by its address, also when it is full."""


class Door:
    """Wraps `app`. Give it what changes at runtime as a function, and the operator's settings as they are."""

    def __init__(
        self,
        app: App,
        cities: Callable[[], Cities],
        *,
        hosts: str = "",
        proxies: str = "",
        production: bool = False,
        rules: Rules | None = None,
    ) -> None:
        self.app, self.cities, self.own, self.production = app, cities, hosts, production
        self.rules = rules or Rules()
        self.visitors = Visitors(proxies)
        self.buckets, self.hall, self.vault = Buckets(self.rules), Hall(self.rules), Vault(self.rules)
        self.uploads = Vault(for_uploads(self.rules))
        self.present = Presence(self.rules)
        self.busy: dict[str, int] = {}
        self.staying: dict[str, int] = {}
        self.streams = 0
        self._hosts = Hosts(cities(), hosts)
        self.ready: Callable[[Any, Headers], Any] | None = getattr(app, "at_once", None)

    @property
    def hosts(self) -> Hosts:
        cities = self.cities()
        if self._hosts.cities is not cities:
            self._hosts = Hosts(cities, self.own)
        return self._hosts

    def at_once(self, scope: Any) -> Any:
        """What is kept ready for anybody, by the same rules. None for all else, and for whom the rules turn away: that
        goes the ordinary way, and is told there. Needs no place in the hall, since nothing waits."""
        headers: Headers = scope["allmende.headers"]
        if self.ready is None or scope["path"] != PATHS[0] or b"origin" in headers:
            return None
        try:
            peer = scope["client"][0]
            self._host(scope, headers, local=not self.production or self.visitors.is_local(peer))
            client = self.visitors.client(peer, _forwarded(scope, headers))
            answer = self.ready(scope, headers)
            if answer is not None and client != LOCAL:
                self.buckets.take(client)
        except Turned:
            return None
        return answer

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        kind = scope["type"]
        if kind == "lifespan" or scope["path"] in FREE:
            await self.app(scope, receive, send)
            return
        headers: Headers = scope.get("allmende.headers") or dict(scope["headers"])
        origin = headers.get(b"origin")
        try:
            peer = (scope.get("client") or ("127.0.0.1", 0))[0]
            name = self._host(scope, headers, local=not self.production or self.visitors.is_local(peer))
            if origin is not None:
                allowed = self.hosts.allows(name, origin.decode("latin-1"))
                if kind == "http":
                    send = _shared(send, origin) if allowed else send
                    if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                        await _preflight(send, allowed=allowed)
                        return
                elif not allowed and origin.partition(b"://")[2] != headers.get(b"host"):
                    raise _foreign()
            if scope["path"] not in PATHS:
                send = _hardened(send, VARIED if self.hosts.shares else [])
            client = self.visitors.client(peer, _forwarded(scope, headers))
            scope["allmende.client"] = client
            if client == LOCAL:
                await self._pass(scope, headers, receive, send)
            else:
                await self._admit(client, scope, headers, receive, send)
        except Turned as error:
            await _refuse(scope, headers, send, error, receive)
        except Disconnected:
            broken = Turned(400, "BAD_REQUEST", "body: ends too early, or is no HTTP")
            await _refuse(scope, headers, send, broken)

    def _host(self, scope: Any, headers: Headers, *, local: bool) -> str:
        """The name that is asked for. Raises Turned for one that nobody has given to this instance."""
        if len(scope["query_string"]) + len(scope["path"]) > self.rules.url:
            raise Turned(414, "LIMIT_URL", f"the address has more than {self.rules.url} bytes; use POST")
        if not scope["path"].isprintable():
            raise Turned(400, "BAD_REQUEST", "the address holds control characters")
        doubled = len(headers) != len(scope["headers"])
        header = headers.get(b"host", b"")
        if not header or (doubled and sum(name == b"host" for name, _ in scope["headers"]) > 1):
            raise Turned(400, "BAD_REQUEST", "Host: exactly one is needed")
        name = host_name(header)
        if not self.hosts.knows(name, local=local):
            raise Turned(421, "UNKNOWN_HOST", "no city and no setting of this instance has this host name")
        return name

    async def _admit(self, client: str, scope: Any, headers: Headers, receive: Receive, send: Send) -> None:
        """One more request of this client, if it has not too many already."""
        self.buckets.take(client)
        stays = _stays(scope)
        there, most = (self.staying, self.rules.streams_per_client) if stays else (self.busy, self.rules.per_client)
        if there.get(client, 0) >= most:
            raise too_many(1)
        scope["allmende.take"] = partial(self.buckets.take, client)
        scope["allmende.charge"] = partial(self.buckets.charge, client)
        there[client] = there.get(client, 0) + 1
        try:
            await self._pass(scope, headers, receive, send)
        finally:
            there[client] -= 1
            if not there[client]:
                del there[client]

    async def _pass(self, scope: Any, headers: Headers, receive: Receive, send: Send) -> None:
        body = None
        if _stays(scope):
            await self._stream(scope, headers, receive, send)
            return
        if scope["method"] not in READING:
            vault = self.vault if scope["path"] in PATHS else self.uploads
            body = await read(receive, vault, headers.get(b"content-length"), scope.get("allmende.arrived"))
            if scope["path"] in PATHS:
                scope["allmende.body"] = body
        exchange = Exchange(receive, body)
        if not self.hall.try_enter():
            await self.hall.enter()
        task = self.present.came(exchange)
        try:
            await self.app(scope, exchange.receive, send)
        except asyncio.CancelledError:
            if not exchange.gone:
                raise
            task.uncancel()
            metrics.TURNED_AWAY.labels("DISCONNECTED").inc()
        finally:
            self.present.left(task)
            self.hall.leave()

    async def _stream(self, scope: Any, headers: Headers, receive: Receive, send: Send) -> None:
        """A connection that stays open has no slot: most of the time there is nothing to do for it."""
        if self.streams >= self.rules.streams:
            raise full(10)
        self.streams += 1
        try:
            if scope["type"] == "http" and scope["method"] not in READING:
                body = await read(receive, self.vault, headers.get(b"content-length"))
                receive = Exchange(receive, body).receive
            await self.app(scope, receive, send)
        finally:
            self.streams -= 1


def _stays(scope: Any) -> bool:
    return bool(scope["type"] == "websocket" or scope["path"] == STREAM)


def _forwarded(scope: Any, headers: Headers) -> str | None:
    """All X-Forwarded-For headers as one."""
    if b"x-forwarded-for" not in headers:
        return None
    return b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")


def _foreign() -> Turned:
    return Turned(403, "ORIGIN", "pages of this origin may not ask here")


async def _preflight(send: Send, *, allowed: bool) -> None:
    """A browser asks whether a page of another origin may do what it is about to do."""
    if not allowed:
        raise _foreign()
    headers = [
        (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
        (b"access-control-allow-headers", ALLOWED),
        (b"access-control-max-age", b"86400"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _shared(send: Send, origin: bytes) -> Send:
    """Lets the page of that origin read the answer. No cookies: those are for the desk's own pages only."""

    async def share(message: Message) -> None:
        if message["type"] == "http.response.start":
            exposed = (b"access-control-expose-headers", b"ETag, Retry-After")
            added = [(b"access-control-allow-origin", origin), exposed]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return share


def _hardened(send: Send, more: list[tuple[bytes, bytes]]) -> Send:
    async def harden(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            missing = [header for header in HARDENED if header[0] not in there]
            message = {**message, "headers": [*message["headers"], *missing, *more]}
        await send(message)

    return harden


async def _refuse(scope: Any, headers: Headers, send: Send, error: Turned, receive: Receive | None = None) -> None:
    metrics.TURNED_AWAY.labels(error.code).inc()
    socket = scope["type"] == "websocket"
    if socket and receive is not None and error.status in FORBIDDEN:
        # A browser sees the code of an open connection only, and tries again and again after any other failure.
        await receive()
        offered = scope.get("subprotocols") or [None]
        await send({"type": "websocket.accept", "subprotocol": offered[0]})
        await send({"type": "websocket.close", "code": 4403, "reason": error.code})
        return
    body = msgspec.json.encode({"errors": [{"message": error.message, "extensions": {"code": error.code}}]})
    kind = GRAPHQL if GRAPHQL in headers.get(b"accept", b"") else b"application/json"
    told = [
        (b"content-type", kind + b"; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *HARDENED,
        *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
    ]
    answer = "websocket.http.response" if socket else "http.response"
    await send({"type": f"{answer}.start", "status": error.status, "headers": told})
    await send({"type": f"{answer}.body", "body": body})
