"""iCalendar: rules, exceptions, overrides, time zones, broken entries."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allmende import FeedError, Refusal, stable_id
from allmende.importer import Batch
from allmende.testing import NOON, make_context, make_payload
from dateutil import rrule
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.events.config import EventsConfig, IcalSource
from plugins.events.importers import ical
from plugins.events.tables import Event, Occurrence

BERLIN = ZoneInfo("Europe/Berlin")


def vcalendar(*events: str, head: str = "") -> str:
    """A VCALENDAR of VEVENTs whose properties are given one per line; what is missing is made up."""
    parts = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//test//EN", *head.split("\n")]
    for number, event in enumerate(events):
        lines = [line.strip() for line in event.strip().split("\n")]
        if not any(line.startswith("UID") for line in lines):
            lines.append(f"UID:{number}@test")
        if not any(line.startswith("SUMMARY") for line in lines):
            lines.append(f"SUMMARY:Event {number}")
        parts += ["BEGIN:VEVENT", *lines, "END:VEVENT"]
    return "\r\n".join(part for part in [*parts, "END:VCALENDAR", ""] if part) + "\r\n"


def read_ical(text: str, now: datetime = NOON, config: dict[str, Any] | None = None, **source: Any) -> Batch:
    ctx = make_context("events", EventsConfig(**(config or {})), now=now)
    return ical.read(make_payload(text), IcalSource(id="test", file="x.ics", **source), ctx)


def events_of(batch: Batch) -> list[Event]:
    return [row for row in batch.rows if isinstance(row, Event)]


def dates_of(batch: Batch) -> list[Occurrence]:
    found = [row for row in batch.rows if isinstance(row, Occurrence)]
    return sorted(found, key=lambda row: (row.start, row.key))


def starts_of(batch: Batch) -> list[str]:
    """Starts in the local time of the test's city."""
    zone = NOON.tzinfo
    return [row.start.astimezone(zone).isoformat(timespec="minutes") for row in dates_of(batch)]


def test_weekly_rule_keeps_its_wall_clock_time_when_the_clocks_change() -> None:
    """Both nights in question: 2026-10-25 (back to winter time) and 2027-03-28 (on to summer time)."""
    event = """DTSTART;TZID=Europe/Berlin:20261018T190000
        DTEND;TZID=Europe/Berlin:20261018T210000
        RRULE:FREQ=WEEKLY;UNTIL=20270404T220000Z"""
    starts = starts_of(read_ical(vcalendar(event), now=datetime(2026, 10, 18, tzinfo=BERLIN)))
    assert starts[:3] == ["2026-10-18T19:00+02:00", "2026-10-25T19:00+01:00", "2026-11-01T19:00+01:00"]
    assert starts[-3:] == ["2027-03-21T19:00+01:00", "2027-03-28T19:00+02:00", "2027-04-04T19:00+02:00"]


def test_utc_rule_follows_x_wr_timezone() -> None:
    """Google writes recurring entries in UTC and means the calendar's zone."""
    event = "DTSTART:20261017T170000Z\nRRULE:FREQ=WEEKLY;COUNT=2"
    batch = read_ical(vcalendar(event, head="X-WR-TIMEZONE:Europe/Berlin"))
    assert starts_of(batch) == ["2026-10-24T19:00+02:00"]
    batch = read_ical(vcalendar(event + "\nDTEND:20261017T180000Z"), now=datetime(2026, 10, 18, tzinfo=BERLIN))
    assert starts_of(batch) == ["2026-10-17T19:00+02:00", "2026-10-24T19:00+02:00"]


def test_floating_times_are_the_citys_and_unknown_zones_are_reported() -> None:
    batch = read_ical(vcalendar("DTSTART:20261201T190000", "DTSTART;TZID=Mond/Krater:20261201T200000"))
    assert starts_of(batch) == ["2026-12-01T19:00+01:00", "2026-12-01T20:00+01:00"]
    assert batch.refused == [
        Refusal(place="UID 1@test", reason="TZID 'Mond/Krater' is unknown; its times are taken as the city's")
    ]


def test_exceptions_additions_and_periods() -> None:
    event = """DTSTART;TZID=Europe/Berlin:20261201T100000
        DTEND;TZID=Europe/Berlin:20261201T110000
        RRULE:FREQ=DAILY;COUNT=4
        EXDATE;TZID=Europe/Berlin:20261202T100000,20261203T100000
        RDATE;VALUE=PERIOD:20261210T080000Z/20261210T120000Z"""
    batch = read_ical(vcalendar(event))
    assert starts_of(batch) == ["2026-12-01T10:00+01:00", "2026-12-04T10:00+01:00", "2026-12-10T09:00+01:00"]
    last = dates_of(batch)[-1]
    assert last.end is not None
    assert last.end - last.start == timedelta(hours=4)


