"""A connection, over real sockets: what clients may do to it, in one piece or byte by byte, and what they are told."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from allmende.wire.connection import Connection
from allmende.wire.rules import Rules
from allmende.wire.waiting import Waiting
from uvicorn.config import Config
from uvicorn.server import Server

GET = b"GET /echo?a=1 HTTP/1.1\r\nHost: x\r\n\r\n"
CLOSE = b"Connection: close\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers by path."""
    path = scope["path"]

    async def answer(status: int, *parts: bytes, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers})
        for part in parts[:-1]:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": parts[-1]})

    if path == "/stream":
        await answer(200, b"one", b"", b"two")
    elif path == "/unchanged":
        await answer(304, b"", headers=((b"etag", b'"x"'),))
    elif path == "/refuse":  # without reading the body
        await answer(413, b"no", headers=((b"content-length", b"2"), (b"connection", b"close")))
    elif path == "/hasty":  # without reading the body, and without a thought for what comes after it
        await answer(429, b"no", headers=((b"content-length", b"2"),))
    elif path == "/large":
        await answer(200, bytes(40_000_000), headers=((b"content-length", b"40000000"),))
    elif path == "/endless":
        await answer(200, *[bytes(100_000)] * 1_000)
    elif path == "/raise":
        raise ValueError("secret")
    elif path == "/split":
        await answer(200, b"", headers=((b"x-name", b"a\r\nset-cookie: b"),))
    elif path == "/short":
        await answer(200, b"12", headers=((b"content-length", b"3"),))
    else:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                await answer(400, b"broken off")
                return
            body, more = body + message["body"], message["more_body"]
        if path == "/slow":
            await asyncio.sleep(0.05)
        told = f"{scope['method']} {path}?{scope['query_string'].decode()} ".encode() + body
        if path == "/fields":
            told = b" ".join(name for name, _ in scope["headers"])
        await answer(200, told, headers=((b"content-length", str(len(told)).encode()),))


class Ready:
    """The same, and some answers at once."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    def at_once(self, scope: Any) -> Any:
        if scope["path"] == "/broken":
            raise ValueError("secret")
        told = b"at once " + scope["allmende.headers"][b"host"]
        return (200, (), told) if scope["path"] == "/ready" else None


class Whole:
    """Takes what has arrived as a whole at its own entrance, and says what came of it."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    def directly(self, scope: Any, body: bytes) -> Any:
        return None if scope["path"] == "/elsewhere" else self.answer(scope, body)

    async def answer(self, scope: Any, body: bytes) -> Any:
        if scope["path"] == "/raise":
            raise ValueError("secret")
        if scope["path"] == "/split":
            return 200, ((b"x-name", b"a\r\nset-cookie: b"),), b""
        try:
            await asyncio.sleep(30 if scope["path"] == "/long" else 0.01)
        except asyncio.CancelledError:
            self.ended.append("gone" if "allmende.gone" in scope else "cancelled")
            raise
        fields = ((b"connection", b"close"),) if scope["path"] == "/last" else ((b"x-name", b"a"),)
        return (204, fields, b"") if scope["path"] == "/nothing" else (200, fields, b"whole " + body)


@asynccontextmanager
async def served(monkeypatch: pytest.MonkeyPatch, app: Any = app, **rules: Any) -> AsyncIterator[Any]:
    """`talk(*parts)` sends them on one connection; gives all that comes back until it is closed."""
    monkeypatch.setattr(Connection, "rules", Rules(**rules))
    server = Server(
        Config(app, port=0, http=Connection, lifespan="off", log_config=None, server_header=False, proxy_headers=False)
    )
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 (uvicorn has no event for it)
            await asyncio.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]

    async def talk(*parts: bytes, pause: float = 0.0) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
        except ConnectionError:
            pass  # closed while we were sending; what was said before is still there
        try:
            return await asyncio.wait_for(reader.read(), 10)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    told: Any = talk
    told.port, told.connections, told.server = port, server.server_state.connections, server
    try:
        yield told
    finally:
        server.should_exit = True
        await serving


