"""A socket and a stream as an ASGI server gives them to the application, in memory."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from allmende.graphql.live.hub import Hub
from allmende.graphql.live.model import PROTOCOL
from allmende.graphql.live.socket import Socket
from allmende.graphql.live.stream import serve_stream

PATIENCE = 60


class Wire:
    """One socket: `say` what the client says, `hear` what it is told."""

    def __init__(self, hub: Hub, *protocols: str, **scope: Any) -> None:
        self.incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reading = asyncio.Event()
        self.reading.set()
        scope = {"type": "websocket", "headers": [], "subprotocols": list(protocols or (PROTOCOL,)), **scope}
        self.incoming.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(Socket(hub, scope, self.incoming.get, self._send).serve())

    async def _send(self, message: dict[str, Any]) -> None:
        if message["type"] == "websocket.send":
            await self.reading.wait()
        self.outgoing.put_nowait(message)

    async def __aenter__(self) -> Wire:
        self.accepted = await self.outgoing.get()
        return self

    async def __aexit__(self, *_: Any) -> None:
        self.incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await asyncio.wait_for(self.task, PATIENCE)

    def say(self, **message: Any) -> None:
        self.text(json.dumps(message))

    def text(self, text: str) -> None:
        self.incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def hear(self) -> Any:
        """The next message, or the code with which the connection is closed."""
        message = await asyncio.wait_for(self.outgoing.get(), PATIENCE)
        return message["code"] if message["type"] == "websocket.close" else json.loads(message["text"])

    async def begin(self) -> None:
        self.say(type="connection_init")
        assert await self.hear() == {"type": "connection_ack"}

    def ask(self, id_: str, query: str, **payload: Any) -> None:
        self.say(type="subscribe", id=id_, payload={"query": query, **payload})


class Stream:
    """One request to /graphql/stream."""

    def __init__(self, hub: Hub, method: str = "POST", body: Any = None, query: bytes = b"", **headers: str) -> None:
        told = {"accept": "text/event-stream", "content-type": "application/json", **headers}
        self.gone = asyncio.Event()
        self.reading = asyncio.Event()
        self.reading.set()
        self.body: bytes | None = json.dumps(body).encode()
        self.outgoing: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        scope = {
            "type": "http",
            "method": method,
            "query_string": query,
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in told.items()],
        }
        self.task = asyncio.create_task(serve_stream(hub, scope, self._receive, self._send))

    async def _receive(self) -> dict[str, Any]:
        if self.body is not None:
            body, self.body = self.body, None
            return {"type": "http.request", "body": body, "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict[str, Any]) -> None:
        if not message.get("more_body", True):
            self.reading.set()
        await self.reading.wait()
        self.outgoing.put_nowait(message)

    async def start(self) -> tuple[int, str]:
        message = await asyncio.wait_for(self.outgoing.get(), PATIENCE)
        return message["status"], dict(message["headers"])[b"content-type"].decode()

    async def hear(self) -> str:
        """The next part of the body; empty at its end."""
        message = await asyncio.wait_for(self.outgoing.get(), PATIENCE)
        return str(message["body"].decode())
