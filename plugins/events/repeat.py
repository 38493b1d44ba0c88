"""Events that editors repeat in plain terms: each week, each second week, monthly on a date or on a weekday, yearly."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from allmende import Context, Entry
from babel.dates import format_date, format_time
from dateutil import rrule

from .config import EventsConfig
from .importers.drafts import Moment, midnight, window

REPEATS = ("", "daily", "weekly", "fortnightly", "monthly_date", "monthly_weekday", "yearly")
"""What `repeat` may say; empty means once."""
ORDINALS = {1: "first", 2: "second", 3: "third", 4: "fourth", -1: "last"}
SHOWN = 5
"""Dates that are told to the editor."""


def moments(entry: Entry, ctx: Context[EventsConfig]) -> list[Moment]:
    """The dates of an entry in the time that is kept, at most as many as the city wants, first things first."""
    start: datetime | None = entry["start"]
    if start is None:
        return []
    kept, found = window(ctx), []
    length = _length(entry, start)
    skipped = set(entry["skip"])
    for wall in _walls(entry, start, kept.end):
        if wall.date() in skipped:
            continue
        moment = _moment(wall, length, entry, ctx)
        if moment.until >= kept.begin and moment.start < kept.end:
            found.append(moment)
        if len(found) == ctx.config.max_occurrences:
            break
    return found


def sentences(entry: Entry, ctx: Context[EventsConfig]) -> list[str]:
    """What the rule means: `Jeden zweiten Dienstag, 19:00 Uhr, bis 30. Juni 2027`, and the next dates."""
    start: datetime | None = entry["start"]
    if start is None:
        return []
    lines = []
    if entry["repeat"]:
        names = {"weekday": _weekday(start, ctx), "day": str(start.day), "date": _format(start.date(), "d. MMMM", ctx)}
        number = ctx.text(f"content.ordinal.{ORDINALS[_week(start)]}")
        lines.append(ctx.text(f"content.repeats.{entry['repeat']}", number=number, **names))
        if entry["repeat_until"]:
            lines.append(ctx.text("content.repeats.until", date=_format(entry["repeat_until"], "long", ctx)))
    coming = [moment for moment in moments(entry, ctx) if moment.until > ctx.now]
    if not coming:
        lines.append(ctx.text("content.repeats.over"))
    for moment in coming[:SHOWN]:
        day = _format(ctx.localize(moment.start).date(), "full", ctx)
        clock = format_time(ctx.localize(moment.start).time(), "short", locale=_locale(ctx))
        lines.append(day if moment.all_day else f"{day}, {clock}")
    if len(coming) > SHOWN:
        lines.append(ctx.text("content.repeats.more", number=len(coming) - SHOWN))
    return lines


def _length(entry: Entry, start: datetime) -> timedelta | None:
    """On the wall clock, so that a date in summer is as long as one in winter."""
    end: datetime | None = entry["end"]
    if entry["all_day"]:
        last = (end or start).date()
        return timedelta(days=max(0, (last - start.date()).days) + 1)
    return None if end is None else end.replace(tzinfo=None) - start.replace(tzinfo=None)


def _walls(entry: Entry, start: datetime, end: datetime) -> Iterator[datetime]:
    """Wall-clock times of the beginning, in order, up to the end of what is kept."""
    first = start.replace(tzinfo=None)
    rule = _rule(entry["repeat"], first)
    if rule is None:
        yield first
        return
    until: date | None = entry["repeat_until"]
    last = end.replace(tzinfo=None)
    if until is not None:
        last = min(last, datetime.combine(until, time.max))
    for wall in rule:
        if wall > last:
            return
        yield wall


def _rule(repeat: str, first: datetime) -> Any:
    """A rule without an end; the 31st is left out in shorter months, as iCalendar does."""
    weekday = rrule.weekdays[first.weekday()]
    match repeat:
        case "daily":
            return rrule.rrule(rrule.DAILY, dtstart=first)
        case "weekly":
            return rrule.rrule(rrule.WEEKLY, dtstart=first)
        case "fortnightly":
            return rrule.rrule(rrule.WEEKLY, interval=2, dtstart=first)
        case "monthly_date":
            return rrule.rrule(rrule.MONTHLY, dtstart=first)
        case "monthly_weekday":
            return rrule.rrule(rrule.MONTHLY, dtstart=first, byweekday=weekday(_week(first)))
        case "yearly":
            return rrule.rrule(rrule.YEARLY, dtstart=first)
    return None


def _week(start: datetime) -> int:
    """Which of its weekday in the month it is; the fifth counts as the last."""
    week = (start.day - 1) // 7 + 1
    return -1 if week == 5 else week


def _moment(wall: datetime, length: timedelta | None, entry: Entry, ctx: Context[EventsConfig]) -> Moment:
    status = entry["status"] or "scheduled"
    if entry["all_day"]:
        day = wall.date()
        begin, end = midnight(day, ctx), midnight(day + (length or timedelta(days=1)), ctx)
        return Moment(start=begin, end=end, all_day=True, status=status, key=day.isoformat())
    begin = ctx.localize(wall)
    end_at = None if length is None else ctx.localize(wall + length)
    return Moment(start=begin, end=end_at, status=status, key=begin.astimezone(UTC).isoformat())


def _weekday(start: datetime, ctx: Context[Any]) -> str:
    return _format(start.date(), "EEEE", ctx)


def _format(day: date, how: str, ctx: Context[Any]) -> str:
    return str(format_date(day, how, locale=_locale(ctx)))


def _locale(ctx: Context[Any]) -> str:
    return ctx.language.partition("-")[0]
