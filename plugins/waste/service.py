"""What the calendar answers: what is collected when in a district, and until when it is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from allmende import Context, prepared
from sqlalchemy import Select, func, select

from .tables import WastePickup

SAME = (WastePickup.date, WastePickup.fraction, WastePickup.note)
"""What two sources mean by the same pickup."""
REGULAR = 4
"""From so many dates on, a fraction counts as collected all year; fewer are single events."""


@prepared
def find_pickups(districts: Any, start: Any, end: Any, fractions: Any) -> Select[Any]:
    """Pickups from `start` to before `end`, by date. What two sources both say is there twice: see SAME."""
    statement = (
        select(WastePickup)
        .where(WastePickup.district.in_(districts), WastePickup.date >= start, WastePickup.date < end)
        .order_by(WastePickup.date, WastePickup.fraction, WastePickup.note, WastePickup.id)
        .limit(5000)
    )
    return statement if fractions is None else statement.where(WastePickup.fraction.in_(fractions))


async def calendar_until(ctx: Context[Any], districts: Sequence[str]) -> date | None:
    """The day up to which the calendar is complete; None when there are no dates at all. One statement.

    Every fraction that is collected all year must reach the year, so the year of the first that ends counts; within
    it the last date, since garden waste ends in autumn. December stands for the whole year.
    """
    since = ctx.today - timedelta(days=400)
    groups = await _last_days(districts=list(districts), since=since).tuples(ctx)
    days = [last for last, number in groups if number >= REGULAR] or [last for last, _ in groups]
    if not days:
        return None
    year = min(day.year for day in days)
    last: date = max(day for day in days if day.year == year)
    return last.replace(day=31) if last.month == 12 else last


@prepared
def _last_days(districts: Any, since: Any) -> Select[Any]:
    """Of each fraction its last day, and how many days it has."""
    shown: Any = (func.max(WastePickup.date), func.count())
    return (
        select(*shown)
        .where(WastePickup.district.in_(districts), WastePickup.date >= since)
        .group_by(WastePickup.fraction)
        .limit(200)
    )


def ended(ctx: Context[Any], until: date | None) -> bool:
    """Whether the calendar, or a fraction of it, is over, or was never there."""
    return until is None or until < ctx.today


def missing_next_year(ctx: Context[Any], until: date | None) -> bool:
    """Whether citizens should read that next year's dates are not there yet."""
    month, day = ctx.config.notice_from.split("-")
    due = (ctx.today.month, ctx.today.day) >= (int(month), int(day))
    return until is not None and until.year == ctx.today.year and due


def reminders(ctx: Context[Any], day: date) -> list[datetime]:
    """The evening before, and the hour at which bins must be out, in the city's time zone."""
    evening = datetime.combine(day - timedelta(days=1), time(ctx.config.reminder_hour))
    return [ctx.localize(evening), ctx.localize(datetime.combine(day, time(ctx.config.pickup_hour)))]


@prepared
def _districts(since: Any) -> Select[Any]:
    statement = select(WastePickup.district).where(WastePickup.date >= since).distinct()
    return statement.order_by(WastePickup.district).limit(1000)


async def find_districts(ctx: Context[Any]) -> list[str]:
    """Districts that have dates from today on. One statement."""
    return [district for (district,) in await _districts(since=ctx.today).tuples(ctx) if district]
