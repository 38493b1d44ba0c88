"""The ASGI application in front of all others: host, origin, rate, size and room, in this order."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import msgspec

from allmende import metrics
from allmende.gate.body import Disconnected, Exchange, Message, Receive, Vault, read
from allmende.gate.buckets import Buckets
from allmende.gate.hall import Hall
from allmende.gate.hosts import Cities, Hosts, host_name
from allmende.gate.rules import Rules, Turned, full, too_many
from allmende.gate.visitor import LOCAL, Visitors

Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

GRAPHQL = b"application/graphql-response+json"
ALLOWED = b"Content-Type, Accept, Accept-Language, App-Version, Apollo-Require-Preflight, X-Apollo-Operation-Name"
HARDENED: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
]
"""On every answer that does not say otherwise itself."""
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
        self.busy: Counter[str] = Counter()
        self.streams = 0
        self._hosts = Hosts(cities(), hosts)

    @property
    def hosts(self) -> Hosts:
        cities = self.cities()
        if self._hosts.cities is not cities:
            self._hosts = Hosts(cities, self.own)
        return self._hosts

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or scope["path"] in FREE:
            await self.app(scope, receive, send)
            return
        request = _Request(scope)
        try:
            peer = (scope.get("client") or ("127.0.0.1", 0))[0]
            local = self.visitors.is_local(peer)
            name = self._host(request, local=local)
            allowed = request.origin is not None and self.hosts.allows(name, request.origin.decode("latin-1"))
            if allowed:
                send = _shared(send, request.origin or b"")
            client = self.visitors.client(peer, request.forwarded)
            if client != LOCAL:
                self._admit(client, scope)
        except Turned as error:
            await _refuse(scope, request, send, error)
            return
        if request.origin is not None and scope["type"] == "websocket" and not (allowed or _same(request)):
            await _refuse(scope, request, send, Turned(403, "ORIGIN", "pages of this origin may not ask here"))
            return
        if scope["type"] == "http" and request.preflight:
            await _preflight(scope, request, send, allowed=allowed)
            return
        if scope["path"] != "/graphql":
            send = _hardened(send)
        self.busy[client] += 1
        try:
            if self.busy[client] > self.rules.per_client and client != LOCAL:
                raise too_many(1)
            await self._pass(scope, request, receive, send)
        except Turned as error:
            await _refuse(scope, request, send, error)
        except Disconnected:
            await _refuse(scope, request, send, Turned(400, "BAD_REQUEST", "body: ends too early, or is no HTTP"))
        finally:
            self.busy[client] -= 1
            if not self.busy[client]:
                del self.busy[client]

    def _host(self, request: _Request, *, local: bool) -> str:
        """The name that is asked for. Raises Turned for one that nobody has given to this instance."""
        if request.size > self.rules.headers:
            raise Turned(431, "LIMIT_HEADERS", f"the header has more than {self.rules.headers} bytes")
        if request.url > self.rules.url:
            raise Turned(414, "LIMIT_URL", f"the address has more than {self.rules.url} bytes; use POST")
        if request.hosts != 1:
            raise Turned(400, "BAD_REQUEST", "Host: exactly one is needed")
        name = host_name(request.host)
        if not self.hosts.knows(name, local=local or not self.production):
            raise Turned(421, "UNKNOWN_HOST", "no city and no setting of this instance has this host name")
        return name

    def _admit(self, client: str, scope: Any) -> None:
        self.buckets.take(client)
        scope["allmende.charge"] = lambda cost: self.buckets.charge(client, cost)

    async def _pass(self, scope: Any, request: _Request, receive: Receive, send: Send) -> None:
        body = None
        if scope["type"] == "http" and scope["method"] not in ("GET", "HEAD") and scope["path"] == "/graphql":
            body = await read(receive, self.vault, request.length)
        if scope["type"] == "websocket" or request.streams:
            await self._stream(scope, Exchange(receive, body).receive, send)
            return
        if not self.hall.try_enter():
            await self.hall.enter()
        try:
            await self._work(scope, Exchange(receive, body), send)
        finally:
            self.hall.leave()

    async def _work(self, scope: Any, exchange: Exchange, send: Send) -> None:
        """Answer; and stop, when after a while nobody is there any more to be answered."""
        task = asyncio.current_task()
        assert task is not None
        watch = asyncio.get_running_loop().call_later(self.rules.notice, exchange.watch, task)
        try:
            await self.app(scope, exchange.receive, send)
        except asyncio.CancelledError:
            if not exchange.gone:
                raise
            task.uncancel()
            metrics.TURNED_AWAY.labels("DISCONNECTED").inc()
        finally:
            watch.cancel()
            exchange.close()

    async def _stream(self, scope: Any, receive: Receive, send: Send) -> None:
        if self.streams >= self.rules.streams:
            raise full(10)
        self.streams += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.streams -= 1


class _Request:
    """What the door wants to know of the header, found in one pass."""

    __slots__ = ("accept", "forwarded", "host", "hosts", "length", "origin", "preflight", "size", "streams", "url")

    def __init__(self, scope: Any) -> None:
        self.accept = self.host = b""
        self.hosts = self.size = 0
        self.origin: bytes | None = None
        self.length: int | None = None
        forwarded: list[bytes] = []
        asked = False
        for name, value in scope["headers"]:
            self.size += len(name) + len(value)
            if name == b"host":
                self.host = value
                self.hosts += 1
            elif name == b"accept":
                self.accept = value
            elif name == b"origin":
                self.origin = value
            elif name == b"content-length":
                self.length = int(value) if value.isdigit() and len(value) < 18 else 10**18
            elif name == b"x-forwarded-for":
                forwarded.append(value)
            elif name == b"access-control-request-method":
                asked = True
        self.forwarded = b",".join(forwarded).decode("latin-1") if forwarded else None
        self.preflight = asked and self.origin is not None and scope.get("method") == "OPTIONS"
        self.url = len(scope.get("raw_path") or scope["path"]) + len(scope["query_string"])
        self.streams = b"text/event-stream" in self.accept


def _same(request: _Request) -> bool:
    """Whether the page that opens a websocket is of this very host."""
    return (request.origin or b"").partition(b"://")[2] == request.host


async def _preflight(scope: Any, request: _Request, send: Send, *, allowed: bool) -> None:
    """A browser asks whether a page of another origin may do what it is about to do."""
    if not allowed:
        await _refuse(scope, request, send, Turned(403, "ORIGIN", "pages of this origin may not ask here"))
        return
    headers = [
        (b"access-control-allow-methods", b"GET, POST"),
        (b"access-control-allow-headers", ALLOWED),
        (b"access-control-max-age", b"86400"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def _shared(send: Send, origin: bytes) -> Send:
    """Lets the page of that origin read the answer. No cookies: there are none, and none are asked for."""

    async def share(message: Message) -> None:
        if message["type"] == "http.response.start":
            added = [(b"access-control-allow-origin", origin), (b"vary", b"Origin")]
            exposed = [(b"access-control-expose-headers", b"ETag, Retry-After")]
            message = {**message, "headers": [*message["headers"], *added, *exposed]}
        await send(message)

    return share


def _hardened(send: Send) -> Send:
    async def harden(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            missing = [header for header in HARDENED if header[0] not in there]
            message = {**message, "headers": [*message["headers"], *missing]}
        await send(message)

    return harden


async def _refuse(scope: Any, request: _Request, send: Send, error: Turned) -> None:
    metrics.TURNED_AWAY.labels(error.code).inc()
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4429 if error.status == 429 else 4403, "reason": error.code})
        return
    body = msgspec.json.encode({"errors": [{"message": error.message, "extensions": {"code": error.code}}]})
    kind = GRAPHQL if GRAPHQL in request.accept else b"application/json"
    headers: Iterable[tuple[bytes, bytes]] = [
        (b"content-type", kind + b"; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        *HARDENED,
        *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
    ]
    await send({"type": "http.response.start", "status": error.status, "headers": list(headers)})
    await send({"type": "http.response.body", "body": body})
