"""An operation's answers as server-sent events (graphql-sse, distinct connections mode), where sockets are blocked.

`POST` or `GET /graphql/stream` with `Accept: text/event-stream`; one stream per operation, which ends with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any

from allmende.errors import Denied
from allmende.graphql.documents import DocumentError
from allmende.graphql.execute import Outcome, failure
from allmende.graphql.incoming import BadRequest, read_request
from allmende.graphql.live.hub import Hub
from allmende.graphql.outgoing import CHALLENGE, encode

EVENTS = b"text/event-stream"
_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep the events until there are many
    (b"x-content-type-options", b"nosniff"),
]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


async def serve_stream(hub: Hub, scope: Any, receive: Receive, send: Send) -> None:
    """Answer one request for a stream."""
    with hub.entered():
        await _serve(hub, scope, receive, send)


async def _serve(hub: Hub, scope: Any, receive: Receive, send: Send) -> None:
    headers = dict(scope["headers"])
    method: str = scope["method"]
    try:
        if not _accepts(headers.get(b"accept", b"")):
            raise BadRequest("Accept: text/event-stream is needed here", 406)
        asked = await read_request(method, headers, scope.get("query_string", b""), receive)
        reader = await hub.reader(headers.get(b"authorization"))
        operation, key = hub.operation(asked, scope, read_only=method == "GET", reader=reader)
    except BadRequest as error:
        await _refuse(send, error.status, failure(error.message, "BAD_REQUEST"), error.headers)
        return
    except Denied as error:
        await _refuse(send, 401, failure(error.message, error.code), CHALLENGE)
        return
    except DocumentError as error:
        await _refuse(send, 400, failure(error.message, error.code), {})
        return
    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    await _part(send, b":\n\n")  # so that the client, and every proxy on the way, sees at once that it is open
    work = [
        asyncio.ensure_future(one) for one in (_events(hub, operation, key, send), _gone(receive), hub.stopping.wait())
    ]
    try:
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _events(hub: Hub, operation: Any, key: str | None, send: Send) -> None:
    """Write what comes; a slow client holds it up, and a subscription keeps no more for it than what has changed."""
    latest: asyncio.Queue[Outcome | None] = asyncio.Queue(1)

    async def read() -> None:
        try:
            async with aclosing(hub.answers(operation, key)) as outcomes:
                async for outcome in outcomes:
                    await latest.put(outcome)
        finally:
            await latest.put(None)

    reading = asyncio.create_task(read())
    try:
        while True:
            try:
                outcome = await asyncio.wait_for(latest.get(), hub.rules.keep_alive)
            except TimeoutError:
                await _part(send, b":\n\n")
                continue
            if outcome is None:
                break
            await _part(send, b"event: next\ndata: " + encode(outcome.body) + b"\n\n")
        await _part(send, b"event: complete\ndata:\n\n")
    finally:
        reading.cancel()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _accepts(accept: bytes) -> bool:
    kinds = {part.partition(b";")[0].strip().lower() for part in accept[:1000].split(b",")}
    return bool(kinds & {EVENTS, b"text/*", b"*/*"})


async def _part(send: Send, body: bytes) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": True})


async def _refuse(send: Send, status: int, body: dict[str, Any], headers: Any) -> None:
    content = encode(body)
    told = [
        (b"content-type", b"application/json; charset=utf-8"),
        (b"content-length", b"%d" % len(content)),
        (b"cache-control", b"no-store"),
        *((name.lower().encode(), value.encode()) for name, value in headers.items()),
    ]
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": content})
