"""Forms are accepted from this desk's own pages only: by a token in each, and by the origin that the browser names."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256

FIELD = "csrf"
VISITOR = "desk_visitor"
"""Cookie of those who have not signed in yet, so that their forms have a token too."""


def token(cookie: str) -> str:
    """The token of the forms shown to whoever has this cookie; the cookie cannot be had from it."""
    return hmac.new(cookie.encode(), b"allmende desk form", sha256).hexdigest()


def holds(given: str, expected: str) -> bool:
    """Whether the form was made for the one who sends it."""
    return bool(expected) and hmac.compare_digest(given.encode(), expected.encode())


def is_own(headers: Mapping[str, str]) -> bool:
    """Whether the browser says that the form comes from here; what says nothing (no browser) has the token only."""
    site = headers.get("sec-fetch-site", "same-origin")
    if site not in ("same-origin", "none"):
        return False
    origin = headers.get("origin", "")
    return origin in ("", "null") or origin.partition("://")[2] == headers.get("host", "")


def new_visitor() -> str:
    return secrets.token_urlsafe(24)
