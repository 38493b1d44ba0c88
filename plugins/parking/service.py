"""What is asked of parking: car parks by name or nearest first, with their trend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from allmende import BBox, Context, Prepared, around, distance, prepared
from msgspec import Struct
from sqlalchemy import Select, func, select

from .config import ParkingConfig
from .tables import CarPark, Reading

TREND = timedelta(minutes=30)
"""How far back the trend looks."""
FAR = 20_000
"""Metres within which the nearest car parks are looked for."""
MOST = 500
"""Car parks that are read at most to find the nearest."""


class Row(NamedTuple):
    """What is told of a car park: columns of its row, which are read again and again."""

    id: str
    name: str
    kind: str
    address: str
    lat: float | None
    lon: float | None
    capacity: int | None
    free: int | None
    trend: int | None
    closed: bool
    broken: bool
    updated_at: datetime | None
    hours: str
    height: float | None
    url: str


COLUMNS = tuple(getattr(CarPark, name) for name in Row._fields)


class Found(Struct, frozen=True):
    """A car park as it is told: with trend, and how far it is from where was asked (metres)."""

    row: Row
    trend: int | None
    distance: float | None = None


async def by_name(ctx: Context[ParkingConfig], first: int, free: bool) -> list[Found]:
    """By name; with `free`, only where spaces are known to be free."""
    return await _load(ctx, _by_name(free=free, first=first))


async def near(ctx: Context[ParkingConfig], lat: float, lon: float, first: int, free: bool) -> list[Found]:
    """The nearest first, within twenty kilometres."""
    found = [
        Found(each.row, each.trend, distance(lat, lon, each.row.lat or 0, each.row.lon or 0))
        for each in await _load(ctx, _in_box(around(lat, lon, FAR), free, MOST))
    ]
    return sorted(found, key=lambda each: (each.distance or 0, each.row.id))[:first]


async def by_ids(ctx: Context[ParkingConfig], ids: Sequence[str]) -> list[Found]:
    return await _load(ctx, _by_ids(ids=list(ids))) if ids else []


async def in_box(ctx: Context[ParkingConfig], box: BBox, first: int) -> list[Found]:
    return await _load(ctx, _in_box(box, False, first))


def is_stale(row: Row, ctx: Context[ParkingConfig]) -> bool:
    """Whether the number of free spaces is too old (or too broken) to be relied on."""
    if row.free is None:
        return False
    return (
        row.broken or row.updated_at is None or row.updated_at < ctx.now - timedelta(minutes=ctx.config.stale_minutes)
    )


@prepared
def _by_name(free: bool, first: int) -> Select[Any]:
    return _only_free(select(CarPark), free).order_by(CarPark.name, CarPark.id).limit(first)


@prepared
def _by_ids(ids: Any) -> Select[Any]:
    return select(CarPark).where(CarPark.id.in_(ids))


@prepared
def _inside(south: Any, north: Any, west: Any, east: Any, free: bool, first: int) -> Select[Any]:
    inside = select(CarPark).where(CarPark.lat.between(south, north), CarPark.lon.between(west, east))
    return _only_free(inside, free).order_by(CarPark.id).limit(first)


def _in_box(box: BBox, free: bool, first: int) -> Prepared:
    return _inside(south=box.south, north=box.north, west=box.west, east=box.east, free=free, first=first)


def _only_free(statement: Select[Any], free: bool) -> Select[Any]:
    return statement.where(CarPark.free > 0, CarPark.closed.is_(False)) if free else statement


async def _load(ctx: Context[ParkingConfig], statement: Prepared) -> list[Found]:
    """The car parks; where a feed says no trend, it comes from the readings of the city."""
    rows = [Row(*values) for values in await statement.tuples(ctx, *COLUMNS)]
    before: Mapping[str, int] = {}
    if any(row.trend is None and row.free is not None for row in rows):
        # By the minute, so that what was read is kept for all who ask in it.
        since = ctx.now.replace(second=0, microsecond=0) - TREND
        before = {each[0]: each[1] for each in await _readings(since=since).tuples(ctx)}
    return [Found(row, row.trend if row.trend is not None else _trend(row, before.get(row.id))) for row in rows]


@prepared
def _readings(since: Any) -> Select[Any]:
    """How many spaces were free half an hour ago, or at the oldest reading since."""
    oldest = (
        select(Reading.carpark, func.min(Reading.at).label("at"))
        .where(Reading.at >= since)
        .group_by(Reading.carpark)
        .subquery()
    )
    shown: Any = (Reading.carpark, Reading.free)
    return select(*shown).join(oldest, (oldest.c.carpark == Reading.carpark) & (oldest.c.at == Reading.at))


def _trend(row: Row, before: int | None) -> int | None:
    """A change of less than two per cent of the spaces (or one) is none."""
    if before is None or row.free is None:
        return None
    change = row.free - before
    return 0 if abs(change) <= max(1, (row.capacity or 0) // 50) else 1 if change > 0 else -1
