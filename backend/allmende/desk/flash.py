"""One message that survives the redirect after a form: the key of a text, in a cookie that is shown once.

Only texts of the desk can be said this way, so that a planted cookie says nothing of its own.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from litestar.datastructures import Cookie

from allmende.desk.render import words

if TYPE_CHECKING:
    from allmende.desk.request import Desk

NAME = "desk_said"
Said = tuple[str, str, dict[str, str | int]]
"""Kind (good, bad), key of the text, values."""


def cookie(desk: Desk, said: Sequence[tuple[str, str, Mapping[str, Any]]]) -> Cookie:
    """The cookie that says this on the next page; with nothing to say, the one that removes it."""
    plain = [
        (kind, key, {k: v if isinstance(v, int) else str(v)[:300] for k, v in given.items()})
        for kind, key, given in said
    ]
    value = urlsafe_b64encode(msgspec.json.encode(plain)).decode() if plain else ""
    return Cookie(
        key=NAME,
        value=value,
        path=desk.address(),
        max_age=60 if plain else 0,
        httponly=True,
        samesite="lax",
        secure=desk.office.production,
    )


def take(cookies: Mapping[str, str]) -> tuple[list[Said], bool]:
    """What is to be said now, and whether there was such a cookie."""
    value = cookies.get(NAME, "")
    if not value:
        return [], False
    try:
        said = msgspec.json.decode(urlsafe_b64decode(value), type=list[Said])
        for _, key, given in said:
            words("en", key, **given)
    except (ValueError, KeyError, IndexError, AttributeError):
        return [], True
    return [(kind if kind in ("good", "bad") else "good", key, given) for kind, key, given in said[:3]], True
