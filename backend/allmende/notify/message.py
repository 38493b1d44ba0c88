"""What a plugin tells its subscribers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from allmende.city.model import LocalText
from allmende.context import Context

Urgency = Literal["low", "normal", "high", "urgent"]
"""The first three as RFC 8030, 5.3 has them; `urgent` is `high` and breaks quiet hours where the topic allows it."""


class Message(Struct, frozen=True, kw_only=True):
    """One message, in all languages of the city (`every_language`) or in one."""

    key: Annotated[str, Meta(min_length=1, max_length=200)]
    """What it is about, so exactly that it is told once: a second message of the topic with this key is not sent."""
    title: LocalText
    body: LocalText = ""
    link: str = ""
    """Where it leads: a path in the app (`warnings/4711`), or an https address."""
    urgency: Urgency = "normal"
    thread: str = ""
    """Messages of one thread replace one another on the device, and in the push service while the phone is off."""
    expires: datetime | None = None
    """From then on it is of no use and is not delivered any more; a week from now where nothing is said."""


def every_language(ctx: Context[Any], key: str, **values: Any) -> dict[str, str]:
    """The plugin's text `key` in each language that the city offers."""
    return {language: ctx.in_language(language).text(key, **values) for language in ctx.city.languages}
