"""Questions about a city's places, each answered with one statement (near: at most two)."""

from __future__ import annotations

from collections.abc import Sequence
from math import pi, sin
from typing import Any

from allmende import BBox, Context, Prepared, around, prepared, search_ids
from sqlalchemy import Select, func, select

from . import hours
from .tables import PlacesPlace, unit_vector

NEIGHBOURHOOD = 1_500.0
"""Metres in which enough places are usually found, so that the index on positions does the work."""
SCAN = 500
"""How many of the nearest places are looked at for those that are open (or closed) now."""
BOXED = 100_000.0
"""Metres up to which a circle is narrowed down by a box."""
WIDE = 0.06
"""Degrees, four to seven kilometres: a box of so much is most of a town."""
EARTH = 6_371_008.8
"""Mean radius in metres, as in `distance`."""
BY_NAME: Any = ((PlacesPlace.name, "asc"), (PlacesPlace.id, "asc"))
Point = tuple[float, float]
"""Degrees north and east."""


def places(category: Any = None) -> Select[Any]:
    """All places, or those of one category."""
    statement = select(PlacesPlace)
    return statement if category is None else statement.where(PlacesPlace.category == category)


def near(point: Point, *, first: int, metres: float | None = None, category: str | None = None) -> Prepared | None:
    """The nearest places, nearest first: from the neighbourhood, and where that holds too few, from everywhere."""
    if first == 0:
        return None
    asked = [_within(point, radius, category, first) for radius in _radii(metres)]
    return asked[0] if len(asked) == 1 else asked[0].or_else(asked[1], enough=first)


async def near_in_state(
    ctx: Context[Any],
    point: Point,
    is_open: bool,
    *,
    first: int,
    metres: float | None = None,
    category: str | None = None,
) -> list[PlacesPlace]:
    """The nearest places known to be open (or closed) now, among the nearest SCAN that have opening hours."""
    found: list[PlacesPlace] = []
    now = ctx.now
    for radius in _radii(metres):
        nearest = await _within(point, radius, category, SCAN, with_hours=True).scalars(ctx)
        found = [row for row in nearest if hours.is_open(row.opening_hours, ctx.city, now) is is_open][:first]
        if len(found) == first:
            break
    return found


def _radii(metres: float | None) -> list[float | None]:
    """In metres; None is everywhere."""
    return [metres] if metres is not None and metres <= NEIGHBOURHOOD else [NEIGHBOURHOOD, metres]


def _within(
    point: Point, metres: float | None, category: str | None, first: int, *, with_hours: bool = False
) -> Prepared:
    """The nearest inside the circle, which a box around it narrows down for the index."""
    # A hundredth more, since a circle on a globe is a little wider than `around` reckons.
    box = around(*point, metres * 1.01) if metres is not None and metres <= BOXED else None
    x, y, z = unit_vector(*point)
    return _nearest(
        x=x,
        y=y,
        z=z,
        box=[box.south, box.north, box.west, box.east] if box else None,
        reach=None if metres is None else _chord(metres) ** 2,
        category=category,
        first=first,
        with_hours=with_hours,
    )


@prepared
def _nearest(x: Any, y: Any, z: Any, box: Any, reach: Any, category: Any, first: int, with_hours: bool) -> Select[Any]:
    dx, dy, dz = PlacesPlace.x - x, PlacesPlace.y - y, PlacesPlace.z - z
    far = dx * dx + dy * dy + dz * dz
    statement = places(category).order_by(far, PlacesPlace.id).limit(first)
    if box is not None:
        south, north, west, east = box
        statement = statement.where(PlacesPlace.lat.between(south, north), PlacesPlace.lon.between(west, east))
    if reach is not None:
        statement = statement.where(far <= reach)
    return statement.where(PlacesPlace.opening_hours != "") if with_hours else statement


def _chord(metres: float) -> float:
    """Through a globe of radius 1, between the ends of an arc of so many metres."""
    return 2 * sin(min(metres / 2 / EARTH, pi / 2))


@prepared
def everywhere(category: Any) -> Select[Any]:
    return places(category)


@prepared
def within(south: Any, north: Any, west: Any, east: Any, category: Any, first: int, wide: bool) -> Select[Any]:
    """Places inside the box, by name. In a wide one are most of them, so their names are gone along until enough are
    found; the sum keeps the database from using the index on positions, and sorting all that it finds."""
    lat: Any = PlacesPlace.lat + 0.0 if wide else PlacesPlace.lat
    lon: Any = PlacesPlace.lon + 0.0 if wide else PlacesPlace.lon
    inside = lat.between(south, north) & lon.between(west, east)
    return places(category).where(inside).order_by(PlacesPlace.name, PlacesPlace.id).limit(first)


def in_box(box: BBox, first: int, category: str | None = None) -> Prepared:
    wide = box.north - box.south > WIDE and box.east - box.west > WIDE
    return within(
        south=box.south, north=box.north, west=box.west, east=box.east, category=category, first=first, wide=wide
    )


@prepared
def one(id: Any) -> Select[Any]:
    """The place with this id."""
    return places().where(PlacesPlace.id == id)


@prepared
def _by_ids(ids: Any, category: Any) -> Select[Any]:
    return places(category).where(PlacesPlace.id.in_(ids))


def by_ids(ctx: Context[Any], ids: Sequence[str]) -> Prepared:
    """The places with these ids, in any order."""
    return _by_ids(ids=ids, category=None)


async def search(ctx: Context[Any], text: str, first: int, category: str | None = None) -> list[PlacesPlace]:
    """Places found by name, category, address and description, best first."""
    wanted = first if category is None else 200
    ids = [id for id, _ in await search_ids(ctx, PlacesPlace, text, wanted)]
    if not ids:
        return []
    found = {row.id: row for row in await _by_ids(ids=ids, category=category).scalars(ctx)}
    return [found[id] for id in ids if id in found][:first]


@prepared
def _counts() -> Select[Any]:
    shown: Any = (PlacesPlace.category, func.count())
    return select(*shown).group_by(PlacesPlace.category)


async def counts(ctx: Context[Any]) -> dict[str, int]:
    """Category id → number of places."""
    return {row[0]: row[1] for row in await _counts().tuples(ctx)}
