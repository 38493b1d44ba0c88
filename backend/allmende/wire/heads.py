"""Heads that are byte for byte like one before: they say the same, so they are neither parsed nor checked again.

Clients ask for the same with the same words again and again. Only a request that arrives as one piece, head and body,
is looked for here; all others are the parser's, and so is each head the first time.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

from allmende.wire.exchange import Exchange

ROOM = 2_000_000
"""Bytes that a worker keeps of heads and what they say; beyond that, it begins anew."""
OVERHEAD = 3_000
"""Bytes that what a head says takes, beside its own: nine fields, each a pair of texts in a list and a dictionary, and
what is known of it."""
LONGEST = 2_000
"""Bytes of a head that is worth keeping."""
_END = b"\r\n\r\n"
_WHOSE = (b"authorization", b"cookie", b"x-forwarded-for", b"forwarded")
"""Who is asking. Such heads are not kept: hardly anybody else sends the same, and it is nobody's business."""
_OTHERWISE = (b"expect", b"transfer-encoding", b"upgrade")
_ASGI = {"version": "3.0", "spec_version": "2.3"}


def said(
    method: str, target: bytes, version: str, headers: list[tuple[bytes, bytes]], fields: dict[bytes, bytes]
) -> dict[str, Any]:
    """The part of a scope (ASGI) that follows from the head. Nobody may change what is in it, but for
    `allmende.known`: all requests with this head have it."""
    raw, _, query = target.partition(b"#")[0].partition(b"?")
    path = raw.decode("ascii", "replace")
    return {
        "type": "http",
        "asgi": _ASGI,
        "http_version": version,
        "scheme": "http",
        "root_path": "",
        "headers": headers,
        "method": method,
        "path": unquote(path) if "%" in path else path,
        "raw_path": raw,
        "query_string": query,
        "allmende.headers": fields,  # the last of each name, for who would look each up in the list
        "allmende.known": {},  # for what is worked out from the head alone, under a name of whoever does
    }


class Heads:
    """Of one worker: head → what it says, and how long the body is that it announces."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[dict[str, Any], int]] = {}
        self._size = 0

    def __len__(self) -> int:
        return len(self._known)

    def find(self, data: bytes) -> tuple[dict[str, Any], bytes] | None:
        """What the head says and the body, where these are exactly one request with a known head."""
        end = data.find(_END) + 4
        known = self._known.get(data[:end])
        if known is None or len(data) - end != known[1]:
            return None
        return known[0], data[end:]

    def learn(self, data: bytes, exchange: Exchange, head: dict[str, Any]) -> bool:
        """Whether the data, which the parser has read this request from, are exactly that request; if they are, and
        the application has a short way for such requests, the head is known from now on."""
        scope, end = exchange.scope, data.find(_END) + 4
        body = scope.get("allmende.arrived", b"")
        if exchange.more or data[end:] != body or not data.startswith(scope["method"].encode()):
            return False
        fields = scope["allmende.headers"]
        announced = fields.get(b"content-length", b"0")
        is_plain = exchange.keep and announced == b"%d" % len(body) and not any(map(fields.__contains__, _OTHERWISE))
        if (
            is_plain
            and (exchange.is_direct or exchange.done)
            and end <= LONGEST
            and not any(map(fields.__contains__, _WHOSE))
            and data[:end] not in self._known
        ):
            if self._size + end + OVERHEAD > ROOM:
                self._known, self._size = {}, 0
            self._known[data[:end]] = head, len(body)
            self._size += end + OVERHEAD
        return is_plain
