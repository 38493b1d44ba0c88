"""Types that the core and all plugins share: the base of a module, the meeting interfaces, connections, scalars."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Generic, TypeVar

import strawberry

from allmende.context import Context

T = TypeVar("T")


@strawberry.type
class CityModule:
    """Base of the type behind `City.<plugin>`. `self.ctx` is bound to city, plugin and reader."""

    ctx: strawberry.Private[Context[Any]]


@strawberry.type(description="A point in WGS 84 degrees.")
class Position:
    lat: float = strawberry.field(description="Latitude, degrees north.")
    lon: float = strawberry.field(description="Longitude, degrees east.")


@strawberry.type(description="A picture, with the text for those who cannot see it.")
class Image:
    url: str = strawberry.field(
        description="Address of the picture: absolute; in a city without a host name of its own a path on this server. "
        "Resolved against the endpoint's address (RFC 3986) it is right in either case."
    )
    alt: str = strawberry.field(description="What it shows, for screen readers; empty if it is decoration.")
    caption: str | None = strawberry.field(default=None, description="Text shown below it.")
    credit: str | None = strawberry.field(default=None, description="Who made it, and its licence.")
    focus_x: float | None = strawberry.field(
        default=None,
        description="What must stay visible when it is cut: share of the width from the left; null for the middle.",
    )
    focus_y: float | None = strawberry.field(
        default=None, description="The same point: share of the height from the top; null for the middle."
    )


@strawberry.interface(description="Something with a date that appears in a city's feed.")
class FeedItem:
    id: strawberry.ID = strawberry.field(description="Stable across imports, unique across cities.")
    title: str = strawberry.field(description="One line of plain text.")
    date: datetime = strawberry.field(description="When it was published, or when it begins.")
    module: str = strawberry.field(description="Name of the module that it comes from.")


@strawberry.interface(description="Something that a search can find.")
class SearchHit:
    id: strawberry.ID = strawberry.field(description="Stable across imports, unique across cities.")
    title: str = strawberry.field(description="One line of plain text.")
    module: str = strawberry.field(description="Name of the module that it comes from.")


@strawberry.interface(description="Something that has a place on the map.")
class MapFeature:
    id: strawberry.ID = strawberry.field(description="Stable across imports, unique across cities.")
    title: str = strawberry.field(description="One line of plain text.")
    position: Position = strawberry.field(description="Where it is.")
    module: str = strawberry.field(description="Name of the module that it comes from.")


@strawberry.type(description="Where a page of a connection begins and ends (Relay Cursor Connections).")
class PageInfo:
    has_next_page: bool = strawberry.field(description="Whether `after: endCursor` would give more.")
    has_previous_page: bool = strawberry.field(description="Whether something comes before this page.")
    start_cursor: str | None = strawberry.field(description="Cursor of the first edge; null on an empty page.")
    end_cursor: str | None = strawberry.field(description="Cursor of the last edge; null on an empty page.")


@strawberry.type(description="One item of a connection, with its cursor.")
class Edge(Generic[T]):
    cursor: str = strawberry.field(description="Opaque position of this item; give it as `after`.")
    node: T = strawberry.field(description="The item.")


@strawberry.type(description="A page of a list that can grow (Relay Cursor Connections).")
class Connection(Generic[T]):
    edges: list[Edge[T]] = strawberry.field(description="The items of this page, with cursors.")
    page_info: PageInfo = strawberry.field(description="How to go on.")
    counter: strawberry.Private[Callable[[], Awaitable[int]]]

    @strawberry.field(description="The items of this page.")
    def nodes(self) -> list[T]:
        return [edge.node for edge in self.edges]

    @strawberry.field(description="How many items there are in all pages; counted only when asked for.")
    async def total_count(self) -> int:
        return await self.counter()
