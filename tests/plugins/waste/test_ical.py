"""iCalendar: which day an event means, and what is refused."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from allmende import Batch, FeedError
from allmende.testing import make_context, make_payload
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.waste.config import IcalSource, WasteConfig
from plugins.waste.importers import ical

CTX = make_context("waste", WasteConfig())


def read(*events: str, **options: Any) -> Batch:
    body = "".join(f"BEGIN:VEVENT\r\nUID:{number}\r\n{event}\r\nEND:VEVENT\r\n" for number, event in enumerate(events))
    text = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{body}END:VCALENDAR\r\n"
    return ical.read(make_payload(text), IcalSource(id="s", file="f", **options), CTX)


@pytest.mark.parametrize(
    ("start", "day"),
    [
        ("DTSTART;VALUE=DATE:20260105", date(2026, 1, 5)),
        ("DTSTART:20260105T050000", date(2026, 1, 5)),
        ("DTSTART;TZID=Europe/Berlin:20260105T003000", date(2026, 1, 5)),
        ("DTSTART:20260104T233000Z", date(2026, 1, 5)),  # half past midnight in the city
        ("DTSTART:20260704T223000Z", date(2026, 7, 5)),  # in summer time
    ],
)
def test_event_means_its_day_in_the_city(start: str, day: date) -> None:
    (row,) = read(f"{start}\r\nSUMMARY:Restmüll").rows
    assert (row.date, row.fraction) == (day, "rest")


def test_key_does_not_depend_on_the_uid() -> None:
    first = read("DTSTART;VALUE=DATE:20260105\r\nSUMMARY:Papier")
    second = read("DTSTART;VALUE=DATE:20260112\r\nSUMMARY:Papier", "DTSTART;VALUE=DATE:20260105\r\nSUMMARY:Papier")
    assert first.rows[0].key in {row.key for row in second.rows}


def test_rule_keeps_exceptions_and_additions() -> None:
    rule = "RRULE:FREQ=WEEKLY;COUNT=4\r\nEXDATE;VALUE=DATE:20260112\r\nRDATE;VALUE=DATE:20260113"
    batch = read(f"DTSTART;VALUE=DATE:20260105\r\n{rule}\r\nSUMMARY:Bio")
    assert [row.date.day for row in batch.rows] == [5, 13, 19, 26]


def test_everything_unusable_is_refused_with_its_place() -> None:
    batch = read(
        "DTSTART;VALUE=DATE:20260105\r\nSUMMARY:Restmüll",
        "SUMMARY:Restmüll",
        "DTSTART;VALUE=DATE:20260106\r\nSUMMARY:Ratssitzung",
        "DTSTART;VALUE=DATE:20260107\r\nSUMMARY:Papier\r\nSTATUS:CANCELLED",
        "DTSTART;VALUE=DATE:20270107\r\nSUMMARY:Papier",
        covers=2026,
    )
    assert [row.date for row in batch.rows] == [date(2026, 1, 5)]
    assert [refusal.place.partition(" (")[0] for refusal in batch.refused] == [
        "event 2 'Restmüll'",
        "event 3 'Ratssitzung'",
        "event 4 'Papier'",
        "event 5 'Papier'",
    ]
    assert [refusal.reason.partition(";")[0] for refusal in batch.refused] == [
        "DTSTART is missing or not a date",
        "no fraction matches 'Ratssitzung'",
        "is cancelled (STATUS:CANCELLED)",
        "2027-01-07 is outside 2026, the year that the file covers",
    ]


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b"\xff\xfe\x00", b"BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n", b"BEGIN:VCALENDAR\r\nX", b"{}"],
)
def test_what_is_no_calendar_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(FeedError) as caught:
        ical.read(make_payload(content), IcalSource(id="s", file="f"), CTX)
    assert caught.value.place


VALID = (
    "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTART;TZID=Europe/Berlin:20260105T050000\r\n"
    "RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20260301T000000Z\r\nEXDATE:20260119T050000\r\nSUMMARY:Restmüll\r\nEND:VEVENT\r\n"
    "BEGIN:VEVENT\r\nUID:2\r\nDTSTART;VALUE=DATE:20260106\r\nSUMMARY:Papier\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(VALID) - 1), st.integers(0, 12), st.text(max_size=6))
def test_damaged_calendar_is_read_or_refused_with_its_place(at: int, cut: int, put: str) -> None:
    damaged = VALID[:at] + put + VALID[at + cut :]
    try:
        batch = ical.read(make_payload(damaged), IcalSource(id="s", file="f"), CTX)
        places = [*(refusal.place for refusal in batch.refused), *(row.key for row in batch.rows)]
    except FeedError as error:
        places = [error.place]
    assert places
    assert all(places)
