"""Open or closed, until when, on which days: in the city's time, with the Land's public holidays."""

from __future__ import annotations

import csv
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from allmende.testing import make_city
from hypothesis import given
from hypothesis import strategies as st

from plugins.places import hours

TZ = ZoneInfo("Europe/Berlin")
CITY = make_city()


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=TZ)


OFFICE = "Mo-Fr 08:00-12:00,14:00-18:00; PH off"


@pytest.mark.parametrize(
    ("text", "moment", "expected"),
    [
        (OFFICE, "2026-11-23T11:00", hours.Now(open=True, closes_at=at("2026-11-23T12:00"))),
        (OFFICE, "2026-11-23T12:00", hours.Now(open=False, opens_at=at("2026-11-23T14:00"))),
        (OFFICE, "2026-11-27T20:00", hours.Now(open=False, opens_at=at("2026-11-30T08:00"))),
        ("24/7", "2026-11-23T11:00", hours.Now(open=True)),
        ("Fr,Sa 20:00-02:00", "2026-11-28T01:00", hours.Now(open=True, closes_at=at("2026-11-28T02:00"))),
        ("May-Sep 07:00-20:00", "2026-11-23T11:00", hours.Now(open=False, opens_at=at("2027-05-01T07:00"))),
        ("off", "2026-11-23T11:00", hours.Now(open=False)),
        ("nach Vereinbarung", "2026-11-23T11:00", hours.Now()),
        ('"nach Vereinbarung"', "2026-11-23T11:00", hours.Now()),
        ('Mo 09:00-12:00; Sa "nach Vereinbarung"', "2026-11-28T11:00", hours.Now()),
        ('Mo 09:00-12:00 "oder Termin"', "2026-11-23T11:00", hours.Now(open=True, closes_at=at("2026-11-23T12:00"))),
        ('Mo-Fr 09:00-12:00 || "Notruf"', "2026-11-23T14:00", hours.Now(open=False, opens_at=at("2026-11-24T09:00"))),
        (
            "Mo-Fr 09:00-12:00; Dec 24,31 off",
            "2026-12-23T14:00",
            hours.Now(open=False, opens_at=at("2026-12-25T09:00")),
        ),
        ("Mo-Fr unknown", "2026-11-23T11:00", hours.Now()),
        ("", "2026-11-23T11:00", hours.Now()),
    ],
)
def test_state_says_whether_it_is_open_and_until_when(text: str, moment: str, expected: hours.Now) -> None:
    assert hours.state(text, CITY, at(moment)) == expected


@pytest.mark.parametrize(
    ("text", "day", "land", "expected"),
    [
        ("Mo-Su 10:00-18:00; PH off", "2026-06-04", "DE-NW", False),  # Fronleichnam
        ("Mo-Su 10:00-18:00; PH off", "2026-06-04", "DE-BE", True),
        ("Mo-Su 10:00-18:00; PH off", "2026-12-25", "DE-NW", False),
        ("Mo-Fr 10:00-18:00; Su,PH 11:00-13:00", "2026-06-04", "DE-NW", True),
        ("Mo-Fr 08:00-10:00; Su,PH 11:00-13:00", "2026-11-29", "DE-NW", True),
        ("Mo-Fr 08:00-18:00, PH off", "2026-06-04", "DE-NW", False),
        ("Mo-Fr 08:00-18:00; PH Mo-Fr off", "2026-06-04", "DE-NW", False),
        ("May-Sep Sa,Su,PH 10:00-18:00", "2026-06-04", "DE-NW", True),
        ("May-Sep Sa,Su,PH 10:00-18:00", "2026-06-04", "DE-BE", False),
        ("May-Sep Sa,Su,PH 10:00-18:00", "2026-11-01", "DE-NW", False),
        ("Jul-Sep: Sa,PH 10:00-18:00", "2026-06-04", "DE-NW", False),
        ("Mo-Fr 08:00-18:00; SH off", "2026-07-21", "DE-NW", False),
        ("Mo-Fr 08:00-18:00; SH off", "2026-07-17", "DE-NW", True),
        ("Mo-Fr 08:00-18:00; SH off", "2026-07-17", "DE-BE", False),
        ("Mo-Fr 08:00-18:00; PH,SH off", "2026-07-21", "DE-NW", False),
        ("Mo-Fr 08:00-10:00; SH Mo-Fr 12:00-14:00", "2026-07-21", "DE-NW", True),
        ("Mo-Fr 08:00-10:00; SH Mo-Fr 12:00-14:00", "2026-07-17", "DE-NW", False),
        ("Mo-Fr 08:00-18:00; SH off", "2026-07-17", "DE", None),
    ],
)
def test_public_holidays_of_the_land_count(text: str, day: str, land: str, expected: bool) -> None:
    assert hours.state(text, make_city(subdivision=land), at(f"{day}T12:30")).open is expected


