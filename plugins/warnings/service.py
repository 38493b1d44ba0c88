"""What is asked of the warnings: those in force, the worst first, and those that have just been lifted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from allmende import BBox, Context
from sqlalchemy import ColumnElement, Select, and_, or_, select

from .config import WarningsConfig
from .tables import SEVERITIES, CityWarning


def in_force(ctx: Context[WarningsConfig]) -> ColumnElement[bool]:
    return and_(CityWarning.over.is_(False), or_(CityWarning.expires.is_(None), CityWarning.expires > ctx.now))


def lifted(ctx: Context[WarningsConfig]) -> ColumnElement[bool]:
    since = ctx.now - timedelta(hours=ctx.config.all_clear_hours)
    return and_(CityWarning.over.is_(True), CityWarning.sent > since)


async def active(ctx: Context[WarningsConfig], first: int, least: str = "unknown") -> Sequence[CityWarning]:
    """The worst first, of equal ones the latest."""
    statement = select(CityWarning).where(in_force(ctx), CityWarning.severity >= SEVERITIES.index(least))
    ordered = statement.order_by(CityWarning.severity.desc(), CityWarning.sent.desc(), CityWarning.id)
    return await _all(ctx, ordered.limit(first))


async def all_clear(ctx: Context[WarningsConfig], first: int) -> Sequence[CityWarning]:
    """Those that have been lifted in the last hours, the latest first."""
    return await _all(
        ctx, select(CityWarning).where(lifted(ctx)).order_by(CityWarning.sent.desc(), CityWarning.id).limit(first)
    )


async def by_ids(ctx: Context[WarningsConfig], ids: Sequence[str]) -> Sequence[CityWarning]:
    """Those of these ids that still show: in force, or just lifted."""
    return await _all(ctx, select(CityWarning).where(CityWarning.id.in_(ids), or_(in_force(ctx), lifted(ctx))))


async def latest(ctx: Context[WarningsConfig], before: datetime | None, first: int) -> Sequence[CityWarning]:
    """By the time of the latest message, the newest first."""
    statement = select(CityWarning).where(or_(in_force(ctx), lifted(ctx)))
    if before is not None:
        statement = statement.where(CityWarning.sent < before)
    return await _all(ctx, statement.order_by(CityWarning.sent.desc(), CityWarning.id.desc()).limit(first))


async def in_box(ctx: Context[WarningsConfig], box: BBox, first: int) -> Sequence[CityWarning]:
    inside = (CityWarning.lat.between(box.south, box.north), CityWarning.lon.between(box.west, box.east))
    return await _all(ctx, select(CityWarning).where(in_force(ctx), *inside).order_by(CityWarning.id).limit(first))


async def _all(ctx: Context[Any], statement: Select[Any]) -> Sequence[CityWarning]:
    async with ctx.session() as session:
        return (await session.scalars(statement)).all()
