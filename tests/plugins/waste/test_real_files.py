"""Every real waste and holiday file: it yields its items, or is refused with a message that names the place."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest
from allmende import Batch, FeedError
from allmende.testing import make_context, make_payload

from plugins.waste.config import DatesSource, Fraction, IcalSource, RulesSource, StreetsSource, WasteConfig
from plugins.waste.importers import dates, ical, rules, streets

DATA = Path(__file__).parents[3] / "../shared/data"
if not DATA.is_dir():
    pytest.skip("the folder of real payloads (../shared/data) is not here", allow_module_level=True)
FILES = sorted([*(DATA / "waste").iterdir(), *(DATA / "holidays").iterdir()])
CONFIG = WasteConfig(
    fractions={
        "packaging": Fraction(aliases=("Poubelle jaune",)),
        "bulky": Fraction(aliases=("Encombrants",)),
        "rest": Fraction(aliases=("Poubelle verte",)),
        "bio": Fraction(aliases=("Poubelle marron",)),
    }
)
CTX = make_context("waste", CONFIG)
READERS = {
    "ical": lambda payload: ical.read(payload, IcalSource(id="s", file="f"), CTX),
    "csv": lambda payload: dates.read(
        payload, DatesSource(id="s", file="f", date="StartDate", fraction="Name", district="Subdivisions"), CTX
    ),
    "streets": lambda payload: streets.read(payload, StreetsSource(id="s", file="f"), CTX),
    "rules": lambda payload: rules.read(payload, RulesSource(id="s", file="f"), CTX),
}
FITTING = {
    "geilenkirchen_bezirk_1_2026.ics": (101, 0),
    "geilenkirchen_bezirk_2_2026.ics": (101, 1),
    "geilenkirchen_bezirk_5_2026.ics": (102, 1),
    "test_waste.ics": (112, 0),
    "test_recurring.ics": (274, 0),
}


def result(kind: str, path: Path) -> Batch | FeedError:
    """What the importer says; any other exception fails the test."""
    try:
        return READERS[kind](make_payload(path))
    except FeedError as error:
        return error


def test_every_file_is_read_or_refused_with_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """Every importer meets every file, wrong kinds included."""
    table = [(path.name, kind, result(kind, path)) for path in FILES for kind in READERS]
    with capsys.disabled():
        print()  # noqa: T201
        for name, kind, answer in table:
            shown = f"{len(answer.rows)} rows, {len(answer.refused)} refused" if isinstance(answer, Batch) else answer
            print(f"{name:34} {kind:8} {str(shown)[:150]}")  # noqa: T201
    read = {name: (len(a.rows), len(a.refused)) for name, _, a in table if isinstance(a, Batch)}
    assert read == FITTING
    refused = [answer for *_, answer in table if isinstance(answer, FeedError)]
    assert len(refused) == len(table) - len(FITTING)
    assert all(error.place and error.message.startswith(error.place) for error in refused)


def scan(path: Path) -> Counter[tuple[str, str]]:
    """(month, title) of every different event, by nothing but the lines of the file."""
    events: set[tuple[str, str]] = set()
    start = title = ""
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("DTSTART"):
            start = line.rpartition(":")[2][:8]
        elif line.startswith("SUMMARY:"):
            title = line.removeprefix("SUMMARY:")
        elif line == "END:VEVENT":
            events.add((start, title))
    return Counter((day[:6], name) for day, name in events)


TITLES = {
    "Leichtverpackungen (Gelbe Tonne)": ("packaging", ""),
    "Altpapier (blaue Tonne)": ("paper", ""),
    "Bioabfall (braune Tonne)": ("bio", ""),
    "Restabfall (graue Tonne)": ("rest", ""),
    "Grünschnittabfuhr": ("green", ""),
    "Gelbe/r Sack/Tonne": ("packaging", ""),
    "Biotonne": ("bio", ""),
    "Papiertonne": ("paper", ""),
    "Restmüll 2-wöchentlich": ("rest", "2-wöchentlich"),
    "Restmüll 4-wöchentlich": ("rest", "4-wöchentlich"),
}


@pytest.mark.parametrize("name", [name for name in FITTING if name != "test_recurring.ics"])
def test_calendar_comes_out_as_a_scan_of_its_lines_counts(name: str) -> None:
    path = DATA / "waste" / name
    batch = READERS["ical"](make_payload(path))
    expected = Counter({(month, *TITLES[title]): number for (month, title), number in scan(path).items()})
    assert Counter((f"{row.date:%Y%m}", row.fraction, row.note) for row in batch.rows) == expected


def test_repeated_event_is_named_not_lost() -> None:
    """Two of the Geilenkirchen files hold one event twice, under different UIDs."""
    batch = READERS["ical"](make_payload(DATA / "waste/geilenkirchen_bezirk_2_2026.ics"))
    assert [refusal.reason for refusal in batch.refused] == ["packaging on 2026-11-12 is there twice"]


def test_rules_without_end_reach_through_next_year() -> None:
    """Counted by the calendar: every second Thursday from 2020-04-02, every fourth Friday of odd months, and so on."""
    days = [date(2026, 1, 1) + timedelta(days=i) for i in range(730)]
    expected = {
        "packaging": [day for day in days if (day - date(2020, 4, 2)).days % 14 == 0],
        "bulky": [day for day in days if day.weekday() == 4 and 22 <= day.day <= 28 and day.month % 2 == 1],
        "rest": [day for day in days if day.weekday() == 0],
        "bio": [day for day in days if day.weekday() == 4],
    }
    batch = READERS["ical"](make_payload(DATA / "waste/test_recurring.ics"))
    found = {key: sorted(row.date for row in batch.rows if row.fraction == key) for key in expected}
    assert found == expected
