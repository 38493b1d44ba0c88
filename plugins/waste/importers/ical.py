"""iCalendar files (RFC 5545) of a district: all-day dates, appointments that mean the day, rules without an end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

from allmende import Batch, Context, FeedError, Payload, Refusal
from icalendar import Calendar, Event
from icalendar.prop import vBroken
from recurring_ical_events import of

from ..catalogue import Matcher, note
from ..config import IcalSource
from ..tables import WastePickup, pickup
from .coverage import make_batch

TIMES = ("DTSTART", "DTEND", "DURATION", "RRULE", "RDATE", "EXDATE", "RECURRENCE-ID")


def read(payload: Payload, source: IcalSource, ctx: Context[Any]) -> Batch:
    """Every event becomes a pickup on the day it begins, in the city's time zone."""
    calendar = _parse(payload.text())
    matcher = Matcher(ctx.config)
    found: list[tuple[str, WastePickup]] = []
    refused: list[Refusal] = []
    usable = Calendar()
    for number, event in enumerate(calendar.walk("VEVENT"), 1):
        reason = _fault(event, matcher)
        if reason:
            refused.append(Refusal(place=_place(event, number), reason=reason))
        else:
            event["X-NUMBER"] = str(number)
            usable.add_component(event)
    seen: set[str] = set()
    for event, day in _occurrences(usable, ctx):
        seen.add(str(event["X-NUMBER"]))
        summary = str(event["SUMMARY"])
        place = f"{_place(event, int(str(event['X-NUMBER'])))} on {day}"
        found.extend((place, pickup(source.district, day, id_, note(summary))) for id_ in matcher.ids(summary))
    refused.extend(
        Refusal(place=_place(event, int(str(event["X-NUMBER"]))), reason="has no date in this or the next year")
        for event in usable.walk("VEVENT")
        if str(event["X-NUMBER"]) not in seen
    )
    return make_batch(found, refused, ctx, source.covers)


def _parse(text: str) -> Calendar:
    if "BEGIN:VCALENDAR" not in text.upper():
        raise FeedError("BEGIN:VCALENDAR is missing, so this is not an iCalendar file", place="line 1")
    try:
        calendar = Calendar.from_ical(text)
    except Exception as error:  # damaged files make the library raise much more than ValueError
        raise FeedError(f"not a valid iCalendar file: {error}", place="the file") from error
    if not calendar.walk("VEVENT"):
        raise FeedError("there is no VEVENT in the calendar", place="the file")
    return calendar


def _fault(event: Any, matcher: Matcher) -> str:
    """Why the event cannot be used; empty when it can."""
    for name in TIMES:
        values = event.get(name, [])
        if any(isinstance(value, vBroken) for value in (values if isinstance(values, list) else [values])):
            return f"{name} cannot be read"
    if not isinstance(getattr(event.get("DTSTART"), "dt", None), date):
        return "DTSTART is missing or not a date"
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        return "is cancelled (STATUS:CANCELLED)"
    summary = str(event.get("SUMMARY", ""))
    if not matcher.ids(summary):
        return f"no fraction matches {summary!r}; add it to `aliases` of a fraction in the city's waste.toml"
    return ""


def _occurrences(calendar: Calendar, ctx: Context[Any]) -> Iterator[tuple[Event, date]]:
    """Events with the days they fall on: single ones whenever they are, rules from this January through next year."""
    this_year = ctx.today.year
    first, last = date(this_year, 1, 1), date(this_year + 1, 12, 31)
    for event in calendar.walk("VEVENT"):
        if "RRULE" in event:
            rule: Any = event["RRULE"]
            rules = rule if isinstance(rule, list) else [rule]
            if all("UNTIL" not in each and "COUNT" not in each for each in rules):
                continue
        day = _day(event, ctx)
        first, last = min(first, day), max(last, day)
    try:
        # `between` leaves out its last day.
        for event in of(calendar).between(first, date(last.year + 1, 1, 1)):
            yield event, _day(event, ctx)
    except Exception as error:  # the library raises what dateutil, zoneinfo and itself happen to raise
        raise FeedError(f"a recurrence rule cannot be computed: {error}", place="the file") from error


def _day(event: Any, ctx: Context[Any]) -> date:
    """The day it begins: floating times are the city's wall clock, others are converted to its zone."""
    start: date | datetime = event["DTSTART"].dt
    if not isinstance(start, datetime):
        return start
    return start.date() if start.tzinfo is None else ctx.localize(start.astimezone(UTC)).date()


def _place(event: Any, number: int) -> str:
    return f"event {number} {str(event.get('SUMMARY', ''))!r} (UID {event.get('UID', 'missing')})"