OVERRIDDEN = (
    "UID:a\nDTSTART;TZID=Europe/Berlin:20261201T100000\nRRULE:FREQ=DAILY;COUNT=4\nSUMMARY:Chor",
    "UID:a\nRECURRENCE-ID;TZID=Europe/Berlin:20261202T100000\nDTSTART;TZID=Europe/Berlin:20261202T180000\nSUMMARY:Chor",
    "UID:a\nRECURRENCE-ID;TZID=Europe/Berlin:20261203T100000\nDTSTART;TZID=Europe/Berlin:20261203T100000\n"
    "STATUS:CANCELLED\nSUMMARY:Chor",
    "UID:a\nRECURRENCE-ID;TZID=Europe/Berlin:20261204T100000\nDTSTART;TZID=Europe/Berlin:20261204T100000\n"
    "SUMMARY:Chor mit Gästen",
)


def test_overrides_move_cancel_or_become_events_of_their_own() -> None:
    batch = read_ical(vcalendar(*OVERRIDDEN))
    assert [event.title for event in events_of(batch)] == ["Chor", "Chor mit Gästen"]
    assert [row.status for row in dates_of(batch)] == ["scheduled", "moved", "cancelled", "scheduled"]
    moved = dates_of(batch)[1]
    assert moved.moved_from == datetime(2026, 12, 2, 10, tzinfo=BERLIN)
    assert len({row.parent for row in dates_of(batch)}) == 2


SERIES = """UID:yoga
    DTSTART;TZID=Europe/Berlin:20261124T180000
    DTEND;TZID=Europe/Berlin:20261124T190000
    RRULE:FREQ=WEEKLY;COUNT=5
    SUMMARY:Yoga"""
FROM_THEN_ON = """UID:yoga
    RECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20261208T180000
    DTSTART;TZID=Europe/Berlin:20261209T193000
    DTEND;TZID=Europe/Berlin:20261209T203000"""


@pytest.mark.parametrize("title", ["Yoga", "Yoga for all"])
def test_override_of_this_and_future_dates_changes_each_of_them(title: str) -> None:
    """Those behind it are neither lost nor confused; under another title they are one event of their own."""
    cancelled = """UID:yoga
        RECURRENCE-ID;TZID=Europe/Berlin:20261215T180000
        DTSTART;TZID=Europe/Berlin:20261215T180000
        STATUS:CANCELLED
        SUMMARY:Yoga"""
    batch = read_ical(vcalendar(SERIES, f"{FROM_THEN_ON}\nSUMMARY:{title}", cancelled))
    assert batch.refused == []
    titles = {
        stable_id(make_context("events", EventsConfig()).city.slug, "test", Event, row.key): row.title
        for row in events_of(batch)
    }
    assert [(titles[row.parent], row.status, row.moved_from) for row in dates_of(batch)] == [
        ("Yoga", "scheduled", None),
        ("Yoga", "scheduled", None),
        (title, "moved", datetime(2026, 12, 8, 18, tzinfo=BERLIN)),
        ("Yoga", "cancelled", None),
        (title, "moved", datetime(2026, 12, 22, 18, tzinfo=BERLIN)),
    ]
    assert starts_of(batch)[2::2] == ["2026-12-09T19:30+01:00", "2026-12-23T19:30+01:00"]
    before = read_ical(vcalendar(SERIES))
    assert {row.key for row in dates_of(batch)} == {row.key for row in dates_of(before)}
    assert len(events_of(batch)) == (1 if title == "Yoga" else 2)


def test_event_of_its_own_stays_the_same_when_its_first_dates_are_over() -> None:
    override = FROM_THEN_ON.replace("20261208", "20261201").replace("20261209", "20261201") + "\nSUMMARY:Else"
    keys = [
        {row.key for row in events_of(read_ical(vcalendar(SERIES, override), now=now, config={"past_days": 0}))}
        for now in (NOON, datetime(2026, 12, 10, tzinfo=BERLIN))
    ]
    assert keys[0] - keys[1] == {"yoga"}
    assert len(keys[1]) == 1


