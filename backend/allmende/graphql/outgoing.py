"""An answer as it goes out over HTTP: which media type, which status, which header fields, which bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec

from allmende.graphql.cache.entry import Entry, control
from allmende.graphql.cache.keep import Made
from allmende.graphql.negotiate import GRAPHQL, HTML, JSON, negotiate
from allmende.graphql.outcome import Outcome

Fields = tuple[tuple[bytes, bytes], ...]
Answer = tuple[int, Fields, bytes]
"""Status, header fields but for the length, body."""
Headers = Mapping[bytes, bytes]
_VARY = b"Accept, Authorization, Origin, Accept-Language, App-Version, Host"
_TYPES = {kind: f"{kind}; charset=utf-8".encode() for kind in (JSON, GRAPHQL, HTML)}

LATER = {"Retry-After": "5"}
CHALLENGE = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
"""What a refused token is answered with (RFC 6750 § 3), beside status 401."""


def answer_type(accept: str) -> str | None:
    """JSON unless the client names the GraphQL type, as the specification has it for clients from before it."""
    named = GRAPHQL in accept.lower()
    return negotiate(accept, (GRAPHQL, JSON) if named else (JSON, GRAPHQL))


def media_status(outcome: Outcome, media_type: str) -> int:
    """The HTTP status of an answer in this media type."""
    if outcome.kind == "mutation":
        return 405
    refused = outcome.kind == "limited" or (outcome.kind == "refused" and media_type == GRAPHQL)
    return 400 if refused else 200


def encode(body: dict[str, Any]) -> bytes:
    """JSON; half a surrogate pair, echoed in a message, can only go out escaped."""
    try:
        return msgspec.json.encode(body)
    except (UnicodeEncodeError, TypeError, ValueError):
        return json.dumps(body, default=_plain).encode()


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else str(value)


def shown(entry: Entry, now: float, media_type: str, headers: Headers) -> Answer:
    """A kept answer, or that the client has it already."""
    age = entry.age(now)
    tag = f'"{entry.tag}-g"' if media_type == GRAPHQL else f'"{entry.tag}"'
    known = headers.get(b"if-none-match")
    if known is not None and _matches(known, tag):
        return 304, _fields(tag, age, entry.vary), b""
    return 200, _fields(tag, age, entry.vary, media_type), entry.body


@lru_cache(maxsize=1000)
def _fields(tag: str, age: int, vary: str, media_type: str | None = None) -> Fields:
    shown = (
        (b"etag", tag.encode()),
        (b"cache-control", control(age).encode()),
        (b"vary", vary.encode()),
        (b"x-content-type-options", b"nosniff"),
    )
    if media_type is None:
        return shown
    return (*shown, (b"content-type", _TYPES[media_type]))


def _matches(known: bytes, tag: str) -> bool:
    """If-None-Match (RFC 9110 § 13.1.2): compared weakly, so what a proxy has marked as weak by W/ is the same."""
    given = known.decode("latin-1")
    if given == tag:
        return True
    return given.strip() == "*" or any(part.strip().removeprefix("W/") == tag for part in given.split(","))


def from_made(made: Made, media_type: str) -> Answer:
    outcome = made.outcome
    if made.body is not None:
        return 200, _unkept_fields(media_type), made.body
    headers = {"Allow": "POST"} if outcome.kind == "mutation" else {}
    return unkept(media_status(outcome, media_type), encode(outcome.body), media_type, headers)


def unkept(status: int, body: bytes, media_type: str, headers: Mapping[str, str]) -> Answer:
    """An answer that no other cache may keep."""
    return status, _unkept_fields(media_type, tuple(headers.items())), body


@lru_cache(maxsize=100)
def _unkept_fields(media_type: str, headers: tuple[tuple[str, str], ...] = ()) -> Fields:
    told = {"vary": _VARY, **{name.lower(): value.encode("latin-1") for name, value in headers}}
    return (
        (b"content-type", _TYPES[media_type]),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *((name.encode(), value) for name, value in told.items() if name != "x-content-type-options"),
    )
