"""Every real payload of the kinds events and calendars_dirty: it yields dates, or is refused by place.

The weekly markets are checked against figures that a small parser of its own counts, day by day, without the library.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allmende import FeedError
from allmende.importer import Batch
from allmende.testing import NOON, make_context, make_payload

from plugins.events import plugin
from plugins.events.config import EventsConfig
from plugins.events.tables import Event, Occurrence

BERLIN = ZoneInfo("Europe/Berlin")
CITIES = ("bielefeld", "dortmund", "muenster", "solingen", "witten")
THEN = {
    "alarm_google_future.ics": 2024,
    "event_with_recurrence.ics": 1996,
    "event_with_recurrence_exdates_on_different_lines.ics": 2012,
    "event_with_unicode_fields.ics": 2010,
    "issue_101_icalendar_chokes_on_umlauts_in_organizer.ics": 2013,
    "issue_104_mark_events_broken.ics": 2014,
    "issue_112_missing_tzinfo_on_exdate.ics": 2013,
    "issue_1231_recurrence.ics": 2025,
    "issue_127_categories_with_commas.ics": 2014,
    "issue_156_RDATE_with_PERIOD.ics": 1996,
    "issue_218_bad_tzid.ics": 2017,
    "issue_350.ics": 2022,
    "issue_351_whitespace_in_property_and_params.ics": 2026,
    "issue_464_invalid_rdate.ics": 1996,
    "issue_722_missing_timezones.ics": 2014,
    "multiple_calendar_components.ics": 2003,
    "property_params.ics": 2012,
    "timezone_same_start.ics": 2017,
    "ngsi_event_example.json": 2020,
    "ngsi_event_example_normalized.json": 2019,
}
"""The year in which the file was current; read at its beginning, so that nothing is over yet."""
YIELDS = {
    "alarm_google_future.ics": (1, 1),
    "event_with_recurrence.ics": (1, 97),
    "event_with_recurrence_exdates_on_different_lines.ics": (1, 10),
    "event_with_unicode_fields.ics": (1, 1),
    "issue_101_icalendar_chokes_on_umlauts_in_organizer.ics": (1, 1),
    "issue_104_mark_events_broken.ics": (1, 1),
    "issue_112_missing_tzinfo_on_exdate.ics": (1, 11),
    "issue_127_categories_with_commas.ics": (1, 1),
    "issue_1231_recurrence.ics": (1, 1),
    "issue_156_RDATE_with_PERIOD.ics": (1, 2),
    "issue_218_bad_tzid.ics": (1, 1),
    "issue_350.ics": (1, 1),
    "issue_351_whitespace_in_property_and_params.ics": (1, 1),
    "issue_464_invalid_rdate.ics": (1, 1),
    "issue_722_missing_timezones.ics": (1, 1),
    "multiple_calendar_components.ics": (3, 3),
    "ngsi_event_example.json": (1, 1),
    "ngsi_event_example_normalized.json": (1, 1),
    "property_params.ics": (1, 1),
    "timezone_same_start.ics": (1, 1),
}
"""(events, dates) counted by reading the files with one's own eyes; files not named here are refused."""


def kind_of(path: Path) -> str:
    if path.suffix == ".ics":
        return "ical"
    return "markets" if path.name.startswith("wochenmarkt") else "schema-org"


def read(path: Path, now: datetime = NOON) -> Batch:
    importer = next(importer for importer in plugin.importers if importer.kind == kind_of(path))
    source = importer.source(id="test", file=path.name)
    return importer.read(make_payload(path), source, make_context("events", EventsConfig(), now=now))


def files(data: Path) -> list[Path]:
    return sorted([*(data / "calendars_dirty").iterdir(), *(data / "events").iterdir()])


def counts(batch: Batch) -> tuple[int, int]:
    return (
        sum(isinstance(row, Event) for row in batch.rows),
        sum(isinstance(row, Occurrence) for row in batch.rows),
    )


