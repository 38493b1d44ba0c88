"""Events among the content of other modules: in the city's search, feed and map."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from allmende import BBox, Context, Prepared

from . import service

AHEAD = timedelta(days=7)
"""The feed shows what begins within a week: a calendar for the whole year would bury the news."""
MAP_AHEAD = timedelta(days=31)


def found(ctx: Context[Any], ids: Sequence[str]) -> Prepared:
    """Each event with its next date; what is over is not found."""
    return service.next_of(now=ctx.now, events=ids)


def feed(ctx: Context[Any], before: datetime | None, first: int) -> Prepared:
    """The next date of each event that begins within a week, the latest first."""
    end = ctx.now + AHEAD
    return service.beginning(now=ctx.now, before=end if before is None else min(before, end), first=first)


def on_map(ctx: Context[Any], box: BBox, first: int) -> Prepared:
    """The next date of each event in the box, within a month."""
    now = ctx.now
    return service.in_box(
        now=now, until=now + MAP_AHEAD, south=box.south, north=box.north, west=box.west, east=box.east, first=first
    )
