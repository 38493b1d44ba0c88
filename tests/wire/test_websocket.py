"""A WebSocket, over real sockets: what frames can do that no application sees."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from allmende.wire.connection import Connection
from allmende.wire.rules import Rules
from allmende.wire.waiting import Waiting
from allmende.wire.websocket import WebSocket
from uvicorn.config import Config
from uvicorn.server import Server

from tests.wire.test_connection import code, until

KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
HANDSHAKE = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + KEY + b"\r\n"
CONTINUED, TEXT, PING = 0, 1, 9


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Tells how long each message is; `flood` is answered with much."""
    await receive()
    await send({"type": "websocket.accept"})
    with suppress(RuntimeError):  # it is closed already
        while (message := await receive())["type"] == "websocket.receive":
            text = message["text"]
            for _ in range(1_000 if text == "flood" else 1):
                await send({"type": "websocket.send", "text": "x" * 100_000 if text == "flood" else str(len(text))})


@asynccontextmanager
async def served(monkeypatch: pytest.MonkeyPatch, **rules: Any) -> AsyncIterator[Any]:
    """`connect(first)` opens a connection and sends that on it."""
    monkeypatch.setattr(Connection, "rules", Rules(**rules))
    monkeypatch.setattr(WebSocket, "rules", Rules(**rules))
    config = Config(app, port=0, http=Connection, ws=WebSocket, lifespan="off", log_config=None)
    server = Server(config)
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    opened: list[asyncio.StreamWriter] = []

    async def connect(first: bytes = HANDSHAKE) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        opened.append(writer)
        writer.write(first)
        if first is HANDSHAKE:
            assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
        return reader, writer

    told: Any = connect
    told.connections = server.server_state.connections
    try:
        yield told
    finally:
        for writer in opened:
            writer.close()
        server.should_exit = True
        await serving


def frame(kind: int, data: bytes = b"", *, final: bool = True) -> bytes:
    head = bytes([kind | (0x80 if final else 0)])
    size = bytes([0x80 | len(data)]) if len(data) < 126 else b"\xff" + struct.pack("!Q", len(data))
    return head + size + bytes(4) + data


async def heard(reader: asyncio.StreamReader) -> str | int:
    """The next short message, or the code by which the connection is closed."""
    kind, size = await reader.readexactly(2)
    data = await reader.readexactly(size)
    return int.from_bytes(data[:2], "big") if kind == 0x88 else data.decode()


@pytest.mark.parametrize(
    "handshake",
    [
        HANDSHAKE.replace(b"GET", b"POST")[:-2] + b"Content-Length: 5\r\n\r\nhello",
        HANDSHAKE[:-2] + b"Content-Length: 5\r\n\r\nhello",
        HANDSHAKE[:-2] + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        HANDSHAKE[:-2] + b"X: " + b"x" * 10_000 + b"\r\n\r\n",
    ],
)
async def test_what_is_nearly_a_handshake_is_refused_and_the_connection_ends(
    monkeypatch: pytest.MonkeyPatch, handshake: bytes
) -> None:
    """The library that reads handshakes says nothing about these: such connections stayed open for ever."""
    async with served(monkeypatch) as connect:
        reader, _ = await connect(handshake)
        assert code(await asyncio.wait_for(reader.read(), 10)) == (400, "BAD_REQUEST")
        await until(lambda: not connect.connections)


@pytest.mark.parametrize("flood", [frame(PING, b"x" * 125), frame(CONTINUED, final=False), frame(PING), frame(TEXT)])
async def test_who_sends_frames_faster_than_anybody_needs_is_closed_and_told_why(
    monkeypatch: pytest.MonkeyPatch, flood: bytes
) -> None:
    async with served(monkeypatch, seconds=0.3) as connect:
        reader, writer = await connect()
        writer.write(frame(TEXT, b"abc", final=False) if flood[0] == CONTINUED else frame(TEXT, b"abc"))
        writer.write(flood * 20_000)
        closed = struct.pack("!H", 1008) + b"more than 500 frames in a second"
        assert closed in await asyncio.wait_for(_all(reader), 10)
        await until(lambda: not connect.connections)
        reader, writer = await connect()
        writer.write(frame(TEXT, b"abc") * 100)
        assert await heard(reader) == "3"


async def test_messages_that_have_begun_take_no_more_memory_than_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WebSocket, "unread", waiting := Waiting(200_000))
    async with served(monkeypatch) as connect:
        (_, first), (_, second) = [await connect() for _ in range(2)]
        first.write(frame(TEXT, b"x" * 90_000, final=False))
        await until(lambda: waiting.total == 90_000)
        second.write(frame(TEXT, b"x" * 90_000, final=False) + frame(CONTINUED, b"x" * 90_000)[:50_000])
        await until(lambda: len(connect.connections) == 1)
        assert 90_000 < waiting.total < 200_000
        reader, third = await connect()
        third.write(frame(TEXT, b"x" * 90_000))
        assert await heard(reader) == "90000"
        for writer in (second, third):
            writer.close()
        await until(lambda: not connect.connections)
        assert waiting.total == 0


async def test_who_takes_nothing_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch, seconds=0.3) as connect:
        _, writer = await connect()
        writer.write(frame(TEXT, b"flood"))
        await until(lambda: not connect.connections)


async def _all(reader: asyncio.StreamReader) -> bytes:
    read = bytearray()
    try:
        while part := await reader.read(65_536):
            read += part
    except ConnectionError:
        pass  # closed while we were sending
    return bytes(read)