def test_every_file_yields_dates_or_is_refused_by_place(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, found, refused_at = [], {}, {}
    for path in files(data):
        now = datetime(THEN.get(path.name, 2026), 1, 2, tzinfo=BERLIN)
        try:
            batch = read(path, now)
        except FeedError as error:
            refused_at[path.name] = error.place
            table.append(f"{path.name:58} refused  {error}")
            continue
        assert batch.rows or batch.refused, f"{path.name}: silently nothing"
        assert all(refusal.place and refusal.reason for refusal in batch.refused), path.name
        events, dates = counts(batch)
        if events and kind_of(path) != "markets":
            found[path.name] = (events, dates)
        first = f"{batch.refused[0].place}: {batch.refused[0].reason}" if batch.refused else ""
        table.append(f"{path.name:58} {events:3} events {dates:5} dates {len(batch.refused):3} refused  {first[:90]}")
    with capsys.disabled():
        print("\n" + "\n".join(table))  # noqa: T201 (the table is what this test is for)
    assert len(table) == 36
    assert found == YIELDS
    assert refused_at == {"fuzz_testcase_invalid_month.ics": "line 1", "muenster_veranstaltungsorte.json": "the file"}


def test_what_is_over_is_named_and_not_kept(data: Path) -> None:
    batch = read(data / "calendars_dirty/alarm_google_future.ics")
    assert counts(batch) == (0, 0)
    assert [(refusal.place, refusal.reason) for refusal in batch.refused] == [
        ("UID 79fs7pkqvht9m5igs0vjv1sfra@google.com", "is over since before 2026-10-23 (past_days)")
    ]


DAYS = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def opens(rules: str, day: date) -> list[tuple[time, time]]:
    """Opening hours of a day: `[months or dates] days from-to`, separated by `;`. A second opinion."""
    found = []
    for rule in rules.split(";"):
        match = re.fullmatch(
            r"\s*(?:(?P<span>[A-Z][a-z]{2}(?: \d+)?-[A-Z][a-z]{2}(?: \d+)?) )?"
            r"(?P<days>[A-Z][a-z](?:,\s*[A-Z][a-z])*) (?P<a>\d\d:\d\d)-(?P<b>\d\d:\d\d)\s*",
            rule,
        )
        assert match, rule
        if DAYS[day.weekday()] in re.split(r",\s*", match["days"]) and (
            not match["span"] or within(match["span"], day)
        ):
            found.append((time.fromisoformat(match["a"]), time.fromisoformat(match["b"])))
    return found


def within(span: str, day: date) -> bool:
    first, last = (part.split() for part in span.split("-"))
    begin = (MONTHS.index(first[0]) + 1, int(first[1]) if len(first) > 1 else 1)
    end = (MONTHS.index(last[0]) + 1, int(last[1]) if len(last) > 1 else 31)
    here = (day.month, day.day)
    return begin <= here <= end if begin <= end else here >= begin or here <= end


@pytest.mark.parametrize("city", CITIES)
def test_market_days_agree_with_a_second_count(data: Path, city: str) -> None:
    """Every opening of every market on each of 400 days, with its times."""
    path = data / f"events/wochenmarkt_{city}.json"
    features = json.loads(path.read_text())["features"]
    expected: Counter[Any] = Counter()
    for feature in features:
        hours = feature["properties"]["opening_hours"]
        for offset in range(400):
            day = NOON.date() + timedelta(days=offset)
            expected.update((day, a, b) for a, b in (opens(hours, day) if hours else []))
    found: Counter[Any] = Counter()
    for row in read(path).rows:
        if isinstance(row, Occurrence) and row.start.date() >= NOON.date():
            assert row.end is not None
            start, end = row.start.astimezone(BERLIN), row.end.astimezone(BERLIN)
            found[start.date(), start.time(), end.time()] += 1
    assert sum(expected.values()) > 300
    assert found == expected


@pytest.mark.parametrize(
    ("city", "features", "markets", "dates_per_week"),
    [
        ("bielefeld", 16, 15, 19),
        ("dortmund", 13, 13, 23),
        ("muenster", 19, 19, 23),
        ("solingen", 3, 3, 7),
        ("witten", 4, 4, 6),
    ],
)
def test_markets_and_market_days_of_a_week(
    data: Path, city: str, features: int, markets: int, dates_per_week: int
) -> None:
    """Counted by hand in the files, for the week from Monday 2026-11-23."""
    path = data / f"events/wochenmarkt_{city}.json"
    assert len(json.loads(path.read_text())["features"]) == features
    batch = read(path)
    assert counts(batch)[0] == markets
    week = [
        row
        for row in batch.rows
        if isinstance(row, Occurrence) and date(2026, 11, 23) <= row.start.date() <= date(2026, 11, 29)
    ]
    assert len(week) == dates_per_week


def test_bielefeld_names_the_market_that_is_suspended(data: Path) -> None:
    batch = read(data / "events/wochenmarkt_bielefeld.json")
    assert [(refusal.place, refusal.reason) for refusal in batch.refused] == [
        ('features[5] "Abendmarkt"', "opening_hours is missing; the feed says 'Momentan ausgesetzt.'")
    ]


def test_muenster_has_winter_hours_and_addresses_leave_the_titles(data: Path) -> None:
    rows = read(data / "events/wochenmarkt_muenster.json").rows
    markets = {row.title: row for row in rows if isinstance(row, Event)}
    assert markets["Großer Wochenmarkt Münster"].url == "http://www.wochenmarkt-muenster.de"
    assert markets["Ökologischer Bauernmarkt Münster"].url == "http://www.oekomarkt-ms.de"
    spans = {row.key.partition(" ")[2] for row in rows if isinstance(row, Occurrence)}
    key = markets["Hubertiplatz"].key
    own = {row.key.partition(" ")[2] for row in rows if isinstance(row, Occurrence) and row.key.startswith(key)}
    assert own <= spans
    assert {"2027-03-31T08:00", "2027-04-03T07:00", "2027-10-30T07:00", "2027-11-03T08:00"} <= own


def test_dortmunds_coordinates_are_numbers(data: Path) -> None:
    rows = [row for row in read(data / "events/wochenmarkt_dortmund.json").rows if isinstance(row, Event)]
    assert all(row.lat and 51.4 < row.lat < 51.6 and row.lon and 7.3 < row.lon < 7.6 for row in rows)
