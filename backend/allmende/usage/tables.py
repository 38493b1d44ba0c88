"""Counts by day and by week. Each is kept twice, so that weeks outlive their days without ever being summed up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any, Literal

from sqlalchemy import BigInteger, String
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable
from allmende.db.upsert import upsert

LONGEST = 100
"""Characters of a name."""


class UsageCount(CityTable):
    """How often something happened on a day, or in a week, of the city."""

    __tablename__ = "usage_count"

    span: Mapped[str] = mapped_column(String(4), primary_key=True)
    """day or week."""
    begins: Mapped[date] = mapped_column(primary_key=True)
    """The day, or the week's Monday, by the city's clocks."""
    measure: Mapped[str] = mapped_column(String(16), primary_key=True)
    """request, operation, module, release, language, report, device, address."""
    name: Mapped[str] = mapped_column(String(LONGEST), primary_key=True)
    """Of the operation, module, release, …; empty for all requests, `other` for what is not told apart."""
    number: Mapped[int] = mapped_column(BigInteger)


Span = Literal["day", "week"]
Cell = tuple[str, str, str]
"""City, measure, name."""
Row = tuple[str, Span, date, str, str, int]
"""City, span, begins, measure, name, number."""


async def add(session: AsyncSession, days: Mapping[str, date], counts: Iterable[tuple[Cell, int]]) -> None:
    """Add to the counts of the day that each of these cities has, and of its week."""
    statement = upsert(session, UsageCount)
    await _write(session, statement, UsageCount.number + statement.excluded.number, rows_of(days, counts))


async def put(session: AsyncSession, rows: Iterable[Row]) -> None:
    """Let these be the counts: of what is there, not of what happens."""
    statement = upsert(session, UsageCount)
    await _write(session, statement, statement.excluded.number, rows)


def rows_of(days: Mapping[str, date], counts: Iterable[tuple[Cell, int]]) -> list[Row]:
    """Each count twice, for the day that its city has and for its week."""
    return [
        row
        for (city, measure, name), number in counts
        for row in (
            (city, "day", days[city], measure, name, number),
            (city, "week", monday(days[city]), measure, name, number),
        )
    ]


async def _write(session: AsyncSession, statement: Any, number: Any, rows: Iterable[Row]) -> None:
    """One statement, its rows in order: two workers that write the same must not wait for each other in a circle."""
    given = sorted((city, span, begins, what, name[:LONGEST], count) for city, span, begins, what, name, count in rows)
    if given:
        keys = ("city", "span", "begins", "measure", "name")
        statement = statement.on_conflict_do_update(index_elements=keys, set_={"number": number})
        await session.execute(statement, [dict(zip((*keys, "number"), row, strict=True)) for row in given])


def monday(day: date) -> date:
    """The first day of its week (ISO 8601)."""
    return day - timedelta(days=day.weekday())