def code(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json; charset=utf-8" in head
    assert b"connection: close" in head
    assert f"content-length: {len(body)}".encode() in head
    return int(head.split(b" ")[1]), json.loads(body)["errors"][0]["extensions"]["code"]


async def test_answers_at_once_keep_the_order_too(monkeypatch: pytest.MonkeyPatch) -> None:
    ready, broken = (b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n" % path for path in (b"ready", b"broken"))
    slow = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    last = b"GET /ready HTTP/1.1\r\nHost: y\r\n" + CLOSE + b"\r\n"
    together = ready + slow + ready + broken + ready + GET + last
    async with served(monkeypatch, Ready()) as talk:
        for parts in ([together], [together[place : place + 1] for place in range(len(together))]):
            answer = await talk(*parts)
            bodies = [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 200 OK\r\n")[1:]]
            once = b"at once x"
            slowly, echo = b"POST /slow? body", b"GET /echo?a=1 "
            assert bodies == [once, slowly, once, b"GET /broken? ", once, echo, b"at once y"]
            assert answer.count(b"connection: close") == 1


@pytest.mark.parametrize("more", [b"Content-Length: 4\r\n\r\nbody", b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"])
async def test_who_brings_a_body_is_answered_by_the_application(monkeypatch: pytest.MonkeyPatch, more: bytes) -> None:
    async with served(monkeypatch, Ready()) as talk:
        answer = await talk(b"GET /ready HTTP/1.1\r\nHost: x\r\n" + CLOSE + more)
        assert b"GET /ready? " in answer
        assert b"at once" not in answer
        assert b"at once x" in await talk(b"GET /ready HTTP/1.0\r\nHost: x\r\n\r\n")


def post(path: bytes, body: bytes = b"body", more: bytes = b"") -> bytes:
    return b"POST /%b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (path, more, len(body), body)


async def test_what_arrives_as_a_whole_is_answered_as_a_whole_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = post(b"a") + post(b"nothing") + post(b"elsewhere") + GET + post(b"b", b"more") + post(b"last")
    asked += GET.replace(b"Host", CLOSE + b"Host")
    async with served(monkeypatch, Whole()) as talk:
        answer = await talk(asked)
        parts = [part.partition(b"\r\n\r\n") for part in answer.split(b"HTTP/1.1 2")[1:]]
        bodies = [b"whole body", b"", b"POST /elsewhere? body", b"GET /echo?a=1 ", b"whole more", b"whole body"]
        assert [body for _, _, body in parts] == bodies
        for place in (0, 4, 5):
            assert parts[place][0].count(b"content-length: 10") == 1
        assert b"content-length" not in parts[1][0]
        assert [b"connection: close" in head for head, _, _ in parts] == [False] * 5 + [True]
        byte_by_byte = await talk(*[asked[place : place + 1] for place in range(len(asked))])
        assert byte_by_byte.count(b"HTTP/1.1 200 OK") == 7
        assert b"POST /a? body" in byte_by_byte, "it was begun before it had arrived"


@pytest.mark.parametrize("path", [b"raise", b"split"])
async def test_where_the_whole_answer_fails_the_client_is_told_so_and_no_more(
    monkeypatch: pytest.MonkeyPatch, path: bytes
) -> None:
    async with served(monkeypatch, Whole()) as talk:
        answer = await talk(post(path) + GET)
        assert code(answer) == (500, "INTERNAL")
        assert b"secret" not in answer


async def test_work_on_a_whole_answer_is_ended_when_the_client_has_been_gone_for_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = Whole()
    async with served(monkeypatch, whole, notice=0.1) as talk:
        for path in (b"a", b"long"):
            _, writer = await asyncio.open_connection("127.0.0.1", talk.port)
            writer.write(post(path))
            await writer.drain()
            await asyncio.sleep(0.005)
            writer.transport.abort()
        for _ in range(500):
            if whole.ended:
                break
            await asyncio.sleep(0.01)
        assert whole.ended == ["gone"], "what was over soon was not ended"


async def test_requests_of_one_connection_are_answered_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
    last = b"GET /echo HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n"
    together = slow + GET + last
    async with served(monkeypatch) as talk:
        for parts in ([together], [together[place : place + 1] for place in range(len(together))]):
            answer = await talk(*parts)
            found = [line for line in answer.split(b"\r\n") if line.startswith((b"POST", b"GET"))]
            assert [line.replace(b"HTTP/1.1 200 OK", b"") for line in found] == [
                b"POST /slow? body",
                b"GET /echo?a=1 ",
                b"GET /echo? ",
            ]
            assert answer.count(b"\r\ndate: ") == answer.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    ("request_line", "expected"),
    [
        (
            "GET /stream HTTP/1.1",
            b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n",
        ),
        ("GET /stream HTTP/1.0", b"connection: close\r\n\r\nonetwo"),
        ("HEAD /echo HTTP/1.1", b"content-length: 12\r\nconnection: close\r\n\r\n"),
        ("GET /unchanged HTTP/1.1", b'etag: "x"\r\nconnection: close\r\n\r\n'),
        ("GET http://x/echo?b=%20 HTTP/1.1", b"\r\n\r\nGET /echo?b=%20 "),
        ("GET /e%C3%A4cho HTTP/1.1", "\r\n\r\nGET /eächo? ".encode()),
    ],
)
async def test_answer_is_framed_as_the_request_asks(
    monkeypatch: pytest.MonkeyPatch, request_line: str, expected: bytes
) -> None:
    async with served(monkeypatch) as talk:
        answer = await talk(f"{request_line}\r\nHost: x\r\n".encode() + CLOSE + b"\r\n")
    assert answer.endswith(expected)


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (b"GET /" + b"a" * 2_000 + b" HTTP/1.1\r\n", (431, "LIMIT_HEADER")),
        (b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n", (431, "LIMIT_HEADER")),
        (b"GET / HTTP/1.1\r\n" + b"A: bbbbbbbbb\r\n" * 90 + b"\r\n", (431, "LIMIT_HEADER")),
        (b"GET / HTTP/1.1\r\nBroken\x00: b\r\n\r\n", (400, "BAD_REQUEST")),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", (400, "BAD_REQUEST")),
        (b"GET / HTTP/1.1\r\nA: b\r\n\r\n" * 40 + CLOSE, None),
        (b"GET /raise HTTP/1.1\r\nHost: x\r\n\r\n", (500, "INTERNAL")),
        (b"GET /split HTTP/1.1\r\nHost: x\r\n\r\n", None),
        (b"GET /short HTTP/1.1\r\nHost: x\r\n\r\n", None),
    ],
)
async def test_what_cannot_be_answered_is_refused_in_json(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, told: tuple[int, str] | None
) -> None:
    async with served(monkeypatch, header=1_000) as talk:
        answer = await talk(sent)
        assert b"secret" not in answer
        assert b"set-cookie" not in answer
        if told is not None:
            assert code(answer) == told
        again = await talk(GET[:-2] + CLOSE + b"\r\n")
    assert again.endswith(b"GET /echo?a=1 ")


POST = b"POST /echo HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY = b"\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (POST + b"Transfer-Encoding: gzip, chunked\r\n" + EMPTY, (501, "TRANSFER_CODING")),
        (POST + b"Transfer-Encoding: gzip\r\n" + EMPTY, (501, "TRANSFER_CODING")),
        (POST + b"Transfer-Encoding: identity\r\n" + EMPTY, (501, "TRANSFER_CODING")),
        (POST + b"Transfer-Encoding: xchunked\r\n" + EMPTY, (501, "TRANSFER_CODING")),
        (POST + b"Transfer-Encoding: chunked;q=1\r\n" + EMPTY, (501, "TRANSFER_CODING")),
        (POST + b"Transfer-Encoding: gzip\r\n" + CHUNKED + EMPTY, (400, "BAD_REQUEST")),
        (POST + CHUNKED + CHUNKED + EMPTY, (400, "BAD_REQUEST")),
        (POST + b"Transfer-Encoding: \x0bchunked\r\n" + EMPTY, (400, "BAD_REQUEST")),
        (POST + b"Transfer-Encoding:\r\n chunked\r\n" + EMPTY, (400, "BAD_REQUEST")),
        (POST + b"Transfer-Encoding : chunked\r\n" + EMPTY, (400, "BAD_REQUEST")),
        (POST + CHUNKED + b"Content-Length: 5\r\n" + EMPTY, (400, "BAD_REQUEST")),
        (POST.replace(b"1.1", b"1.0") + CHUNKED + EMPTY, (400, "BAD_REQUEST")),
        (POST + b"Content-Length: 2\r\nContent-Length: 5\r\n\r\n{}", (400, "BAD_REQUEST")),
        (POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", (400, "BAD_REQUEST")),
        (POST + b"Content-Length: 2, 2\r\n\r\n{}", (400, "BAD_REQUEST")),
        (POST + b"Content-Length: +2\r\n\r\n{}", (400, "BAD_REQUEST")),
        (POST + b"Content-Length : 2\r\n\r\n{}", (400, "BAD_REQUEST")),
        (POST + b"Content-Length: 99999999999999999999999\r\n\r\n{}", (400, "BAD_REQUEST")),
        (b"GET /echo HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", (400, "BAD_REQUEST")),
        (b"GET /echo HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", (400, "BAD_REQUEST")),
        (b"GET /echo HTTP/1.1\nHost: x\n\n", (400, "BAD_REQUEST")),
        (b"GET /echo HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", (400, "BAD_REQUEST")),
        (b"GET http://y/echo HTTP/1.1\r\nHost: x\r\n\r\n", (400, "BAD_REQUEST")),
        (b"GET http://x:81/echo HTTP/1.1\r\nHost: x\r\n\r\n", (400, "BAD_REQUEST")),
        (b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n", (400, "BAD_REQUEST")),
        (b"GET /echo\r\n\r\n", (505, "HTTP_VERSION")),
        (b"GET /echo HTTP/0.9\r\n\r\n", (505, "HTTP_VERSION")),
        (b"GET /echo HTTP/2.0\r\nHost: x\r\n\r\n", (505, "HTTP_VERSION")),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", (400, "BAD_REQUEST")),
    ],
)
async def test_what_two_servers_could_read_differently_is_refused_and_nothing_after_it_is_read(
    monkeypatch: pytest.MonkeyPatch, sent: bytes, told: tuple[int, str]
) -> None:
    async with served(monkeypatch) as talk:
        for parts in ([sent + GET], [sent[place : place + 1] for place in range(len(sent))]):
            answer = await talk(*parts)
            assert code(answer) == told, "and that is all"


@pytest.mark.parametrize("begin", [b"2;a\nb\r\n{}", b"2 \r\n{}", b"0x2\r\n{}", b"+2\r\n{}", b"2\n{}\n", b"2\r\n{}x"])
async def test_after_a_broken_chunk_nothing_is_read(monkeypatch: pytest.MonkeyPatch, begin: bytes) -> None:
    async with served(monkeypatch) as talk:
        answer = await talk(POST + CHUNKED + b"\r\n" + begin + b"\r\n0\r\n\r\n" + GET)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"broken off" in answer


@pytest.mark.parametrize(
    "begin",
    [b"GET / HTTP/1.1\r\nA: ", b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: "],
)
async def test_what_does_not_end_is_refused_before_it_has(monkeypatch: pytest.MonkeyPatch, begin: bytes) -> None:
    async with served(monkeypatch, header=1_000) as talk:
        answer = await talk(begin, *[b"b" * 400] * 20, pause=0.01)
        assert b"HTTP/1.1 431 " in answer or b"broken off" in answer


async def test_refusal_arrives_also_while_the_client_still_sends(monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"POST /refuse HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n"
    async with served(monkeypatch) as talk:
        answer = await talk(head, *([b"x" * 100_000] * 5))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert answer.endswith(b"no")


async def test_who_is_answered_before_the_body_is_there_is_told_that_the_connection_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    head = b"POST /hasty HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n"
    async with served(monkeypatch, seconds=0.5) as talk:
        assert b"connection: close" in await talk(head, b"body", pause=0.1)
        assert b"connection: close" not in await talk(head + b"body")


async def test_body_that_is_no_body_is_told_to_the_application(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch) as talk:
        answer = await talk(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nabc")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"broken off" in answer


async def test_fields_after_the_body_are_none_of_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that passes them on has not looked at them: they would say whose request it is."""
    head = b"POST /fields HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"Transfer-Encoding: chunked\r\n\r\n"
    after = b"X-Forwarded-For: 192.0.2.1\r\nHost: evil.example\r\nAuthorization: Bearer x\r\n"
    async with served(monkeypatch) as talk:
        whole = await talk(head + b"1\r\na\r\n0\r\n" + after + b"\r\n")
        late = await talk(head + b"1\r\na\r\n", b"0\r\n" + after + b"\r\n", pause=0.05)
    assert {answer.partition(b"\r\n\r\n")[2] for answer in (whole, late)} == {b"host connection transfer-encoding"}


async def test_client_that_waits_for_our_word_gets_it(monkeypatch: pytest.MonkeyPatch) -> None:
    head = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n" + CLOSE + b"\r\n"
    async with served(monkeypatch) as talk:
        answer = await talk(head, b"body", pause=0.1)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"POST /echo? body")


async def test_idle_connections_and_half_sent_headers_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with served(monkeypatch, seconds=0.3) as talk:
        assert await talk(b"") == b""
        assert await talk(*[GET[place : place + 1] for place in range(20)], pause=0.05) == b""
        answer = await talk(GET)
    assert answer.endswith(b"GET /echo?a=1 ")


async def test_what_is_on_its_way_while_the_server_ends_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a connection that was just made, and on one that was free for a moment."""
    async with served(monkeypatch) as talk:
        opened = [await asyncio.open_connection("127.0.0.1", talk.port) for _ in range(3)]
        (fresh, to_fresh), (used, to_used), (idle, _) = opened
        to_used.write(GET)
        assert b"connection: close" not in await used.readuntil(b"GET /echo?a=1 ")
        talk.server.should_exit = True
        async with asyncio.timeout(10):
            while not all(one.last for one in talk.connections):  # noqa: ASYNC110 - another task tells them
                await asyncio.sleep(0.01)
        for reader, writer in ((fresh, to_fresh), (used, to_used)):
            writer.write(GET)
            answer = await asyncio.wait_for(reader.read(), 10)
            assert (b"connection: close" in answer, answer.endswith(b"GET /echo?a=1 ")) == (True, True)
        assert await asyncio.wait_for(idle.read(), 10) == b""
        for _, writer in opened:
            writer.close()


async def test_large_body_is_read_as_fast_as_the_application_takes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    body = bytes(range(256)) * 4_000
    head = f"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n".encode() + CLOSE + b"\r\n"
    async with served(monkeypatch, unread=1_000) as talk:
        answer = await talk(head, body)
    assert answer.endswith(b"POST /echo? " + body)


async def test_where_all_places_are_taken_the_idle_ones_make_room_and_the_busy_ones_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with served(monkeypatch, connections=1) as talk:
        idle = asyncio.create_task(talk(b""))
        await asyncio.sleep(0.1)
        busy = asyncio.create_task(
            talk(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n" + CLOSE + b"\r\n", b"ab", pause=0.3)
        )
        assert await idle == b""
        assert await talk(GET) == b""
        assert (await busy).endswith(b"POST /echo? ab")


async def asked(talk: Any, path: bytes) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Someone who has asked, and reads no more than a little by themselves."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.setblocking(False)
    await asyncio.get_running_loop().sock_connect(client, ("127.0.0.1", talk.port))
    reader, writer = await asyncio.open_connection(sock=client, limit=1_000)
    writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"\r\n")
    return reader, writer


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("path", [b"/large", b"/endless"])
async def test_who_takes_nothing_of_an_answer_is_cut_off_and_who_is_slow_is_not(
    monkeypatch: pytest.MonkeyPatch, path: bytes
) -> None:
    async with served(monkeypatch, seconds=0.5, pace=1_000) as talk:
        _, writer = await asked(talk, path)
        await until(lambda: len(talk.connections) == 1)
        await until(lambda: not talk.connections)
        writer.close()
        reader, writer = await asked(talk, path)
        end = asyncio.get_running_loop().time() + 3  # six times as long as nothing may happen
        while asyncio.get_running_loop().time() < end:
            assert await reader.read(1_000)
            await asyncio.sleep(0.02)
        assert len(talk.connections) == 1
        writer.close()


async def test_answers_that_wait_for_slow_clients_take_no_more_memory_than_is_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Connection, "untaken", waiting := Waiting(100_000_000))
    async with served(monkeypatch) as talk:
        first = await asked(talk, b"/large")
        await until(lambda: waiting.total > 30_000_000)
        others = [await asked(talk, b"/large") for _ in range(3)]
        await until(lambda: len(talk.connections) == 2)
        assert 60_000_000 < waiting.total < 100_000_000
        for _, writer in (first, *others):
            writer.close()
        await until(lambda: not talk.connections)
        assert waiting.total == 0
