"""Next year's file never replaces the current one; corrections and deletions inside a file's year are followed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allmende import Context
from allmende.db.engine import Database
from sqlalchemy import select

from plugins.waste.config import DatesSource, IcalSource
from plugins.waste.importers.coverage import covered
from plugins.waste.tables import WastePickup

SOURCE = IcalSource(id="bezirk-1", file="f", district="1")


def calendar(*days: str) -> str:
    """An export with new UIDs each time, as real ones are."""
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{hash((days, day))}\r\nDTSTART:{day}T050000\r\nSUMMARY:Restmüll\r\nEND:VEVENT\r\n"
        for day in days
    )
    return f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{events}END:VCALENDAR\r\n"


async def stored(ctx: Context[Any]) -> dict[str, str]:
    """Date → id."""
    async with ctx.session() as session:
        rows = await session.scalars(select(WastePickup).order_by(WastePickup.date))
        return {f"{row.date:%Y%m%d}": row.id for row in rows}


async def test_years_live_side_by_side(
    database: Database, context: Callable[..., Any], store: Callable[..., Any]
) -> None:
    ctx = context(database)
    await store(ctx, SOURCE, calendar("20260102", "20260601", "20261223"))
    first = await stored(ctx)
    await store(ctx, SOURCE, calendar("20261229", "20270105", "20270602", "20271228"))
    assert list(await stored(ctx)) == [
        "20260102", "20260601", "20261223", "20261229", "20270105", "20270602", "20271228",
    ]  # fmt: skip
    await store(ctx, SOURCE, calendar("20260108", "20260601", "20261223", "20261229"))
    after = await stored(ctx)
    assert list(after) == ["20260108", "20260601", "20261223", "20261229", "20270105", "20270602", "20271228"]
    assert (after["20260601"], after["20261223"]) == (first["20260601"], first["20261223"])


async def test_file_that_says_its_year_deletes_in_the_whole_of_it(
    database: Database, context: Callable[..., Any], store: Callable[..., Any]
) -> None:
    ctx = context(database)
    source = DatesSource(id="plan", file="f", date="Datum", fraction="Abfall", covers=2026)
    await store(ctx, source, "Datum;Abfall\n5.1.2026;Bio\n1.6.2026;Bio\n30.11.2026;Bio\n")
    batch = await store(ctx, source, "Datum;Abfall\n1.6.2026;Bio\n2.6.2027;Bio\n")
    assert list(await stored(ctx)) == ["20260601"]
    assert [refusal.place for refusal in batch.refused] == ["line 3"]
    assert batch.valid_until == datetime(2027, 1, 1, tzinfo=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("days", "span"),
    [
        (["2026-01-07", "2026-12-22"], ("2026-01-01", "2026-12-31")),
        (["2026-01-07", "2027-01-09"], ("2026-01-01", "2027-01-09")),
        (["2025-12-29", "2026-12-22"], ("2025-12-29", "2026-12-31")),
        (["2026-07-03", "2026-11-27"], ("2026-07-03", "2026-11-27")),
    ],
)
def test_covered_is_the_year_where_a_file_reaches_its_ends(days: list[str], span: tuple[str, str]) -> None:
    assert tuple(str(day) for day in covered([date.fromisoformat(day) for day in days])) == span
