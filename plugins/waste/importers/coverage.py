"""Which days a file speaks for. Next year's file says nothing about this year, so it must not delete it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

from allmende import Batch, Context, FeedError, Refusal

from ..tables import WastePickup


def covered(days: Sequence[date], year: int | None = None) -> tuple[date, date]:
    """First and last day that a file with these dates speaks for.

    The year, where it is known. Otherwise from the first to the last date; a file that begins in January speaks from
    New Year's Day, one that ends in December to New Year's Eve. So the last week of December in next year's file, or
    January's Christmas trees in this year's, do not make it speak for the other year as a whole.
    """
    if year is not None:
        return date(year, 1, 1), date(year, 12, 31)
    first, last = min(days), max(days)
    return (first.replace(day=1) if first.month == 1 else first, last.replace(day=31) if last.month == 12 else last)


def make_batch(
    found: Sequence[tuple[str, WastePickup]],
    refused: Sequence[Refusal],
    ctx: Context[Any],
    year: int | None = None,
    days: tuple[date, date] | None = None,
) -> Batch:
    """The batch of (place in the file, row) pairs, without repetitions, bounded to the days that the file covers."""
    rows: dict[str, WastePickup] = {}
    problems = list(refused)
    for place, row in found:
        if year is not None and row.date.year != year:
            problems.append(Refusal(place=place, reason=f"{row.date} is outside {year}, the year that the file covers"))
        elif row.key in rows:
            problems.append(Refusal(place=place, reason=f"{row.fraction} on {row.date} is there twice"))
        else:
            rows[row.key] = row
    if not rows:
        why = f": {problems[0].reason}" if problems else ""
        place = problems[0].place if problems else "the file"
        raise FeedError(f"there is no usable pickup in it{why}", place=place)
    first, last = days or covered([row.date for row in rows.values()], year)
    return Batch(
        rows=list(rows.values()),
        refused=problems,
        within=WastePickup.date.between(first, last),
        valid_until=ctx.localize(datetime.combine(last + timedelta(days=1), time())),
    )
