"""What the head of a request for /graphql says of who asks: worked out once for each head that the connection knows."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any

from msgspec import Struct

from allmende.graphql.cache.variant import Reader as Variant
from allmende.graphql.negotiate import GRAPHQL, HTML, JSON, negotiate
from allmende.graphql.outgoing import answer_type

LONGEST_QUESTION = 8_000
"""Bytes of a query string that is worth keeping an answer for."""
Headers = Mapping[bytes, bytes]


class Asker(Struct, frozen=True):
    """Nothing in it depends on anything but the head."""

    variant: Variant
    wants_page: bool
    """Whether it is a browser that wants a page."""
    media_type: str | None
    """For everybody else; None where there is no such."""
    is_bare: bool
    """Whether the body is JSON, and the head does not say who sends it."""
    question: bytes | None
    """By which an answer to this GET is kept; None where it is not: whoever shows who they are is never answered from
    what is kept."""


def asker(scope: Mapping[str, Any], headers: Headers) -> Asker:
    known: dict[str, Any] | None = scope.get("allmende.known")
    found: Asker | None = None if known is None else known.get("asker")
    if found is not None:
        return found
    wants_page, media_type = _wanted(headers.get(b"accept", b"")[:1000])
    language, host = headers.get(b"accept-language", b""), headers.get(b"host", b"")
    variant = _variant(language[:1000], host[:300], headers.get(b"app-version", b"")[:50])
    is_bare = headers.get(b"content-type") == b"application/json" and b"authorization" not in headers
    made = Asker(variant, wants_page, media_type, is_bare, _question(scope, headers))
    if known is not None:
        known["asker"] = made
    return made


def _question(scope: Mapping[str, Any], headers: Headers) -> bytes | None:
    query: bytes = scope.get("query_string", b"")
    if scope["method"] != "GET" or b"authorization" in headers or b"cookie" in headers or len(query) > LONGEST_QUESTION:
        return None
    return blake2b(query, digest_size=16).digest()


@lru_cache(maxsize=500)
def _wanted(accept: bytes) -> tuple[bool, str | None]:
    text = accept.decode("latin-1")
    return negotiate(text, (JSON, GRAPHQL, HTML)) == HTML, answer_type(text)


@lru_cache(maxsize=500)
def _variant(language: bytes, host: bytes, version: bytes) -> Variant:
    name = host.decode("latin-1").rpartition("@")[2].split(":")[0].lower()
    return Variant(language.decode("latin-1"), name, version.decode("latin-1"))
