"""Server-sent events, and plain answers, as the streams write them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from allmende.graphql.outgoing import encode

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
EVENTS = b"text/event-stream"
KEEP_ALIVE = b":\n\n"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep the events until there are many
    (b"x-content-type-options", b"nosniff"),
]


def accepts(headers: Mapping[bytes, bytes], kind: bytes) -> bool:
    """Whether the client takes this media type."""
    kinds = {part.partition(b";")[0].strip().lower() for part in headers.get(b"accept", b"*/*")[:1000].split(b",")}
    return bool(kinds & {kind, b"text/*", b"*/*"})


def event(name: str, data: dict[str, Any] | None) -> bytes:
    return b"event: %s\ndata:%s\n\n" % (name.encode(), b"" if data is None else b" " + encode(data))


async def begin(send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await part(send, KEEP_ALIVE)  # so that the client, and every proxy on the way, sees at once that it is open


async def part(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def finish(send: Send) -> None:
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def gone(receive: Receive) -> None:
    """Until the client has disconnected."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def answer(send: Send, status: int, body: dict[str, Any] | str, headers: Mapping[str, str] | None = None) -> None:
    """An answer that is no stream: JSON, or a plain text."""
    content = body.encode() if isinstance(body, str) else encode(body)
    kind = b"text/plain" if isinstance(body, str) else b"application/json"
    told = [
        (b"content-type", kind + b"; charset=utf-8"),
        (b"content-length", b"%d" % len(content)),
        (b"cache-control", b"no-store"),
        *((name.lower().encode(), value.encode()) for name, value in (headers or {}).items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": content})
