"""Pickups around public holidays: none on a holiday, none lost, none overtaken; and the known weeks of 2026."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from pathlib import Path

import holidays
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.waste.importers.shifting import shift_table

FIRST, LAST = date(2025, 12, 1), date(2027, 1, 31)
NRW = holidays.country_holidays("DE", subdiv="NW", years=range(2025, 2028), language="de")
DAYS = st.dates(FIRST, LAST)


@given(st.sets(DAYS, max_size=40), st.sets(DAYS, max_size=10))
def test_shift_keeps_count_and_order_and_avoids_holidays(closed: set[date], earlier: set[date]) -> None:
    table = shift_table(FIRST, LAST, closed, earlier)
    days = [FIRST + timedelta(days=i) for i in range((LAST - FIRST).days + 1)]
    assert list(table) == [day for day in days if day.weekday() < 6]
    assert not closed & set(table.values())
    assert all(to.weekday() < 6 for to in table.values())
    assert list(table.values()) == sorted(table.values())


@given(st.sets(DAYS, max_size=40))
def test_week_without_holiday_stays_as_it_is(closed: set[date]) -> None:
    table = shift_table(FIRST, LAST, closed)
    assert shift_table(FIRST, LAST, ()) == {day: day for day in table}


@pytest.mark.parametrize(
    ("regular", "moved"),
    [
        ("2026-04-02", "2026-04-02"),  # Thursday before Good Friday
        ("2026-04-03", "2026-04-04"),  # Good Friday → Saturday
        ("2026-04-06", "2026-04-07"),  # Easter Monday → Tuesday, and so on
        ("2026-04-10", "2026-04-11"),
        ("2026-05-13", "2026-05-13"),
        ("2026-05-14", "2026-05-15"),  # Ascension Day → Friday
        ("2026-05-15", "2026-05-16"),
        ("2026-06-04", "2026-06-05"),  # Corpus Christi
        ("2026-12-24", "2026-12-24"),
        ("2026-12-25", "2026-12-28"),  # Friday and Saturday are holidays: on into the next week
        ("2026-12-28", "2026-12-28"),  # which is not pushed
    ],
)
def test_shift_follows_the_nachholprinzip(regular: str, moved: str) -> None:
    assert shift_table(FIRST, LAST, NRW)[date.fromisoformat(regular)] == date.fromisoformat(moved)


@given(DAYS)
def test_one_holiday_delays_the_rest_of_its_week_by_one_day(holiday: date) -> None:
    table = shift_table(FIRST, LAST, {holiday})
    for day, to in table.items():
        late = day.isocalendar()[:2] == holiday.isocalendar()[:2] and holiday <= day and day.weekday() < 5
        sunday_after = day == holiday and day.weekday() == 5
        assert to - day == timedelta(days=2 if sunday_after else 1 if late else 0)


def test_earlier_week_moves_forward_to_the_saturday_before() -> None:
    table = shift_table(FIRST, LAST, NRW, [date(2026, 12, 23)])
    week = [date(2026, 12, 21) + timedelta(days=i) for i in range(5)]
    assert [table[day] for day in week] == [date(2026, 12, day) for day in (19, 21, 22, 23, 24)]
    assert table[date(2026, 12, 28)] == date(2026, 12, 28)


def test_library_knows_the_holidays_of_the_official_list(data: Path) -> None:
    """The shifts rest on the `holidays` package; de_public.csv is an independent list of the same days."""
    rows = list(csv.DictReader((data / "holidays/de_public.csv").read_text("utf-8-sig").splitlines(), delimiter=";"))
    listed = {
        date.fromisoformat(row["StartDate"])
        for row in rows
        if row["StartDate"][:4] in ("2026", "2027")
        and (not row["Subdivisions"] or "NW" in row["Subdivisions"].split(","))
    }
    assert len(listed) >= 22
    assert {day for day in NRW if day.year in (2026, 2027)} == listed
    table = shift_table(date(2026, 1, 1), date(2027, 12, 31), NRW)
    assert not listed & set(table.values())
