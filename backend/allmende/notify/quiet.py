"""Quiet hours: until when a message waits that is not urgent enough to wake somebody."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from allmende.errors import InputError

DAY = 24 * 60


def minute(text: str, argument: str) -> int:
    """`"22:30"` → minute of the day."""
    hours, colon, minutes = text.partition(":")
    if colon and hours.isdecimal() and minutes.isdecimal() and len(hours) <= 2 and len(minutes) == 2:
        value = int(hours) * 60 + int(minutes)
        if int(minutes) < 60 and value <= DAY:
            return value % DAY
    raise InputError(f"{argument}: must be a time of day such as 22:00")


def clock_time(value: int) -> str:
    """Minute of the day → `"22:30"`."""
    return f"{value // 60:02}:{value % 60:02}"


def rests_until(now: datetime, tz: ZoneInfo, begin: int | None, end: int | None) -> datetime | None:
    """When the quiet hours end in which `now` lies; None outside of them. They may go past midnight."""
    if begin is None or end is None or begin == end:
        return None
    local = now.astimezone(tz)
    at = local.hour * 60 + local.minute
    inside = begin <= at < end if begin < end else at >= begin or at < end
    if not inside:
        return None
    day = local.date() + timedelta(days=1 if at >= end else 0)
    ends = datetime.combine(day, time(end // 60, end % 60), tz).astimezone(UTC)
    if ends <= now:  # the night in which summer time ends has this time of day twice
        ends = datetime.combine(day, time(end // 60, end % 60, fold=1), tz).astimezone(UTC)
    return ends
