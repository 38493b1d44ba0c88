"""An operation's answers as server-sent events (graphql-sse, distinct connections mode), where sockets are blocked.

`POST` or `GET /graphql/stream` with `Accept: text/event-stream`; one stream per operation, which ends with it. For one
stream that carries several, see `shared`.
"""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from functools import partial
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from allmende.errors import Denied
from allmende.graphql.documents import DocumentError
from allmende.graphql.incoming import BadRequest, read_request
from allmende.graphql.live import events
from allmende.graphql.live.events import Receive, Send
from allmende.graphql.live.hub import Hub
from allmende.graphql.live.shared import Refused, is_shared
from allmende.graphql.outcome import Outcome, failure
from allmende.graphql.outgoing import CHALLENGE

log = structlog.get_logger(__name__)


async def serve_stream(hub: Hub, scope: Any, receive: Receive, send: Send) -> None:
    """Answer one request for a stream, or about one."""
    with hub.entered():
        try:
            await (hub.streams.serve if is_shared(scope) else partial(_serve, hub))(scope, receive, send)
        except Refused as error:
            await events.answer(send, error.status, failure(error.message, error.code), error.headers)
        except BadRequest as error:
            await events.answer(send, error.status, failure(error.message, "BAD_REQUEST"), error.headers)
        except Denied as error:
            await events.answer(send, 401, failure(error.message, error.code), CHALLENGE)
        except DocumentError as error:
            await events.answer(send, 400, failure(error.message, error.code))
        except (SQLAlchemyError, OSError) as error:
            log.warning("stream_refused", error=type(error).__name__)
            body = failure("the database does not answer", "UNAVAILABLE")
            await events.answer(send, 503, body, {"Retry-After": "5"})


async def _serve(hub: Hub, scope: Any, receive: Receive, send: Send) -> None:
    headers = dict(scope["headers"])
    method: str = scope["method"]
    if not events.accepts(headers, events.EVENTS):
        raise BadRequest("Accept: text/event-stream is needed here", 406)
    asked = await read_request(method, headers, scope.get("query_string", b""), receive)
    reader = await hub.reader(headers.get(b"authorization"))
    operation, key = hub.operation(asked, scope, read_only=method == "GET", reader=reader)
    await events.begin(send)
    work = [
        asyncio.ensure_future(one)
        for one in (_events(hub, operation, key, send), events.gone(receive), hub.stopping.wait())
    ]
    try:
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
    await events.finish(send)


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
                async with asyncio.timeout(hub.rules.keep_alive):
                    outcome = await latest.get()
            except TimeoutError:
                await events.part(send, events.KEEP_ALIVE)
                continue
            if outcome is None:
                break
            message = events.event("next", outcome.body)
            del outcome  # what waits are bytes
            await events.part(send, message)
        await events.part(send, events.event("complete", None))
    finally:
        reading.cancel()
