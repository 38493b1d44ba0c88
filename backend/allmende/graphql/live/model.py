"""The numbers of the live transports, in one place, and the close codes of graphql-transport-ws."""

from __future__ import annotations

from enum import IntEnum

from msgspec import Struct

PROTOCOL = "graphql-transport-ws"


class Close(IntEnum):
    """Why a socket is closed. The codes from 4400 on are those of the protocol."""

    GOING_AWAY = 1001
    TOO_BIG = 1009
    TOO_SLOW = 1013
    INVALID = 4400
    UNAUTHORIZED = 4401
    FORBIDDEN = 4403
    SUBPROTOCOL = 4406
    INIT_TIMEOUT = 4408
    DUPLICATE = 4409
    TOO_MANY_INITS = 4429
    SILENT = 4499
    INTERNAL = 4500


class LiveRules(Struct, frozen=True, kw_only=True):
    """Per connection, except where it says otherwise."""

    init_seconds: float = 10.0
    """Until the first message has to be there."""
    ping_seconds: float = 30.0
    """Between two pings to a client; who has not said anything by the next one is gone."""
    keep_alive: float = 12.0
    """Seconds between two comments on a stream, so that no proxy takes it for dead."""
    operations: int = 20
    """Open at once on one socket, or on one shared stream."""
    message: int = 256_000
    """Characters of one message from a client; the same as the body of a request."""
    id: int = 128
    """Characters of the id of an operation."""
    queue: int = 64
    """Messages that wait for a slow client."""
    waiting: int = 500_000
    """Bytes that wait for a slow client; further answers are held back."""
    all_waiting: int = 32_000_000
    """Bytes that wait for slow clients, all sockets and shared streams of the worker together."""
    patience: float = 10.0
    """Seconds that an answer is held back; then the client is too slow, and is closed."""
    working: int = 32
    """Queries and mutations from all sockets of this worker that are worked on at once."""
