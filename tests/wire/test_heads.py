"""Heads that come again, over real sockets: nothing is different the second time, and nothing of the first is left."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.wire.connection import Connection
from allmende.wire.heads import LONGEST, Heads

from .test_connection import CLOSE, Ready, Whole, served

LAST = b"POST /end HTTP/1.1\r\nHost: x\r\n" + CLOSE + b"Content-Length: 1\r\n\r\n."


def post(body: bytes, *more: bytes, path: bytes = b"/graphql") -> bytes:
    fields = b"".join(b"%b\r\n" % field for field in more)
    return b"POST %b HTTP/1.1\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (path, fields, len(body), body)


def bodies(answer: bytes) -> list[bytes]:
    return [part.partition(b"\r\n\r\n")[2] for part in answer.split(b"HTTP/1.1 200 OK\r\n")[1:]]


@pytest.fixture
def heads(monkeypatch: pytest.MonkeyPatch) -> Heads:
    known = Heads()
    monkeypatch.setattr(Connection, "heads", known)
    return known


async def test_a_known_head_goes_with_each_body_of_its_length(monkeypatch: pytest.MonkeyPatch, heads: Heads) -> None:
    parsed = []
    begin = Connection.on_message_begin
    monkeypatch.setattr(Connection, "on_message_begin", lambda self: (parsed.append(1), begin(self))[1])
    async with served(monkeypatch, Whole()) as talk:
        answer = await talk(post(b"one"), post(b"two"), post(b"four"), post(b"six"), LAST, pause=0.1)
        assert bodies(answer) == [b"whole one", b"whole two", b"whole four", b"whole six", b"whole ."]
        assert (len(parsed), len(heads)) == (3, 2), "the last one ends the connection"
        assert bodies(await talk(post(b"new"), LAST, pause=0.1)) == [b"whole new", b"whole ."]
        assert len(parsed) == 4


async def test_answers_at_once_know_heads_too(monkeypatch: pytest.MonkeyPatch, heads: Heads) -> None:
    ready = b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n"
    async with served(monkeypatch, Ready()) as talk:
        answer = await talk(ready, ready, post(b"x", path=b"/slow"), ready, ready + ready, LAST, pause=0.1)
        once = b"at once x"
        assert bodies(answer) == [once, once, b"POST /slow? x", once, once, once, b"POST /end? ."]
        assert len(heads) == 1


@pytest.mark.parametrize("size", [1, 7, 40])
async def test_pieces_and_several_at_once_are_the_parsers(
    monkeypatch: pytest.MonkeyPatch, heads: Heads, size: int
) -> None:
    """A known head in the middle of something else is a part of that."""
    known, smuggled = post(b"one"), post(b"two")
    outer = post(smuggled)
    async with served(monkeypatch, Whole()) as talk:
        assert bodies(await talk(known, LAST, pause=0.1)) == [b"whole one", b"whole ."]
        head, body = outer[: -len(smuggled)], outer[-len(smuggled) :]
        answer = await talk(head, body, known + known[:size], known[size:] + known, LAST, pause=0.1)
        assert bodies(answer) == [b"POST /graphql? " + smuggled, *[b"whole one"] * 3, b"whole ."]


async def test_a_half_sent_request_is_not_the_end_of_one(monkeypatch: pytest.MonkeyPatch, heads: Heads) -> None:
    known = post(b"one")
    async with served(monkeypatch, Whole()) as talk:
        await talk(known, LAST, pause=0.1)
        answer = await talk(known + b"POST /else HTTP/1.1\r\nHost: y\r\nx-a: ", known, LAST, pause=0.1)
        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert bodies(answer)[1:] != [b"whole one", b"whole ."], "it is a part of the other one's header"


@pytest.mark.parametrize(
    "request_",
    [
        post(b"x", b"Authorization: Bearer secret"),
        post(b"x", b"Cookie: a=b"),
        post(b"x", b"X-Forwarded-For: 203.0.113.7"),
        post(b"x", b"X-Long: " + bytes(LONGEST).replace(b"\0", b"x")),
        post(b"x", b"Expect: 100-continue"),
        post(b"x", path=b"/elsewhere"),
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 01\r\n\r\nx",
        b"\r\n" + post(b"x"),
    ],
)
async def test_what_says_who_asks_or_is_out_of_the_ordinary_is_not_kept(
    monkeypatch: pytest.MonkeyPatch, heads: Heads, request_: bytes
) -> None:
    async with served(monkeypatch, Whole()) as talk:
        answer: Any = await talk(request_, request_, LAST, pause=0.1)
        assert answer.count(b"HTTP/1.1 200 OK") == 3
        assert len(heads) == 0


async def test_heads_that_are_kept_have_an_end(monkeypatch: pytest.MonkeyPatch, heads: Heads) -> None:
    monkeypatch.setattr("allmende.wire.heads.ROOM", 20_000)
    async with served(monkeypatch, Whole()) as talk:
        for number in range(30):
            await talk(post(b"x", path=b"/%d" % number), LAST, pause=0.02)
        assert 1 <= len(heads) <= 10
