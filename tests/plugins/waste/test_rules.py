"""Rules: rhythm, seasons, holiday shifts, exceptions, horizon."""

from __future__ import annotations

from datetime import date

import pytest
from allmende import Batch, FeedError
from allmende.testing import make_city, make_context, make_payload

from plugins.waste.config import RulesSource, WasteConfig
from plugins.waste.importers import rules

CTX = make_context("waste", WasteConfig())


def read(text: str, through: int | None = 2026) -> Batch:
    return rules.read(make_payload(text), RulesSource(id="s", file="f", through=through), CTX)


def days(batch: Batch) -> list[str]:
    return [f"{row.date:%m-%d}" for row in batch.rows]


TOUR = '[[tours]]\nfraction = "rest"\ndistricts = ["1"]\nweekday = "fr"\nevery = 4\nanchor = 2026-01-07\n'


def test_tour_repeats_from_its_anchor_and_gives_way_to_holidays() -> None:
    batch = read(TOUR)
    assert days(batch) == [
        "01-09", "02-06", "03-06", "04-04", "05-02", "05-30", "06-26",
        "07-24", "08-21", "09-18", "10-16", "11-13", "12-11",
    ]  # fmt: skip
    moved = {str(row.date): str(row.shifted_from) for row in batch.rows if row.shifted_from}
    assert moved == {"2026-04-04": "2026-04-03", "2026-05-02": "2026-05-01", "2026-05-30": "2026-05-29"}
    assert str(batch.valid_until) == "2027-01-01 00:00:00+01:00"


def test_without_shift_days_stay() -> None:
    assert "04-03" in days(read(TOUR + '[shift]\nmode = "none"\n'))


def test_local_holidays_and_working_holidays_count() -> None:
    batch = read(TOUR + "[shift]\nholidays = [2026-02-06]\nworking = [2026-04-03]\n")
    assert days(batch)[1:4] == ["02-07", "03-06", "04-03"]


def test_exceptions_move_and_drop_and_extras_add() -> None:
    batch = read(
        TOUR
        + "[[exceptions]]\non = 2026-02-06\nto = 2026-02-05\n"
        + '[[exceptions]]\non = 2026-03-06\nfraction = "rest"\n'
        + '[[exceptions]]\non = 2026-06-26\ndistricts = ["9"]\n'
        + '[[extra]]\nfraction = "trees"\ndate = 2026-01-17\n'
    )
    assert days(batch)[:3] == ["01-09", "02-05", "04-04"]
    assert [(row.district, row.fraction) for row in batch.rows][-1] == ("", "trees")
    assert [(refusal.place, refusal.reason) for refusal in batch.refused] == [
        ("exceptions[2]", "there is no such pickup on 2026-06-26")
    ]


def test_season_limits_the_months() -> None:
    assert {day[:2] for day in days(read(TOUR.replace("every = 4", "months = [6, 7]")))} == {"06", "07"}


def test_horizon_is_next_year_without_through() -> None:
    batch = read(TOUR, None)
    assert max(row.date for row in batch.rows) > date(2027, 12, 1)
    assert min(row.date for row in batch.rows) == date(2026, 1, 9)


def test_unknown_fraction_is_refused_with_its_place() -> None:
    batch = read(TOUR + TOUR.replace("rest", "lava"))
    assert [(refusal.place, refusal.reason) for refusal in batch.refused] == [
        ("tours[1]", "fraction 'lava' is not configured in waste.toml")
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "neither [[tours]] nor [[extra]]"),
        ("[[tours", "not valid TOML"),
        (TOUR.replace('"fr"', '"Freitag"'), "Invalid enum value 'Freitag' - at `$.tours[0].weekday`"),
        (TOUR + "evry = 2\n", "unknown field `evry` - at `$.tours[0]`"),
    ],
)
def test_unusable_rules_are_refused_as_a_whole(text: str, message: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(text)
    assert message in caught.value.message


def test_through_in_the_past_is_refused() -> None:
    with pytest.raises(FeedError, match="`through` is 2025, which is over"):
        read(TOUR, 2025)


def test_land_decides_which_days_are_holidays() -> None:
    """Corpus Christi is a holiday in North Rhine-Westphalia, not in Berlin."""
    text = TOUR.replace('"fr"', '"th"').replace("2026-01-07", "2026-06-04")
    nrw = {row.date for row in read(text).rows}
    ctx = make_context("waste", WasteConfig(), city=make_city(subdivision="DE-BE"))
    berlin = {row.date for row in rules.read(make_payload(text), RulesSource(id="s", file="f", through=2026), ctx).rows}
    assert (date(2026, 6, 5) in nrw, date(2026, 6, 4) in berlin) == (True, True)
