"""The module as apps see it: places near a point, in a box, by text or category, and whether they are open."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import Annotated, Any

import strawberry
from allmende import (
    PUBLIC,
    BBox,
    BBoxInput,
    CityModule,
    Context,
    InputError,
    Prepared,
    check_first,
    field,
    paged,
    row,
    rows,
)
from strawberry import argument

from . import service
from .config import Category
from .place import OTHER, PlacesPlace, category_name
from .tables import PlacesPlace as Row

CAP = 100
MAP_CAP = 1000


@strawberry.type(name="PlacesCategory", description="A kind of place, as the city distinguishes them.")
class PlacesCategory:
    id: strawberry.ID = strawberry.field(description="By which lists are filtered.")
    name: str = strawberry.field(description="In the reader's language.")
    icon: str = strawberry.field(description="One emoji or character.")
    colour: str = strawberry.field(description="#rrggbb.")
    count: int = strawberry.field(description="How many places there are of it.")


First = Annotated[int, argument(description=f"How many at most, up to {CAP}.")]
Of = Annotated[strawberry.ID | None, argument(description="Only places of the category with this id.")]


@strawberry.type(name="Places", description="Places in the city: what is where, how far, and whether it is open.")
class Places(CityModule):
    @rows(PlacesPlace, visible=PUBLIC, description="The nearest places, nearest first.")
    def near(
        self,
        lat: Annotated[float | None, argument(description="Degrees north; the city's centre if left out.")] = None,
        lon: Annotated[float | None, argument(description="Degrees east; the city's centre if left out.")] = None,
        first: First = 10,
        metres: Annotated[float | None, argument(description="Only places within this distance.")] = None,
        category: Of = None,
        open: Annotated[
            bool | None,
            argument(description=f"Only those known to be open (or closed) now, of the nearest {service.SCAN}."),
        ] = None,
    ) -> Prepared | Awaitable[list[PlacesPlace]] | None:
        check_first(first, CAP)
        point = _point(self.ctx, lat, lon)
        if metres is not None and not metres > 0:
            raise InputError(f"metres: {metres} is not greater than 0")
        if open is None:
            found = service.near(point, first=first, metres=metres, category=category)
            return found.sharing(point=point) if found is not None else None
        return self._in_state(point, first, metres, category, open)

    @rows(PlacesPlace, visible=PUBLIC, name="in", description="Places inside a box, by name.")
    def within(
        self,
        bbox: Annotated[BBoxInput, argument(description="The box, such as the part of the map on the screen.")],
        category: Of = None,
        first: Annotated[int, argument(description=f"How many at most, up to {MAP_CAP}.")] = 100,
    ) -> Prepared:
        check_first(first, MAP_CAP)
        return service.in_box(bbox.checked("bbox"), first, category)

    @field(visible=PUBLIC, description="Places found by name, category, address and description, best first.")
    async def search(
        self,
        text: Annotated[str, argument(description="Words, the last of which may be a beginning.")],
        category: Of = None,
        first: First = 20,
    ) -> list[PlacesPlace]:
        check_first(first, CAP)
        return _made(self.ctx, await service.search(self.ctx, text, first, category))

    @paged(PlacesPlace, order=service.BY_NAME, cap=CAP, visible=PUBLIC, description="All places, by name.")
    def all(
        self,
        first: First = 20,
        after: Annotated[str | None, argument(description="Cursor after which to go on.")] = None,
        category: Of = None,
    ) -> Prepared:
        return service.everywhere(category=category)

    @row(PlacesPlace, visible=PUBLIC, description="One place by its id; null if there is none.")
    def place(self, id: Annotated[strawberry.ID, argument(description="Id of the place.")]) -> Prepared:
        return service.one(id=id)

    async def _in_state(
        self, point: tuple[float, float], first: int, metres: float | None, category: str | None, is_open: bool
    ) -> list[PlacesPlace]:
        found = await service.near_in_state(self.ctx, point, is_open, first=first, metres=metres, category=category)
        return [PlacesPlace(ctx=self.ctx, row=row, point=point) for row in found]

    @field(visible=PUBLIC, description="The city's categories in its order, with the number of places of each.")
    async def categories(self) -> list[PlacesCategory]:
        counts = await service.counts(self.ctx)
        known: tuple[Category, ...] = self.ctx.config.categories
        others = sum(counts.values()) - sum(counts.get(category.id, 0) for category in known)
        return [
            PlacesCategory(
                id=strawberry.ID(category.id),
                name=category_name(self.ctx, category),
                icon=category.icon,
                colour=category.colour,
                count=others if category is OTHER else counts.get(category.id, 0),
            )
            for category in (*known, *((OTHER,) if others else ()))
        ]


def map_features(ctx: Context[Any], box: BBox, first: int) -> Prepared:
    return service.in_box(box, first)


def _made(ctx: Context[Any], rows: Sequence[Row]) -> list[PlacesPlace]:
    return [PlacesPlace(ctx=ctx, row=row) for row in rows]


def _point(ctx: Context[Any], lat: float | None, lon: float | None) -> tuple[float, float]:
    if (lat is None) != (lon is None):
        raise InputError("lat, lon: give both, or neither for the city's centre")
    if lat is None or lon is None:
        return ctx.city.area.lat, ctx.city.area.lon
    if not -90 <= lat <= 90:
        raise InputError(f"lat: {lat} is not between -90 and 90")
    if not -180 <= lon <= 180:
        raise InputError(f"lon: {lon} is not between -180 and 180")
    return lat, lon