def test_school_holidays_are_those_of_the_official_list(data: Path) -> None:
    """Each day of school of three years is open, each free one is closed; but for the Tuesday after Whitsun."""
    with (data / "holidays/de_school_nw.csv").open(encoding="utf-8-sig", newline="") as file:
        spans = [(row["StartDate"], row["EndDate"]) for row in csv.DictReader(file, delimiter=";") if row["EndDate"]]
    for year in (2025, 2026, 2027):
        days = [date(year, 1, 1) + timedelta(days=n) for n in range(365)]
        free = {day for day in days if any(first <= day.isoformat() <= last for first, last in spans)}
        closed = {day for day in days if not hours.is_open("24/7; SH off", CITY, at(f"{day}T12:00"))}
        assert closed - free <= {day for day in days if day.month in (5, 6)}
        assert (free - closed, len(closed - free)) == (set(), 1)


def test_sunrise_and_sunset_are_those_of_the_city() -> None:
    """In Münster; without the place, the library takes 07:00 and 19:00 all year."""
    sun = "sunrise-sunset"
    assert [hours.is_open(sun, CITY, at(f"2026-11-26T{time}")) for time in ("07:50", "08:20", "16:10", "16:45")] == [
        False,
        True,
        True,
        False,
    ]
    assert hours.is_open(sun, CITY, at("2026-06-21T21:30"))


@pytest.mark.parametrize("text", ['Mo-Fr 09:00-12:00 || "Notruf"', "Mo-Fr 09:00-12:00, PH off", "Mo-Fr 09:00-12:00"])
def test_week_has_the_hours_of_each_day(text: str) -> None:
    assert [len(day.spans) for day in hours.week(text, CITY, at("2026-11-23T12:00"))] == [1, 1, 1, 1, 1, 0, 0]


def test_change_of_the_clocks_keeps_the_wall_time() -> None:
    assert hours.state("Mo-Su 08:00-18:00", CITY, at("2026-10-24T20:00")).opens_at == at("2026-10-25T08:00")


def test_week_begins_today_and_gives_a_night_to_its_evening() -> None:
    days = hours.week("Fr 20:00-02:00; Mo 09:00-12:00", CITY, at("2026-11-23T12:00"))
    assert [(day.midnight.date().isoformat(), day.spans) for day in days if day.spans] == [
        ("2026-11-23", [(at("2026-11-23T09:00"), at("2026-11-23T12:00"))]),
        ("2026-11-27", [(at("2026-11-27T20:00"), at("2026-11-28T02:00"))]),
    ]
    assert len(days) == 7


def test_week_says_what_stands_instead_of_times() -> None:
    days = hours.week('Mo 09:00-12:00; We off; Th "nach Vereinbarung"; Fr unknown', CITY, at("2026-11-23T12:00"))
    assert [day.note for day in days] == [None, None, None, "nach Vereinbarung", "", None, None]


def test_week_of_something_always_open_has_each_day() -> None:
    assert [len(day.spans) for day in hours.week("24/7", CITY, at("2026-11-23T12:00"))] == [1] * 7


@given(st.text(alphabet='MoTuWeThFrSaSuPHSH0123456789:-,;|" off+', max_size=40))
def test_any_text_is_evaluated_or_unknown_but_never_raises(text: str) -> None:
    now = hours.state(text, CITY, at("2026-11-23T12:00"))
    assert now.open in (True, False, None)
    assert len(hours.week(text, CITY, at("2026-11-23T12:00"))) in (0, 7)
    if hours.problem_of(text):
        assert now == hours.Now()
