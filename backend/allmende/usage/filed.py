"""Counts the cases that citizens have opened, from the register itself: whoever opens one has nothing to count."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.cases import Case
from allmende.usage.tables import Span, monday

DAYS, WEEKS = 8, 2
"""That are looked at: what was counted of earlier ones is final."""


async def filed(session: AsyncSession, today: date, tz: ZoneInfo) -> dict[tuple[Span, date, str], int]:
    """(day or week, when it begins, plugin) → cases that were opened then; one statement."""
    day, week = timedelta(days=1), timedelta(weeks=1)
    spans: list[tuple[Span, date, timedelta]] = [("day", today - n * day, day) for n in range(DAYS)]
    spans += [("week", monday(today) - n * week, week) for n in range(WEEKS)]
    counts = [
        func.count().filter(Case.created >= _midnight(begin, tz), Case.created < _midnight(begin + length, tz))
        for _, begin, length in spans
    ]
    since = min(_midnight(begin, tz) for _, begin, _ in spans)
    # Those that another city has handed over were counted there.
    own = select(Case.kind, *counts).where(Case.created >= since, Case.origin == "").group_by(Case.kind)
    found: dict[tuple[Span, date, str], int] = {}
    for kind, *numbers in await session.execute(own):
        for (span, begin, _), number in zip(spans, numbers, strict=True):
            if number:
                key = (span, begin, kind.partition(".")[0])
                found[key] = found.get(key, 0) + number
    return found


def _midnight(day: date, tz: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tz).astimezone(UTC)