@pytest.mark.parametrize(
    ("start", "named", "moved"),
    [
        (
            "DTSTART;TZID=Europe/Berlin:20261201T180000",
            "VALUE=DATE:20261208",
            "DTSTART;TZID=Europe/Berlin:20261208T200000",
        ),
        ("DTSTART;VALUE=DATE:20261201", "TZID=Europe/Berlin:20261208T000000", "DTSTART;VALUE=DATE:20261209"),
        ("DTSTART;VALUE=DATE:20261201", "VALUE=DATE-TIME:20261207T230000Z", "DTSTART;VALUE=DATE:20261209"),
    ],
)
def test_overrides_that_name_their_date_in_another_form_replace_it(start: str, named: str, moved: str) -> None:
    series = f"UID:a\n{start}\nRRULE:FREQ=WEEKLY;COUNT=3\nSUMMARY:A"
    batch = read_ical(vcalendar(series, f"UID:a\nRECURRENCE-ID;{named}\n{moved}\nSUMMARY:A"))
    assert [row.status for row in dates_of(batch)] == ["scheduled", "moved", "scheduled"]
    assert {row.key for row in dates_of(batch)} == {row.key for row in dates_of(read_ical(vcalendar(series)))}


def test_until_without_a_time_includes_its_day() -> None:
    event = "DTSTART;TZID=Europe/Berlin:20261201T180000\nRRULE:FREQ=WEEKLY;UNTIL=20261215"
    assert starts_of(read_ical(vcalendar(event)))[-1] == "2026-12-15T18:00+01:00"
    floating = event.replace(";TZID=Europe/Berlin", "")
    assert starts_of(read_ical(vcalendar(floating)))[-1] == "2026-12-15T18:00+01:00"


def test_a_date_keeps_its_key_when_it_is_moved() -> None:
    """So that the id in a citizen's bookmarks stays the same."""
    before = read_ical(vcalendar(OVERRIDDEN[0]))
    after = read_ical(vcalendar(*OVERRIDDEN))
    assert [row.key for row in dates_of(before)] == [row.key for row in dates_of(after)]


def test_random_uids_give_the_same_keys_by_content() -> None:
    def keys(uid: str) -> list[str]:
        text = vcalendar(f"UID:{uid}\nDTSTART:20261201T190000\nSUMMARY:Lesung\nLOCATION:Bücherei")
        return [row.key for row in read_ical(text, ids="content").rows]

    assert keys("x1") == keys("x2")


def test_days_and_several_days() -> None:
    batch = read_ical(
        vcalendar(
            "DTSTART;VALUE=DATE:20270327",
            "DTSTART;VALUE=DATE:20270327\nDTEND;VALUE=DATE:20270330",
            "DTSTART:20270327T080000\nDURATION:PT90M",
        )
    )
    spans = [(row.all_day, row.end.astimezone(UTC) - row.start.astimezone(UTC)) for row in dates_of(batch) if row.end]
    assert spans == [
        (True, timedelta(days=1)),
        (True, timedelta(days=3, hours=-1)),
        (False, timedelta(minutes=90)),
    ], "the three days hold the night in which an hour is lost"


def test_endless_rules_end_at_the_horizon_and_the_cap_is_reported() -> None:
    event = "DTSTART;VALUE=DATE:20200101\nRRULE:FREQ=DAILY"
    batch = read_ical(vcalendar(event), config={"horizon_days": 10, "past_days": 5})
    assert len(dates_of(batch)) == 5 + 10
    capped = read_ical(vcalendar(event), config={"max_occurrences": 7})
    assert len(dates_of(capped)) == 7
    assert [refusal.reason for refusal in capped.refused] == [
        "has 431 dates; only the first 7 are taken (max_occurrences)"
    ]


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        ("SUMMARY:x", "has no DTSTART (line 4)"),
        ("DTSTART:20261201T100000\nDTEND:20261201T090000", "its dates cannot be worked out: it ends"),
        ("DTSTART:20261201T100000\nRRULE:FREQ=SECONDLY", "repeats secondly"),
        ("DTSTART:20261201T100000\nRRULE:FREQ=SOMETIMES", "RRULE cannot be read"),
        ("DTSTART:20261201T100000\nCLASS:PRIVATE", "is marked as private"),
        ("DTSTART:2026-12-01", "DTSTART cannot be read"),
        ("DTSTART:20200101T100000\nDTEND:20200101T110000", "is over since before 2026-10-23"),
    ],
)
def test_unusable_entries_are_refused_by_uid_and_cost_no_other(event: str, reason: str) -> None:
    batch = read_ical(vcalendar(event, "UID:good\nDTSTART:20261201T190000"))
    assert [row.key for row in events_of(batch)] == ["good"]
    assert [refusal.place for refusal in batch.refused] == ["UID 0@test"]
    assert batch.refused[0].reason.startswith(reason)


