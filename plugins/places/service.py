"""Questions about a city's places, each answered with one statement (near: at most two)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from allmende import BBox, Context, Prepared, around, distance, prepared, search_ids
from sqlalchemy import ColumnElement, Select, func, select

from . import hours
from .tables import PlacesPlace, unit_vector

NEIGHBOURHOOD = 1_500.0
"""Metres in which enough places are usually found, so that the index on positions does the work."""
SCAN = 500
"""How many of the nearest places are looked at for those that are open (or closed) now."""
BOXED = 100_000.0
"""Metres up to which a circle is narrowed down by a box."""
EVERYWHERE = 20_100_000.0
Near = tuple[PlacesPlace, float]


def places(category: Any = None) -> Select[Any]:
    """All places, or those of one category."""
    statement = select(PlacesPlace)
    return statement if category is None else statement.where(PlacesPlace.category == category)


async def near(
    ctx: Context[Any],
    lat: float,
    lon: float,
    *,
    first: int,
    metres: float | None = None,
    category: str | None = None,
    is_open: bool | None = None,
) -> list[Near]:
    """The nearest places with their distance in metres, nearest first.

    Looks into the neighbourhood, and only where that holds too few, everywhere. With `is_open`, only places known to be
    open (or closed) now, among the nearest SCAN that have opening hours.
    """
    if first == 0:
        return []
    limit = metres if metres is not None else EVERYWHERE
    radii = [NEIGHBOURHOOD, limit] if limit > NEIGHBOURHOOD else [limit]
    found: list[Near] = []
    for radius in radii:
        nearest = await _nearest(
            ctx, lat, lon, radius, category, first if is_open is None else SCAN, is_open is not None
        )
        found = list(islice(_in_state(ctx, nearest, is_open), first))
        if len(found) == first:
            break
    return found


async def _nearest(
    ctx: Context[Any], lat: float, lon: float, radius: float, category: str | None, count: int, with_hours: bool
) -> list[Near]:
    """The `count` nearest inside the circle. The box around it holds the circle, so its corners are filtered here."""
    x, y, z = unit_vector(lat, lon)
    dx, dy, dz = PlacesPlace.x - x, PlacesPlace.y - y, PlacesPlace.z - z
    statement = places(category).order_by(dx * dx + dy * dy + dz * dz, PlacesPlace.id).limit(count)
    if radius <= BOXED:
        # A hundredth more, since a circle on a globe is a little wider than `around` reckons.
        statement = statement.where(inside(around(lat, lon, radius * 1.01)))
    if with_hours:
        statement = statement.where(PlacesPlace.opening_hours != "")
    async with ctx.session() as session:
        rows = (await session.scalars(statement)).all()
    measured = ((row, distance(lat, lon, row.lat, row.lon)) for row in rows)
    return [(row, metres) for row, metres in measured if metres <= radius]


def _in_state(ctx: Context[Any], nearest: Iterable[Near], is_open: bool | None) -> Iterable[Near]:
    now = ctx.now
    for row, metres in nearest:
        if is_open is None or hours.is_open(row.opening_hours, ctx.city, now) is is_open:
            yield row, metres


def inside(box: BBox) -> ColumnElement[bool]:
    return PlacesPlace.lat.between(box.south, box.north) & PlacesPlace.lon.between(box.west, box.east)


@prepared
def within(south: Any, north: Any, west: Any, east: Any, category: Any, first: int) -> Select[Any]:
    """Places inside the box, by name."""
    inside = PlacesPlace.lat.between(south, north) & PlacesPlace.lon.between(west, east)
    return places(category).where(inside).order_by(PlacesPlace.name, PlacesPlace.id).limit(first)


def in_box(box: BBox, first: int, category: str | None = None) -> Prepared:
    return within(south=box.south, north=box.north, west=box.west, east=box.east, category=category, first=first)


@prepared
def one(id: Any) -> Select[Any]:
    """The place with this id."""
    return places().where(PlacesPlace.id == id)


async def by_ids(ctx: Context[Any], ids: Sequence[str], category: str | None = None) -> list[PlacesPlace]:
    """The places with these ids, in their order; those that do not exist are left out."""
    if not ids:
        return []
    async with ctx.session() as session:
        rows = {row.id: row for row in await session.scalars(places(category).where(PlacesPlace.id.in_(ids)))}
    return [rows[id] for id in ids if id in rows]


async def search(ctx: Context[Any], text: str, first: int, category: str | None = None) -> list[PlacesPlace]:
    """Places found by name, category, address and description, best first."""
    wanted = first if category is None else 200
    ids = [id for id, _ in await search_ids(ctx, PlacesPlace, text, wanted)]
    return (await by_ids(ctx, ids, category))[:first]


async def counts(ctx: Context[Any]) -> dict[str, int]:
    """Category id → number of places."""
    statement = select(PlacesPlace.category, func.count()).group_by(PlacesPlace.category)
    async with ctx.session() as session:
        return {row[0]: row[1] for row in await session.execute(statement)}
