"""The first page: what waits for this reader, as far as their tasks go."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from litestar import Response
from msgspec import Struct

from allmende.desk.page import Nav, Page
from allmende.desk.request import Desk


class Tile(Struct, frozen=True, kw_only=True):
    """One number that says whether there is something to do, and leads to where it is done."""

    title: str
    number: str
    lead: str = ""
    path: str
    query: dict[str, str] = {}
    kind: str = ""
    """"", good, warn or bad."""
    icon: str = "inbox"


Tiles = Callable[[Desk], Awaitable[Sequence[Tile]]]
"""A room's part of the first page; it looks itself at what the reader may see, and takes a statement or two."""


def home(*rooms: Tiles) -> Page:
    """The first page, with the parts of these rooms."""

    async def show(desk: Desk) -> Response[Any]:
        tiles = [tile for room in rooms for tile in await room(desk)]
        return desk.page("home.html", tiles=tiles)

    return Page(path="", show=show, nav=Nav(group="start", text="home.title", icon="house"))