def test_text_html_categories_place_and_picture() -> None:
    batch = read_ical(
        vcalendar(
            """DTSTART:20261201T190000
            SUMMARY;LANGUAGE=de-DE:Konzert\\, laut
            LOCATION:Stadthalle\\, Platz 1\\, 12345 Adorf
            CATEGORIES:Musik\\, live,Eintritt frei
            GEO:51.95;7.62
            URL:javascript:alert(1)
            IMAGE;VALUE=URI:https://example.org/bild.jpg
            X-ALT-DESC;FMTTYPE=text/html:<p>Laut &amp; <b>gut</b><script>alert(1)</script></p>"""
        )
    )
    event = events_of(batch)[0]
    assert (event.title, event.language, event.text) == ("Konzert, laut", "de", "Laut & gut")
    assert event.html == "<p>Laut &amp; <b>gut</b></p>"
    assert (event.venue_name, event.venue_address, event.lat, event.lon) == (
        "Stadthalle",
        "Platz 1, 12345 Adorf",
        51.95,
        7.62,
    )
    assert (event.categories, event.free, event.url) == ("\nMusik, live\n", True, None)
    assert event.image == {"url": "https://example.org/bild.jpg", "alt": ""}


def test_names_of_persons_are_not_imported() -> None:
    batch = read_ical(vcalendar("DTSTART:20261201T190000\nORGANIZER;CN=Erika Musterfrau:mailto:e@example.org"))
    assert "Musterfrau" not in str([vars(row) for row in batch.rows])


def test_what_is_no_calendar_is_refused_as_a_whole() -> None:
    with pytest.raises(FeedError, match="line 1: this is not an iCalendar file; it begins with '<html>'"):
        read_ical("<html>\n<p>Wartungsarbeiten</p>")


DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")


@settings(max_examples=60, deadline=None)
@given(
    start=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 6, 1)).map(  # noqa: DTZ001
        lambda moment: moment.replace(second=0, microsecond=0, fold=0)
    ),
    frequency=st.sampled_from(["WEEKLY", "MONTHLY"]),
    interval=st.integers(1, 4),
    days=st.lists(st.sampled_from(DAYS), min_size=1, max_size=3, unique=True),
    nth=st.sampled_from([1, 2, 3, 4, -1]),
)
def test_rules_agree_with_dateutil(start: datetime, frequency: str, interval: int, days: list[str], nth: int) -> None:
    """Weekly and monthly rules give the dates that dateutil gives, at the same wall-clock time."""
    monthly = frequency == "MONTHLY"
    by_day = ",".join(f"{nth}{day}" if monthly else day for day in days)
    text = f"DTSTART:{start:%Y%m%dT%H%M%S}\nRRULE:FREQ={frequency};INTERVAL={interval};BYDAY={by_day}"
    batch = read_ical(vcalendar(text))
    weekdays = [getattr(rrule, day)(nth) if monthly else getattr(rrule, day) for day in days]
    begin, end = datetime(2026, 10, 23), datetime(2027, 12, 28)  # noqa: DTZ001
    frequencies = {"WEEKLY": rrule.WEEKLY, "MONTHLY": rrule.MONTHLY}
    rule = rrule.rrule(frequencies[frequency], dtstart=start, interval=interval, byweekday=weekdays)
    expected = {start, *rule.between(begin, end, inc=True)}
    expected = {moment for moment in expected if begin <= moment < end - timedelta(hours=1)}
    found = {row.start.astimezone(UTC) for row in dates_of(batch) if begin.replace(tzinfo=BERLIN) <= row.start}
    found = {moment for moment in found if moment < (end - timedelta(hours=1)).replace(tzinfo=BERLIN)}
    assert found == {moment.replace(tzinfo=BERLIN).astimezone(UTC) for moment in expected}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                ["BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "BEGIN:VTIMEZONE", "END:VTIMEZONE"]
            ),
            st.sampled_from(["SUMMARY:x", "DTSTART:20261201", "DTSTART:20261201T100000Z", "RRULE:FREQ=DAILY", "UID:1"]),
            st.sampled_from(
                ["EXDATE:kaputt", "RDATE:", "GEO:1", "DURATION:P", "RECURRENCE-ID:20261202", "CATEGORIES:,"]
            ),
            st.text(max_size=30),
        ),
        max_size=20,
    )
)
def test_no_input_makes_the_importer_fail_in_another_way(lines: list[str]) -> None:
    """Whatever comes, there are rows, refusals or a FeedError, never a traceback and never nothing at all."""
    with suppress(FeedError):
        batch = read_ical("\r\n".join(lines) + "\r\n")
        assert batch.rows or batch.refused
        assert all(refusal.place and refusal.reason for refusal in batch.refused)


def test_now_is_the_context_clock() -> None:
    assert starts_of(read_ical(vcalendar("DTSTART:20200101T100000Z"), now=NOON.replace(year=2020, month=1, day=2)))
