"""States and addresses of pictures in words, for the API, the map's document and Open311 alike."""

from __future__ import annotations

from typing import Any

from allmende import City, Context, cases

from .kind import DEFECT


def status_text(ctx: Context[Any], name: str) -> str:
    """The name of a state; of one that a newer version no longer has, its key."""
    status = DEFECT.status(name)
    return ctx.text(status.text) if status else name


def picture_address(city: City, picture: cases.Picture) -> str:
    return f"{city.site}{picture.path}"
