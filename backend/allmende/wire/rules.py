"""The numbers of the wire, and the refusals that no application has seen."""

from __future__ import annotations

from http import HTTPStatus
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit

import msgspec
from msgspec import Struct, field


def most_connections() -> int:
    """Each is an open file, of which the process may have so many; the database, uploads and logs need some, too."""
    files = getrlimit(RLIMIT_NOFILE)[0]
    return 8_192 if files == RLIM_INFINITY else min(8_192, files - 200)


class Rules(Struct, frozen=True, kw_only=True):
    """Per connection, except where it says otherwise."""

    connections: int = field(default_factory=most_connections)
    """At once in one worker. Those that have been idle for longest make room for a further one, or it is closed."""
    header: int = 65_536
    """Bytes of the request line and all header fields together."""
    fields: int = 100
    """Header fields."""
    seconds: float = 20.0
    """Until a client must have sent its header, and how long an idle connection is kept; a proxy should close its own
    connections earlier. In each such time, `pace` bytes of an answer must be taken off the line, too."""
    pace: int = 20_000
    """Bytes: a kilobyte a second, the slowest mobile network."""
    untaken: int = 64_000_000
    """Bytes of answers that wait for slow clients, all connections of the worker together."""
    unread_messages: int = 64_000_000
    """Bytes of WebSocket messages that have begun and not ended, all connections of the worker together."""
    frames: int = 500
    """WebSocket frames in one second."""
    ahead: int = 16
    """Requests that may be sent before the first one is answered."""
    unread: int = 65_536
    """Bytes of a body that wait to be read by the application before no more is taken from the network."""
    notice: float = 1.0
    """Seconds after a client has gone until work for it is ended: most is over by then, and ending it costs more."""
    leaving: float = 0.5
    """Seconds for which a worker that ends still answers on connections that are free."""
    goodbye: float = 1.0
    """Seconds for a client to read a refusal while it is still sending."""


class Refused(Exception):
    """The request cannot be read, or is larger than what is read."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code, self.message = status, code, message


def broken() -> Refused:
    return Refused(400, "BAD_REQUEST", "this is no HTTP/1.1 request")


def too_large(rules: Rules) -> Refused:
    limits = f"{rules.header} bytes, or there are more than {rules.fields} fields"
    return Refused(431, "LIMIT_HEADER", f"address and header fields have more than {limits}")


def too_many_ahead(rules: Rules) -> Refused:
    return Refused(400, "BAD_REQUEST", f"more than {rules.ahead} requests were sent before the first was answered")


def failed() -> Refused:
    return Refused(500, "INTERNAL", "something went wrong")


def written(refused: Refused) -> bytes:
    """The whole answer, after which the connection ends."""
    told = {"message": refused.message, "extensions": {"code": refused.code}}
    body = msgspec.json.encode({"errors": [told]})
    head = (
        f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}\r\n"
        f"content-type: application/json; charset=utf-8\r\ncontent-length: {len(body)}\r\n"
        "cache-control: no-store\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n"
    )
    return head.encode() + body
