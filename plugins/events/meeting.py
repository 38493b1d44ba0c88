"""Events among the content of other modules: in the city's search, feed and map."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from allmende import BBox, Context

from . import service
from .event import EventsEvent, EventsHit, EventsPin
from .tables import Occurrence

AHEAD = timedelta(days=7)
"""The feed shows what begins within a week: a calendar for the whole year would bury the news."""
MAP_AHEAD = timedelta(days=31)


async def found(ctx: Context[Any], ids: Sequence[str]) -> list[EventsHit]:
    """Each event with its next date; what is over is not found."""
    statement = service.next_dates(ctx.now, Occurrence.parent.in_(list(ids)))
    return [EventsHit(ctx=ctx, row=row) for row in await service.fetch(ctx, statement, len(ids))]


async def feed(ctx: Context[Any], before: datetime | None, first: int) -> list[EventsEvent]:
    """The next date of each event that begins within a week, the latest first."""
    end = ctx.now + AHEAD
    limit = end if before is None else min(before, end)
    statement = service.next_dates(ctx.now, Occurrence.start < limit)
    rows = await service.fetch(ctx, statement.order_by(Occurrence.start.desc(), Occurrence.id), first)
    return [EventsEvent(ctx=ctx, row=row) for row in rows]


async def on_map(ctx: Context[Any], box: BBox, first: int) -> list[EventsPin]:
    """The next date of each event in the box, within a month."""
    rows = await service.fetch(ctx, service.on_map(ctx.now, ctx.now + MAP_AHEAD, box), first)
    return [EventsPin(ctx=ctx, row=row) for row in rows]
