"""An answer as it goes out over HTTP: which media type, which status, which bytes."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from allmende.graphql.execute import Outcome
from allmende.graphql.negotiate import GRAPHQL, JSON, negotiate

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
