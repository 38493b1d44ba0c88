"""The ASGI application in front of all others: host, origin, rate, size and room, in this order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

from allmende import metrics
from allmende.gate.body import Disconnected, Receive, Vault, read, too_large
from allmende.gate.buckets import Buckets
from allmende.gate.hall import Hall
from allmende.gate.hosts import LONGEST_NAME, Cities, Hosts, host_name
from allmende.gate.outgoing import VARIED, Answer, Headers, Send, foreign, hardened, preflight, refusal, refuse, shared
from allmende.gate.presence import Exchange, Presence
from allmende.gate.rules import Rules, Turned, for_uploads, full, too_many
from allmende.gate.visitor import LOCAL, Visitors

App = Callable[[Any, Receive, Send], Awaitable[None]]

PATHS = ("/graphql", "/graphql/")
STREAM = "/graphql/stream"
READING = ("GET", "HEAD", "OPTIONS")
FREE = ("/health", "/health/ready", "/metrics")
"""What those ask who watch over the instance, by its address, also when it is full."""

_UNKNOWN = (None, False, "")


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
        self.inside: Callable[[Any, Headers, bytes], Awaitable[Answer]] | None = getattr(app, "directly", None)

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

    def directly(self, scope: Any, body: bytes) -> Coroutine[Any, Any, Answer] | None:
        """What works out the answer to an operation that has arrived as a whole, by the same rules; None for all else.

        Whoever asks ends it where nobody waits for the answer any more, and says so by `allmende.gone`.
        """
        headers: Headers = scope["allmende.headers"]
        direct = scope["path"] == PATHS[0] and scope["method"] == "POST" and b"origin" not in headers
        return self._directly(scope, headers, body) if direct and self.inside is not None else None

    async def _directly(self, scope: Any, headers: Headers, body: bytes) -> Answer:
        assert self.inside is not None
        try:
            peer = scope["client"][0]
            self._host(scope, headers, local=not self.production or self.visitors.is_local(peer))
            client = scope["allmende.client"] = self.visitors.client(peer, _forwarded(scope, headers))
            if client != LOCAL:
                self._count_in(client, scope, self.busy, self.rules.per_client)
            try:
                if len(body) > self.rules.body:
                    raise too_large(self.rules)
                if not self.hall.try_enter():
                    await self.hall.enter()
                try:
                    return await self.inside(scope, headers, body)
                finally:
                    self.hall.leave()
            finally:
                if client != LOCAL:
                    _count_out(client, self.busy)
        except Turned as error:
            return refusal(headers, error)
        except asyncio.CancelledError:
            if "allmende.gone" in scope:
                metrics.TURNED_AWAY.labels("DISCONNECTED").inc()
            raise

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
                    send = shared(send, origin) if allowed else send
                    if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
                        await preflight(send, allowed=allowed)
                        return
                elif not allowed and origin.partition(b"://")[2] != headers.get(b"host"):
                    raise foreign()
            if scope["path"] not in PATHS:
                send = hardened(send, VARIED if self.hosts.shares else [])
            client = self.visitors.client(peer, _forwarded(scope, headers))
            scope["allmende.client"] = client
            if client == LOCAL:
                await self._pass(scope, headers, receive, send)
            else:
                await self._admit(client, scope, headers, receive, send)
        except Turned as error:
            await refuse(scope, headers, send, error, receive)
        except Disconnected:
            broken = Turned(400, "BAD_REQUEST", "body: ends too early, or is no HTTP")
            await refuse(scope, headers, send, broken)

    def _host(self, scope: Any, headers: Headers, *, local: bool) -> str:
        """The name that is asked for. Raises Turned for one that nobody has given to this instance."""
        hosts, known = self.hosts, scope.get("allmende.known")
        if known is None:
            return self._checked_host(hosts, scope, headers, local=local)
        load, was_local, name = known.get("host", _UNKNOWN)
        if load is not hosts.load or was_local is not local:
            name = self._checked_host(hosts, scope, headers, local=local)
            known["host"] = hosts.load, local, name
        return str(name)

    def _checked_host(self, hosts: Hosts, scope: Any, headers: Headers, *, local: bool) -> str:
        if len(scope["query_string"]) + len(scope["path"]) > self.rules.url:
            raise Turned(414, "LIMIT_URL", f"the address has more than {self.rules.url} bytes; use POST")
        if not scope["path"].isprintable():
            raise Turned(400, "BAD_REQUEST", "the address holds control characters")
        doubled = len(headers) != len(scope["headers"])
        header = headers.get(b"host", b"")
        if not header or (doubled and sum(name == b"host" for name, _ in scope["headers"]) > 1):
            raise Turned(400, "BAD_REQUEST", "Host: exactly one is needed")
        name = host_name(header) if len(header) <= LONGEST_NAME else ""
        if not hosts.knows(name, local=local):
            raise Turned(421, "UNKNOWN_HOST", "no city and no setting of this instance has this host name")
        return name

    async def _admit(self, client: str, scope: Any, headers: Headers, receive: Receive, send: Send) -> None:
        """One more request of this client, if it has not too many already."""
        stays = _stays(scope)
        there, most = (self.staying, self.rules.streams_per_client) if stays else (self.busy, self.rules.per_client)
        self._count_in(client, scope, there, most)
        try:
            await self._pass(scope, headers, receive, send)
        finally:
            _count_out(client, there)

    def _count_in(self, client: str, scope: Any, there: dict[str, int], most: int) -> None:
        """Raises Turned for who has asked too often, or has too many requests there already."""
        self.buckets.take(client)
        if there.get(client, 0) >= most:
            raise too_many(1)
        scope["allmende.take"] = partial(self.buckets.take, client)
        scope["allmende.charge"] = partial(self.buckets.charge, client)
        there[client] = there.get(client, 0) + 1

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


def _count_out(client: str, there: dict[str, int]) -> None:
    there[client] -= 1
    if not there[client]:
        del there[client]


def _stays(scope: Any) -> bool:
    return bool(scope["type"] == "websocket" or scope["path"] == STREAM)


def _forwarded(scope: Any, headers: Headers) -> str | None:
    """All X-Forwarded-For headers as one."""
    if b"x-forwarded-for" not in headers:
        return None
    return b",".join(value for name, value in scope["headers"] if name == b"x-forwarded-for").decode("latin-1")
