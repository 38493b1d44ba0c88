"""What is asked of the warnings: those in force, the worst first, and those that have just been lifted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from allmende import BBox, Context, Prepared, prepared
from sqlalchemy import ColumnElement, Select, and_, or_, select

from .config import WarningsConfig
from .tables import SEVERITIES, CityWarning


def active(ctx: Context[WarningsConfig], first: int, least: str = "unknown") -> Prepared:
    """The worst first, of equal ones the latest."""
    return _active(now=ctx.now, least=SEVERITIES.index(least), first=first)


def all_clear(ctx: Context[WarningsConfig], first: int) -> Prepared:
    """Those that have been lifted in the last hours, the latest first."""
    return _all_clear(since=_since(ctx), first=first)


def by_ids(ctx: Context[WarningsConfig], ids: Sequence[str]) -> Prepared:
    """Those of these ids that still show: in force, or just lifted."""
    return _by_ids(now=ctx.now, since=_since(ctx), ids=ids)


def latest(ctx: Context[WarningsConfig], before: datetime | None, first: int) -> Prepared:
    """By the time of the latest message, the newest first."""
    return _latest(now=ctx.now, since=_since(ctx), before=before, first=first)


def in_box(ctx: Context[WarningsConfig], box: BBox, first: int) -> Prepared:
    """Those in force, each at a point inside of its area."""
    return _in_box(now=ctx.now, south=box.south, north=box.north, west=box.west, east=box.east, first=first)


def _since(ctx: Context[WarningsConfig]) -> datetime:
    return ctx.now - timedelta(hours=ctx.config.all_clear_hours)


def _in_force(now: Any) -> ColumnElement[bool]:
    return and_(CityWarning.over.is_(False), or_(CityWarning.expires.is_(None), CityWarning.expires > now))


def _lifted(since: Any) -> ColumnElement[bool]:
    return and_(CityWarning.over.is_(True), CityWarning.sent > since)


@prepared
def _active(now: Any, least: int, first: int) -> Select[Any]:
    statement = select(CityWarning).where(_in_force(now), CityWarning.severity >= least)
    return statement.order_by(CityWarning.severity.desc(), CityWarning.sent.desc(), CityWarning.id).limit(first)


@prepared
def _all_clear(since: Any, first: int) -> Select[Any]:
    return select(CityWarning).where(_lifted(since)).order_by(CityWarning.sent.desc(), CityWarning.id).limit(first)


@prepared
def _by_ids(now: Any, since: Any, ids: Any) -> Select[Any]:
    return select(CityWarning).where(CityWarning.id.in_(ids), or_(_in_force(now), _lifted(since)))


@prepared
def _latest(now: Any, since: Any, before: Any, first: int) -> Select[Any]:
    statement = select(CityWarning).where(or_(_in_force(now), _lifted(since)))
    if before is not None:
        statement = statement.where(CityWarning.sent < before)
    return statement.order_by(CityWarning.sent.desc(), CityWarning.id.desc()).limit(first)


@prepared
def _in_box(now: Any, south: Any, north: Any, west: Any, east: Any, first: int) -> Select[Any]:
    inside = (CityWarning.lat.between(south, north), CityWarning.lon.between(west, east))
    return select(CityWarning).where(_in_force(now), *inside).order_by(CityWarning.id).limit(first)
