"""Requests that another server could read differently from us are refused: what one takes for a body, the other may
take for a request (smuggling). llhttp sees to lines and lengths; here is what it lets through (RFC 9112).
"""

from __future__ import annotations

from typing import Any

from allmende.wire.rules import Refused, broken

VERSIONS = ("1.1", "1.0")
_ONCE = (b"host", b"transfer-encoding")


def check(version: str, headers: list[tuple[bytes, bytes]], fields: dict[bytes, bytes]) -> None:
    """For a request with anything unusual about it; raises Refused. `fields` are the last ones of each name."""
    if version not in VERSIONS:  # also 0.9, which is what llhttp makes of a line without a version
        raise Refused(505, "HTTP_VERSION", "only HTTP/1.1 is spoken here")
    if len(fields) != len(headers):
        names = [name for name, _ in headers]
        if any(names.count(name) > 1 for name in _ONCE):
            raise broken()
    coding = fields.get(b"transfer-encoding")
    if coding is None:
        return
    if version == "1.0":  # which has none: whoever wrote it knows no chunks
        raise broken()
    if coding.strip(b" \t").lower() != b"chunked":
        raise Refused(501, "TRANSFER_CODING", "of transfer codings, only `chunked` is understood")


def is_same_host(parsed: Any, host: bytes) -> bool:
    """Whether a target in absolute form names the same host as the field, by which we go."""
    named: bytes = b"[%b]" % parsed.host if b":" in parsed.host else parsed.host
    if parsed.port:
        named += b":%d" % parsed.port
    return named.lower() == host.lower()
