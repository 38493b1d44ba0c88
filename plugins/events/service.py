"""Questions about events, as SQL: what is upcoming, on a day, in a range, nearby; what belongs to an event."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from math import cos, radians
from typing import Any

from allmende import BBox, Context, around, search_ids
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, case, delete, func, or_, select
from sqlalchemy.orm import contains_eager

from .config import EventsConfig
from .tables import Event, Occurrence

FOUND = 200
"""Most events that a search text may match."""
METRES_PER_DEGREE = 111_195.0


class Near(Struct, frozen=True, kw_only=True):
    """A circle on the map."""

    lat: float
    lon: float
    metres: float


class Filter(Struct, frozen=True, kw_only=True):
    """Which events are wanted; what is None does not matter."""

    category: str | None = None
    free: bool | None = None
    near: Near | None = None
    text: str | None = None


async def dates(ctx: Context[EventsConfig], wanted: Filter) -> Select[Any]:
    """Occurrences with their events, in one statement; a search text is looked up first."""
    statement = select(Occurrence).join(Occurrence.event).options(contains_eager(Occurrence.event))
    statement = statement.where(*_conditions(ctx, wanted))
    if wanted.text and wanted.text.strip():
        found = await search_ids(ctx, Event, wanted.text, FOUND)
        statement = statement.where(Occurrence.parent.in_([id_ for id_, _ in found]))
    return statement


def _conditions(ctx: Context[EventsConfig], wanted: Filter) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    if wanted.category:
        keys = category_keys(ctx, wanted.category)
        conditions.append(or_(*(Event.categories.contains(f"\n{key}\n", autoescape=True) for key in keys)))
    if wanted.free is not None:
        conditions.append(Event.free.is_(wanted.free))
    if wanted.near is not None:
        conditions += _within(wanted.near)
    return conditions


def _within(near: Near) -> list[ColumnElement[bool]]:
    """The box for the index, then the circle on a plane: exact to a thousandth at the size of a city."""
    box = around(near.lat, near.lon, near.metres)
    north = (Event.lat - near.lat) * METRES_PER_DEGREE
    east = (Event.lon - near.lon) * (METRES_PER_DEGREE * cos(radians(near.lat)))
    return [*_in_box(box), north * north + east * east <= near.metres**2]


def _in_box(box: BBox) -> list[ColumnElement[bool]]:
    return [Event.lat.between(box.south, box.north), Event.lon.between(box.west, box.east)]


def category_keys(ctx: Context[EventsConfig], name: str) -> list[str]:
    """The categories in the data that are meant: the name itself, and those that are called so in any language."""
    keys = {name}
    for key in {*ctx.config.categories, *built_in(ctx)}:
        configured = ctx.config.categories.get(key)
        names = {configured} if isinstance(configured, str) else set((configured or {}).values())
        if not configured:
            names = {words[f"category.{key}"] for words in ctx.texts.values() if f"category.{key}" in words}
        if name in names:
            keys.add(key)
    return sorted(keys)


def built_in(ctx: Context[EventsConfig]) -> set[str]:
    """Categories that the plugin's own texts name."""
    prefix = "category."
    return {key.removeprefix(prefix) for words in ctx.texts.values() for key in words if key.startswith(prefix)}


def category_name(ctx: Context[EventsConfig], key: str) -> str:
    """What citizens read for a category."""
    if key in ctx.config.categories:
        return ctx.pick(ctx.config.categories[key])
    text = ctx.text(f"category.{key}")
    return key if text == f"category.{key}" else text


def split_categories(framed: str) -> list[str]:
    return [part for part in framed.split("\n") if part]


def upcoming(statement: Select[Any], since: datetime) -> Select[Any]:
    """What has not ended by then, first things first; what is running counts until it ends."""
    return statement.where(Occurrence.until > since).order_by(Occurrence.start, Occurrence.id)


