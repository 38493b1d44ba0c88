"""Questions about events, as SQL: what is upcoming, on a day, in a range, nearby; what belongs to an event."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from math import cos, radians
from typing import Any

from allmende import Context, around, prepared, search_ids
from msgspec import Struct
from sqlalchemy import ColumnElement, Select, case, delete, func, or_, select
from sqlalchemy.orm import contains_eager

from .config import EventsConfig
from .tables import Event, Occurrence

FOUND = 200
"""Most events that a search text may match."""
BY_START: Any = ((Occurrence.start, "asc"), (Occurrence.id, "asc"))
_NEVER = datetime.max.replace(tzinfo=UTC)
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


async def values(ctx: Context[EventsConfig], wanted: Filter) -> dict[str, Any]:
    """The filter as the values of a statement; a search text is looked up first."""
    found = None
    if wanted.text and wanted.text.strip():
        found = [id_ for id_, _ in await search_ids(ctx, Event, wanted.text, FOUND)]
    return plain_values(ctx, wanted, found)


def plain_values(ctx: Context[EventsConfig], wanted: Filter, found: list[str] | None = None) -> dict[str, Any]:
    """The same, where there is no text or its events are known."""
    keys = category_keys(ctx, wanted.category) if wanted.category else None
    near = wanted.near
    return {
        "found": found,
        "keys": [f"%\n{escaped(key)}\n%" for key in keys] if keys else None,
        "free": wanted.free,
        "near": circle(near) if near else None,
    }


def select_dates(*conditions: ColumnElement[bool]) -> Select[Any]:
    """Occurrences with their events."""
    statement = select(Occurrence).join(Occurrence.event).options(contains_eager(Occurrence.event))
    return statement.where(*conditions)


def filtered(found: Any, keys: Any, free: Any, near: Any) -> Select[Any]:
    """Occurrences with their events, of those that are wanted, by `values`."""
    statement = select_dates()
    if found is not None:
        statement = statement.where(Occurrence.parent.in_(found))
    if keys is not None:
        statement = statement.where(or_(*(Event.categories.like(key, escape="/") for key in keys)))
    if free is not None:
        statement = statement.where(Event.free.is_(free))
    if near is not None:
        statement = statement.where(*_within(*near))
    return statement


def escaped(text: str) -> str:
    """For LIKE … ESCAPE '/'."""
    return text.replace("/", "//").replace("%", "/%").replace("_", "/_")


def circle(near: Near) -> list[float]:
    """The box for the index, then the circle on a plane: exact to a thousandth at the size of a city."""
    box = around(near.lat, near.lon, near.metres)
    shrink = METRES_PER_DEGREE * cos(radians(near.lat))
    return [box.south, box.north, box.west, box.east, near.lat, near.lon, shrink, near.metres**2]


def _within(south: Any, north: Any, west: Any, east: Any, lat: Any, lon: Any, shrink: Any, limit: Any) -> list[Any]:
    up = (Event.lat - lat) * METRES_PER_DEGREE
    right = (Event.lon - lon) * shrink
    return [Event.lat.between(south, north), Event.lon.between(west, east), up * up + right * right <= limit]


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


@prepared
def upcoming(since: Any, begins: Any, first: int, found: Any, keys: Any, free: Any, near: Any) -> Select[Any]:
    """What has not ended by then, first things first; what is running counts until it ends.

    `begins` is what `begin` says: all that is over before is passed by without a look.
    """
    statement = filtered(found, keys, free, near).where(Occurrence.start >= begins, Occurrence.until > since)
    return statement.order_by(Occurrence.start, Occurrence.id).limit(first)


@prepared
def _begun(day: Any) -> Select[Any]:
    return select(Occurrence).where(Occurrence.until > day).order_by(Occurrence.start, Occurrence.id).limit(1)


async def begin(ctx: Context[Any], since: datetime) -> datetime:
    """When the first of those begins that have not ended by then, or `since`, if that is earlier: nothing that begins
    before is upcoming.

    Worked out for a whole day, and kept until an event changes.
    """
    return min(await ctx.remember(lambda: _first(ctx, _day(since)), "begin", _date(since)), since)


def known_begin(ctx: Context[Any], since: datetime) -> datetime | None:
    """The same where it was asked for before, without asking the database; else None."""
    begins: datetime | None = ctx.remembered("begin", _date(since))
    return None if begins is None else min(begins, since)


async def _first(ctx: Context[Any], day: datetime) -> datetime:
    rows = await _begun(day=day).tuples(ctx, Occurrence.start)
    first: datetime = rows[0][0] if rows else _NEVER
    return first


def _date(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _day(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


@prepared
def on_days(begin: Any, end: Any, begins: Any, first: int, found: Any, keys: Any, free: Any, near: Any) -> Select[Any]:
    """What takes place at least partly between two instants."""
    statement = filtered(found, keys, free, near).where(*_overlapping(begin, end, begins))
    return statement.order_by(*(column for column, _ in BY_START)).limit(first)


@prepared
def overlapping(begin: Any, end: Any, begins: Any, found: Any, keys: Any, free: Any, near: Any) -> Select[Any]:
    """All of it, to be shown in pages."""
    return filtered(found, keys, free, near).where(*_overlapping(begin, end, begins))


def _overlapping(begin: Any, end: Any, begins: Any) -> list[ColumnElement[bool]]:
    """`begins` as in `upcoming`."""
    still = or_(Occurrence.until > begin, Occurrence.start >= begin)
    return [Occurrence.start >= begins, Occurrence.start < end, still]


def span(ctx: Context[Any], first: date, last: date) -> tuple[datetime, datetime]:
    """The instants at which the first day begins and the last one ends."""
    return day_start(ctx, first), day_start(ctx, last + timedelta(days=1))


def day_start(ctx: Context[Any], day: date) -> datetime:
    return ctx.localize(datetime.combine(day, time()))


def _next_dates(now: Any, *conditions: ColumnElement[bool]) -> Select[Any]:
    """Of each event its next date (the running one, if any): one statement, whatever the number of events."""
    rank = func.row_number().over(partition_by=Occurrence.parent, order_by=(Occurrence.start, Occurrence.id))
    ranked = (
        select(Occurrence.id.label("id"), rank.label("rank"))
        .join(Occurrence.event)
        .where(Occurrence.until > now, *conditions)
        .subquery()
    )
    return select_dates().join(ranked, ranked.c.id == Occurrence.id).where(ranked.c.rank == 1)


@prepared
def next_of(now: Any, events: Any) -> Select[Any]:
    """The next date of each of these events; what is over has none."""
    return _next_dates(now, Occurrence.parent.in_(events))


@prepared
def beginning(now: Any, before: Any, first: int) -> Select[Any]:
    """The next date of each event that begins before an instant, the latest first."""
    statement = _next_dates(now, Occurrence.start < before)
    return statement.order_by(Occurrence.start.desc(), Occurrence.id).limit(first)


@prepared
def in_box(now: Any, until: Any, south: Any, north: Any, west: Any, east: Any, first: int) -> Select[Any]:
    """The next date of each event in the box that begins before `until`."""
    inside = (Event.lat.between(south, north), Event.lon.between(west, east))
    statement = _next_dates(now, Occurrence.start < until, *inside)
    return statement.order_by(Occurrence.start, Occurrence.id).limit(first)


@prepared
def one(id: Any, now: Any) -> Select[Any]:
    """The date with this id; or the next (else the last) date of the event with this id."""
    return (
        select_dates(or_(Occurrence.id == id, Occurrence.parent == id))
        .order_by(case((Occurrence.id == id, 0), (Occurrence.until > now, 1), else_=2), Occurrence.start)
        .limit(1)
    )


@prepared
def siblings(now: Any, parents: Any, first: int) -> Select[Any]:
    """Upcoming dates of several events, at most `first` of each."""
    rank = func.row_number().over(partition_by=Occurrence.parent, order_by=(Occurrence.start, Occurrence.id))
    ranked = (
        select(Occurrence.id.label("id"), rank.label("rank"))
        .where(Occurrence.until > now, Occurrence.parent.in_(parents))
        .subquery()
    )
    return (
        select(Occurrence)
        .join(ranked, ranked.c.id == Occurrence.id)
        .where(ranked.c.rank <= first)
        .order_by(Occurrence.start, Occurrence.id)
    )


async def category_counts(ctx: Context[EventsConfig]) -> dict[str, int]:
    """Category → number of events that have a date to come, the commonest first."""
    counts: dict[str, int] = {}
    for framed, number in await _categories(since=await _settled(ctx)).tuples(ctx):
        for key in split_categories(framed):
            counts[key] = counts.get(key, 0) + number
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


@prepared
def _categories(since: Any) -> Select[Any]:
    shown: Any = (Event.categories, func.count())
    return select(*shown).where(Event.last > since, Event.categories != "").group_by(Event.categories)


async def _settled(ctx: Context[EventsConfig]) -> datetime:
    """When an event was last over today. What is to come has not changed by itself since, so it is not read anew."""
    now = ctx.now
    day = _day(now)
    ends = await _ends(begin=day, end=day + timedelta(days=1)).tuples(ctx)
    return max((end for (end,) in ends if end <= now), default=day)


@prepared
def _ends(begin: Any, end: Any) -> Select[Any]:
    return select(Event.last).where(Event.last > begin, Event.last <= end).distinct()


async def prune(ctx: Context[EventsConfig]) -> None:
    """Forget what is over for longer than the city wants to keep it, even when the feed no longer tells of it."""
    async with ctx.transaction() as session:
        limit = ctx.now - timedelta(days=ctx.config.past_days + 1)
        gone = select(Event.id).where(Event.last < limit)
        await session.execute(delete(Occurrence).where(Occurrence.parent.in_(gone)))
        await session.execute(delete(Event).where(Event.last < limit))
