"""What the door says itself, and what it adds to the answers of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from allmende import metrics
from allmende.gate.body import Message, Receive
from allmende.gate.rules import Turned

Send = Callable[[Message], Awaitable[None]]
Headers = Mapping[bytes, bytes]
Fields = tuple[tuple[bytes, bytes], ...]
Answer = tuple[int, Fields, bytes]
"""Status, header fields but for the length, body."""
FORBIDDEN = (403, 421)
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


def foreign() -> Turned:
    return Turned(403, "ORIGIN", "pages of this origin may not ask here")


async def preflight(send: Send, *, allowed: bool) -> None:
    """A browser asks whether a page of another origin may do what it is about to do."""
    if not allowed:
        raise foreign()
    headers = [
        (b"access-control-allow-methods", b"GET, POST, PUT, DELETE"),
        (b"access-control-allow-headers", ALLOWED),
        (b"access-control-max-age", b"86400"),
    ]
    await send({"type": "http.response.start", "status": 204, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


def shared(send: Send, origin: bytes) -> Send:
    """Lets the page of that origin read the answer. No cookies: those are for the desk's own pages only."""

    async def share(message: Message) -> None:
        if message["type"] == "http.response.start":
            exposed = (b"access-control-expose-headers", b"ETag, Retry-After")
            added = [(b"access-control-allow-origin", origin), exposed]
            message = {**message, "headers": [*message["headers"], *added]}
        await send(message)

    return share


def hardened(send: Send, more: list[tuple[bytes, bytes]]) -> Send:
    async def harden(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message["headers"]}
            missing = [header for header in HARDENED if header[0] not in there]
            message = {**message, "headers": [*message["headers"], *missing, *more]}
        await send(message)

    return harden


async def refuse(scope: Any, headers: Headers, send: Send, error: Turned, receive: Receive | None = None) -> None:
    socket = scope["type"] == "websocket"
    if socket and receive is not None and error.status in FORBIDDEN:
        # A browser sees the code of an open connection only, and tries again and again after any other failure.
        metrics.TURNED_AWAY.labels(error.code).inc()
        await receive()
        offered = scope.get("subprotocols") or [None]
        await send({"type": "websocket.accept", "subprotocol": offered[0]})
        await send({"type": "websocket.close", "code": 4403, "reason": error.code})
        return
    status, fields, body = refusal(headers, error)
    told = [*fields, (b"content-length", b"%d" % len(body))]
    answer = "websocket.http.response" if socket else "http.response"
    await send({"type": f"{answer}.start", "status": status, "headers": told})
    await send({"type": f"{answer}.body", "body": body})


def refusal(headers: Headers, error: Turned) -> Answer:
    metrics.TURNED_AWAY.labels(error.code).inc()
    body = msgspec.json.encode({"errors": [{"message": error.message, "extensions": {"code": error.code}}]})
    kind = GRAPHQL if GRAPHQL in headers.get(b"accept", b"") else b"application/json"
    fields = (
        (b"content-type", kind + b"; charset=utf-8"),
        (b"cache-control", b"no-store"),
        *HARDENED,
        *((name.lower().encode(), value.encode()) for name, value in error.headers.items()),
    )
    return error.status, fields, body