def overlapping(ctx: Context[Any], statement: Select[Any], first: date, last: date) -> Select[Any]:
    """What takes place at least partly on these days (both included) of the city's wall calendar."""
    begin, end = day_start(ctx, first), day_start(ctx, last + timedelta(days=1))
    return statement.where(Occurrence.start < end, or_(Occurrence.until > begin, Occurrence.start >= begin))


def day_start(ctx: Context[Any], day: date) -> datetime:
    return ctx.localize(datetime.combine(day, time()))


async def fetch(ctx: Context[Any], statement: Select[Any], first: int) -> Sequence[Occurrence]:
    async with ctx.session() as session:
        rows: Sequence[Occurrence] = (await session.scalars(statement.limit(first))).all()
        return rows


def next_dates(now: datetime, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Of each event its next date (the running one, if any): one statement, whatever the number of events."""
    rank = func.row_number().over(partition_by=Occurrence.parent, order_by=(Occurrence.start, Occurrence.id))
    ranked = (
        select(Occurrence.id.label("id"), rank.label("rank"))
        .join(Occurrence.event)
        .where(Occurrence.until > now, *conditions)
        .subquery()
    )
    return (
        select(Occurrence)
        .join(Occurrence.event)
        .join(ranked, ranked.c.id == Occurrence.id)
        .where(ranked.c.rank == 1)
        .options(contains_eager(Occurrence.event))
    )


def on_map(now: datetime, until: datetime, box: BBox) -> Select[Any]:
    """The next date of each event in the box that begins before `until`."""
    return next_dates(now, Occurrence.start < until, *_in_box(box)).order_by(Occurrence.start, Occurrence.id)


async def one(ctx: Context[Any], id_: str) -> Occurrence | None:
    """The date with this id; or the next (else the last) date of the event with this id."""
    statement = (
        select(Occurrence)
        .join(Occurrence.event)
        .where(or_(Occurrence.id == id_, Occurrence.parent == id_))
        .order_by(case((Occurrence.id == id_, 0), (Occurrence.until > ctx.now, 1), else_=2), Occurrence.start)
        .options(contains_eager(Occurrence.event))
    )
    found = await fetch(ctx, statement, 1)
    return found[0] if found else None


async def siblings(ctx: Context[Any], parents: Iterable[str], first: int) -> Mapping[str, list[Occurrence]]:
    """Upcoming dates of several events, at most `first` of each; one statement."""
    rank = func.row_number().over(partition_by=Occurrence.parent, order_by=(Occurrence.start, Occurrence.id))
    ranked = (
        select(Occurrence.id.label("id"), rank.label("rank"))
        .where(Occurrence.until > ctx.now, Occurrence.parent.in_(sorted(set(parents))))
        .subquery()
    )
    statement = (
        select(Occurrence)
        .join(ranked, ranked.c.id == Occurrence.id)
        .where(ranked.c.rank <= first)
        .order_by(Occurrence.start, Occurrence.id)
    )
    grouped: dict[str, list[Occurrence]] = {}
    async with ctx.session() as session:
        for row in (await session.scalars(statement)).all():
            grouped.setdefault(row.parent, []).append(row)
    return grouped


async def category_counts(ctx: Context[EventsConfig]) -> dict[str, int]:
    """Category → number of events that have a date to come, the commonest first."""
    statement = (
        select(Event.categories, func.count())
        .where(Event.last > ctx.now, Event.categories != "")
        .group_by(Event.categories)
    )
    counts: dict[str, int] = {}
    async with ctx.session() as session:
        for framed, number in (await session.execute(statement)).all():
            for key in split_categories(framed):
                counts[key] = counts.get(key, 0) + number
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


async def prune(ctx: Context[EventsConfig]) -> None:
    """Forget what is over for longer than the city wants to keep it, even when the feed no longer tells of it."""
    async with ctx.transaction() as session:
        limit = ctx.now - timedelta(days=ctx.config.past_days + 1)
        gone = select(Event.id).where(Event.last < limit)
        await session.execute(delete(Occurrence).where(Occurrence.parent.in_(gone)))
        await session.execute(delete(Event).where(Event.last < limit))
