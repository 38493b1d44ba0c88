"""schema.org dates, and Schedule: repeating events without iCalendar's rules."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from allmende import Context
from dateutil import rrule

from ..config import EventsConfig
from .drafts import Moment, midnight, window
from .schema_org_parts import values_of

_STEP = re.compile(r"P(\d+)([DWMY])")
_FREQUENCY = {"D": rrule.DAILY, "W": rrule.WEEKLY, "M": rrule.MONTHLY, "Y": rrule.YEARLY}
_WORDS = {"daily": "P1D", "weekly": "P1W", "monthly": "P1M", "yearly": "P1Y", "annually": "P1Y"}
_DAYS = {name: getattr(rrule, name) for name in ("MO", "TU", "WE", "TH", "FR", "SA", "SU")}


class Unreadable(Exception):
    """An entry that cannot be used, and why."""


def read_moment(value: Any, name: str) -> date | datetime | None:
    """A schema.org Date or DateTime; None where there is none."""
    if value is None or value == "":
        return None
    text = str(value).strip()
    try:
        return date.fromisoformat(text) if len(text) <= 10 else datetime.fromisoformat(text)
    except ValueError as error:
        raise Unreadable(f"{name} {text!r} is no date (2026-05-01 or 2026-05-01T19:00+02:00)") from error


def scheduled(schedule: dict[str, Any], status: str, ctx: Context[EventsConfig]) -> list[Moment]:
    """The dates of a Schedule in the window, at the wall-clock times of its scheduleTimezone or the city's."""
    first = read_moment(schedule.get("startDate"), "eventSchedule.startDate")
    if first is None:
        raise Unreadable("eventSchedule has no startDate")
    zone = _zone(schedule.get("scheduleTimezone"), ctx)
    starts, ends = _time(schedule, "startTime", zone), _time(schedule, "endTime", zone)
    if starts is None and isinstance(first, datetime):
        starts = first.time()
    day = first.date() if isinstance(first, datetime) else first
    kept = window(ctx)
    except_days = {str(value)[:10] for value in values_of(schedule.get("exceptDate"))}
    moments = []
    for wall in _rule(schedule, datetime.combine(day, starts or time())).xafter(_naive(kept.begin, zone), inc=True):
        if wall > _naive(kept.end, zone):
            break
        if wall.date().isoformat() in except_days:
            continue
        moments.append(_moment(wall, starts, ends, status, zone, ctx))
    return moments


def _naive(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)


def _moment(
    wall: datetime, starts: time | None, ends: time | None, status: str, zone: ZoneInfo, ctx: Context[EventsConfig]
) -> Moment:
    if starts is None:
        day = wall.date()
        begin, end = midnight(day, ctx), midnight(day + timedelta(days=1), ctx)
        return Moment(start=begin, end=end, all_day=True, status=status, key=day.isoformat())
    begin = wall.replace(tzinfo=zone)
    end_wall = None if ends is None else datetime.combine(wall.date() + timedelta(days=int(ends <= starts)), ends)
    return Moment(
        start=begin,
        end=None if end_wall is None else end_wall.replace(tzinfo=zone),
        status=status,
        key=begin.astimezone(UTC).isoformat(),
    )


def _rule(schedule: dict[str, Any], begin: datetime) -> rrule.rrule:
    frequency = str(schedule.get("repeatFrequency") or "P1W")
    step = _STEP.fullmatch(_WORDS.get(frequency.rsplit("/", 1)[-1].lower(), frequency))
    if not step or int(step[1]) == 0:
        raise Unreadable(f"eventSchedule.repeatFrequency {frequency!r} is no duration such as P1W")
    until = read_moment(schedule.get("endDate"), "eventSchedule.endDate")
    until_day = until.date() if isinstance(until, datetime) else until
    count = schedule.get("repeatCount")
    try:
        return rrule.rrule(
            _FREQUENCY[step[2]],
            dtstart=begin,
            interval=int(step[1]),
            byweekday=_weekdays(schedule) or None,
            bymonth=_numbers(schedule, "byMonth") or None,
            bymonthday=_numbers(schedule, "byMonthDay") or None,
            until=datetime.combine(until_day, time.max) if until_day and count is None else None,
            count=int(count) if count is not None else None,
        )
    except (ValueError, TypeError) as error:
        raise Unreadable(f"eventSchedule cannot be worked out: {error}") from error


def _weekdays(schedule: dict[str, Any]) -> list[Any]:
    weeks = _numbers(schedule, "byMonthWeek")
    days = []
    for value in values_of(schedule.get("byDay")):
        name = str(value).rsplit("/", 1)[-1].rsplit(":", 1)[-1][:2].upper()
        if name not in _DAYS:
            raise Unreadable(f"eventSchedule.byDay {value!r} is no day of the week")
        days += [_DAYS[name](week) for week in weeks] or [_DAYS[name]]
    return days


def _numbers(schedule: dict[str, Any], name: str) -> list[int]:
    try:
        return [int(number) for number in values_of(schedule.get(name))]
    except (TypeError, ValueError) as error:
        raise Unreadable(f"eventSchedule.{name} {schedule[name]!r} is no number") from error


def _time(schedule: dict[str, Any], name: str, zone: ZoneInfo) -> time | None:
    """A wall-clock time; one with an offset is used as it stands, since the rule follows the zone."""
    text = str(schedule.get(name) or "").strip().lstrip("T")
    try:
        return time.fromisoformat(text).replace(tzinfo=None) if text else None
    except ValueError as error:
        raise Unreadable(f"eventSchedule.{name} {text!r} is no time (19:00)") from error


def _zone(name: Any, ctx: Context[EventsConfig]) -> ZoneInfo:
    try:
        return ZoneInfo(str(name)) if name else ctx.city.tz
    except (KeyError, ValueError, OSError) as error:
        raise Unreadable(f"eventSchedule.scheduleTimezone {name!r} is unknown") from error
