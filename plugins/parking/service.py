"""What is asked of parking: car parks by name or nearest first, with their trend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from allmende import BBox, Context, around, distance
from msgspec import Struct
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession

from .config import ParkingConfig
from .tables import CarPark, Reading

TREND = timedelta(minutes=30)
"""How far back the trend looks."""
FAR = 20_000
"""Metres within which the nearest car parks are looked for."""
MOST = 500
"""Car parks that are read at most to find the nearest."""


class Found(Struct, frozen=True):
    """A car park as it is told: with trend, and how far it is from where was asked (metres)."""

    row: CarPark
    trend: int | None
    distance: float | None = None


async def by_name(ctx: Context[ParkingConfig], first: int, free: bool) -> list[Found]:
    """By name; with `free`, only where spaces are known to be free."""
    return await _load(ctx, _only_free(select(CarPark), free).order_by(CarPark.name, CarPark.id).limit(first))


async def near(ctx: Context[ParkingConfig], lat: float, lon: float, first: int, free: bool) -> list[Found]:
    """The nearest first, within twenty kilometres."""
    statement = _only_free(inside(around(lat, lon, FAR)), free).limit(MOST)
    found = [
        Found(each.row, each.trend, distance(lat, lon, each.row.lat or 0, each.row.lon or 0))
        for each in await _load(ctx, statement)
    ]
    return sorted(found, key=lambda each: (each.distance or 0, each.row.id))[:first]


async def by_ids(ctx: Context[ParkingConfig], ids: Sequence[str]) -> list[Found]:
    return await _load(ctx, select(CarPark).where(CarPark.id.in_(ids)))


async def in_box(ctx: Context[ParkingConfig], box: BBox, first: int) -> list[Found]:
    return await _load(ctx, inside(box).order_by(CarPark.id).limit(first))


def inside(box: BBox) -> Select[Any]:
    return select(CarPark).where(CarPark.lat.between(box.south, box.north), CarPark.lon.between(box.west, box.east))


def is_stale(row: CarPark, ctx: Context[ParkingConfig]) -> bool:
    """Whether the number of free spaces is too old (or too broken) to be relied on."""
    if row.free is None:
        return False
    return (
        row.broken or row.updated_at is None or row.updated_at < ctx.now - timedelta(minutes=ctx.config.stale_minutes)
    )


def _only_free(statement: Select[Any], free: bool) -> Select[Any]:
    return statement.where(CarPark.free > 0, CarPark.closed.is_(False)) if free else statement


async def _load(ctx: Context[ParkingConfig], statement: Select[Any]) -> list[Found]:
    """The car parks, and one more statement for the readings of those whose feed says no trend."""
    async with ctx.session() as session:
        rows = list(await session.scalars(statement))
        silent = [row.id for row in rows if row.trend is None and row.free is not None]
        before = await _before(session, silent, ctx.now) if silent else {}
    return [Found(row, row.trend if row.trend is not None else _trend(row, before.get(row.id))) for row in rows]


async def _before(session: AsyncSession, ids: Sequence[str], now: datetime) -> Mapping[str, int]:
    """How many spaces were free half an hour ago, or at the oldest reading since."""
    oldest = (
        select(Reading.carpark, func.min(Reading.at).label("at"))
        .where(Reading.carpark.in_(ids), Reading.at >= now - TREND)
        .group_by(Reading.carpark)
        .subquery()
    )
    statement = select(Reading.carpark, Reading.free).join(
        oldest, (oldest.c.carpark == Reading.carpark) & (oldest.c.at == Reading.at)
    )
    return {row.carpark: row.free for row in await session.execute(statement)}


def _trend(row: CarPark, before: int | None) -> int | None:
    """A change of less than two per cent of the spaces (or one) is none."""
    if before is None or row.free is None:
        return None
    change = row.free - before
    return 0 if abs(change) <= max(1, (row.capacity or 0) // 50) else 1 if change > 0 else -1
