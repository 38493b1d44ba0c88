"""How a page of the desk is declared: its path, who may open it, its place in the navigation, and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Literal

from litestar import Response
from msgspec import Struct

if TYPE_CHECKING:
    from allmende.desk.request import Desk

Group = Literal["start", "content", "cases", "feeds", "city"]
"""Parts of the navigation, in this order; each has a title in texts (`nav.<group>`)."""
Handler = Callable[["Desk"], Awaitable[Response[Any]]]
UPLOAD = 25_000_000
"""Bytes of a posted form at most, files included."""


class Link(Struct, frozen=True, kw_only=True):
    """One entry of the navigation."""

    group: Group
    title: str
    """As readers see it."""
    path: str
    """Below /<city>/desk."""
    icon: str = ""
    """Name of a drawing in templates/macros/icon.html."""
    order: int = 50


class Nav(Struct, frozen=True, kw_only=True):
    """The entry of a page in the navigation; who may not open the page does not see it."""

    group: Group
    text: str
    """Key of its title in texts."""
    icon: str = ""
    order: int = 50


class Page(Struct, frozen=True, kw_only=True):
    """One address below /<city>/desk. Without `permission`, every member of staff may open it; nobody else may."""

    path: str
    """`feeds/{plugin:str}/{source:str}`; parameters are in `desk.path`."""
    show: Handler | None = None
    """Answers GET."""
    act: Handler | None = None
    """Answers POST. The form's CSRF token has been checked."""
    permission: str = ""
    """`desk.feeds`, `news.publish`: what the reader needs, for both."""
    nav: Nav | None = None
    links: Callable[[Desk], Sequence[Link]] | None = None
    """Further entries of the navigation, where they depend on the city or on what is installed."""
    is_open: bool = False
    """Also for those who have not signed in: the sign-in pages only."""
    size: int = UPLOAD
    """Bytes of a posted form."""
