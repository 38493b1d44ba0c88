"""Reads the counts as anybody may see them: what is fewer than five is not told, and what is rare has no name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from zoneinfo import ZoneInfo

from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.usage.counting import OTHER
from allmende.usage.filed import filed
from allmende.usage.keeping import DAYS, WEEKS
from allmende.usage.tables import Span, UsageCount, monday

FEWER = 5
"""Smaller numbers are not told: in a small place, what three have done could be known of one of them."""
TIMELINES = ("request", "report", "device")
BREAKDOWNS = ("module", "operation", "release", "language")
_ANONYMOUS = ("release", "language")
"""Of which a rare name itself may tell of somebody."""
NAMES = 500
"""Names of one look at the whole time, the most frequent."""
ROWS = 100_000
"""Rows of the file at most."""


class Figures(Struct, frozen=True, kw_only=True):
    """Counts of one city. `None` stands for fewer than five, and more than none."""

    begins: Sequence[date]
    """All days, or the Mondays of all weeks, that are looked at."""
    timelines: Mapping[str, Sequence[int | None]]
    """request, report, device → a number for each of `begins`."""
    breakdowns: Mapping[str, Sequence[tuple[str, int | None]]]
    """module, operation, release, language → names with their numbers in the whole time, the largest first."""


async def read(session: AsyncSession, span: Span, today: date, tz: ZoneInfo) -> Figures:
    """The counts of the last 90 days, or 104 weeks; three statements."""
    begins = list(_begins(span, today))
    total = func.sum(UsageCount.number)
    here = (UsageCount.span == span, UsageCount.begins >= begins[0])
    times = select(UsageCount.measure, UsageCount.begins, total).where(*here, UsageCount.measure.in_(TIMELINES))
    names = select(UsageCount.measure, UsageCount.name, total).where(*here, UsageCount.measure.in_(BREAKDOWNS))
    by_time: dict[str, dict[date, int]] = defaultdict(dict)
    for measure, begin, number in await session.execute(times.group_by(UsageCount.measure, UsageCount.begins)):
        by_time[measure][begin] = int(number)
    opened: Counter[date] = Counter()
    for (of, begin, _), number in (await filed(session, today, tz)).items():
        opened[begin] += number if of == span else 0
    by_time["report"] = dict(opened | Counter(by_time["report"]))
    found: dict[str, dict[str, int]] = defaultdict(dict)
    grouped = names.group_by(UsageCount.measure, UsageCount.name).order_by(total.desc()).limit(NAMES)
    for measure, name, number in await session.execute(grouped):
        found[measure][name] = int(number)
    return Figures(
        begins=begins,
        timelines={one: [told(by_time[one].get(begin, 0)) for begin in begins] for one in TIMELINES},
        breakdowns={one: told_all(one, found[one]) for one in BREAKDOWNS},
    )


async def rows(session: AsyncSession, span: Span, today: date, tz: ZoneInfo) -> list[tuple[date, str, str, int | None]]:
    """The same, each day or week by itself: (begins, measure, name, number), as a file."""
    statement = (
        select(UsageCount.begins, UsageCount.measure, UsageCount.name, UsageCount.number)
        .where(UsageCount.span == span, UsageCount.begins >= next(_begins(span, today)))
        .order_by(UsageCount.begins.desc(), UsageCount.measure, UsageCount.name)
        .limit(ROWS)
    )
    found: dict[tuple[date, str], dict[str, int]] = defaultdict(dict)
    for begin, measure, name, number in await session.execute(statement):
        found[begin, measure][name] = number
    for (of, begin, plugin), number in (await filed(session, today, tz)).items():
        if of == span:
            counts = found[begin, "report"]
            counts[plugin] = max(number, counts.get(plugin, 0))
    return [
        (begin, measure, name, number)
        for (begin, measure), counts in sorted(found.items(), key=lambda item: (-item[0][0].toordinal(), item[0][1]))
        for name, number in told_all(measure, counts)
    ]


async def reached(session: AsyncSession, today: date) -> dict[str, int]:
    """Channel → devices or addresses that are reached by it, as counted last."""
    statement = (
        select(UsageCount.name, UsageCount.number)
        .where(
            UsageCount.span == "day",
            UsageCount.begins >= today - timedelta(days=2),
            UsageCount.measure.in_(("device", "address")),
        )
        .order_by(UsageCount.begins)
    )
    return {name: number for name, number in await session.execute(statement)}  # noqa: C416 (the later wins)


def told(number: int) -> int | None:
    """The number as it may be told."""
    return None if 0 < number < FEWER else number


def told_all(measure: str, counts: Mapping[str, int]) -> list[tuple[str, int | None]]:
    """The numbers of all names, the largest first; rare releases and languages go into one without a name."""
    kept = dict(counts)
    if measure in _ANONYMOUS:
        for name in [name for name, number in counts.items() if number < FEWER and name != OTHER]:
            kept[OTHER] = kept.get(OTHER, 0) + kept.pop(name)
    ordered = sorted(kept.items(), key=lambda pair: (pair[0] == OTHER, -pair[1], pair[0]))
    return [(name, told(number)) for name, number in ordered]


def _begins(span: Span, today: date) -> Iterator[date]:
    """Every day, or Monday, that is kept, the oldest first."""
    step = timedelta(days=1) if span == "day" else timedelta(weeks=1)
    last = today if span == "day" else monday(today)
    begin = last - (DAYS if span == "day" else WEEKS) + step
    while begin <= last:
        yield begin
        begin += step
