"""The numbers of the door, in one place, and the refusal that a client can act on."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from allmende.errors import AllmendeError


class Rules(Struct, frozen=True, kw_only=True):
    """Per worker process. A client is an IPv4 address, or an IPv6 network of a household (/64)."""

    rate: float = 50.0
    """Requests per second that one client may make for long; a whole school can share an address."""
    burst: float = 500.0
    """Requests that it may make at once, after a pause."""
    cost_per_request: int = 1_000
    """An operation counts as one request more for each so many points of its estimated cost."""
    clients: int = 50_000
    """Clients that are remembered; who has not come for longest is forgotten."""
    per_client: int = 48
    """Requests of one client that may be in progress at once: fewer than there are slots, so that nobody takes all."""
    slots: int = 64
    """Requests that are worked on at once."""
    queue: int = 1_000
    """Requests that wait for a slot; further ones are turned away."""
    patience: float = 5.0
    """Seconds that a request waits for a slot."""
    turn: float = 0.05
    """Seconds of one turn of the event loop in which requests are let in; those who come later wait for the next."""
    together: int = 8
    """Requests of those who wait that are let in in one turn."""
    streams: int = 5_000
    """Connections that stay open: subscriptions."""
    streams_per_client: int = 500
    body: int = 256_000
    """Bytes of the body of a GraphQL request."""
    bodies: int = 64_000_000
    """Bytes of all bodies that are being read."""
    body_seconds: float = 10.0
    """Until a body must be there."""
    upload: int = 20_000_000
    """Bytes of every other body: a photo, a form of the desk."""
    uploads: int = 200_000_000
    """Bytes of all those that are being read."""
    upload_seconds: float = 60.0
    """Until such a body must be there; a village's line takes its time for a photo."""
    url: int = 16_384
    """Bytes. How large the whole header may be is the connection's matter, see wire/rules.py."""
    notice: float = 1.0
    """Seconds after which it is watched whether the client is still there."""


def for_uploads(rules: Rules) -> Rules:
    """The numbers for bodies that are larger than those of GraphQL requests."""
    return replace(rules, body=rules.upload, bodies=rules.uploads, body_seconds=rules.upload_seconds)


class Turned(AllmendeError):
    """The request is turned away at the door."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message, code=code)
        self.status, self.headers = status, dict(headers or {})


def full(seconds: int = 1) -> Turned:
    """Nothing is wrong with the request: there is too much to do at the moment."""
    return Turned(503, "OVERLOADED", "too many requests at the moment", {"Retry-After": str(seconds)})


def too_many(seconds: int) -> Turned:
    """This client asks too often."""
    return Turned(429, "RATE_LIMITED", "too many requests from this address", {"Retry-After": str(seconds)})
