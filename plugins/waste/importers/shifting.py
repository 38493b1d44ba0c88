"""The German Nachholprinzip: after a public holiday, the rest of that week's pickups come a day later."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

DAY = timedelta(days=1)
FRIDAY, SATURDAY, SUNDAY = 4, 5, 6


def shift_table(
    first: date, last: date, holidays: Collection[date], earlier: Collection[date] = ()
) -> dict[date, date]:
    """Regular day → day of collection, for every Monday to Saturday between the two days.

    After a public holiday each pickup of the week comes a day later, Saturday included. What the week cannot take
    shares its last working day, or, where that was before the regular day (Christmas on Friday and Saturday), the
    next working day; the following week is not pushed. `earlier` holds a day of each week in which pickups are moved
    forward instead, if need be to the Saturday before; where that would overtake the week before, they come later all
    the same. No pickup falls on a holiday or a Sunday, and none overtakes another.
    """
    closed = frozenset(holidays)
    forward = {_monday(day) for day in earlier}
    table: dict[date, date] = {}
    monday = _monday(first)
    before = monday - DAY
    while monday <= last:
        week = _earlier(monday, closed) if monday in forward else {}
        if not week or week[monday] < before:
            week = _later(monday, closed)
        table |= week
        before = max(week.values())
        monday += 7 * DAY
    return {day: to for day, to in table.items() if first <= day <= last}


def _later(monday: date, closed: frozenset[date]) -> dict[date, date]:
    """The week's days, each after the one before it as long as the week has room."""
    days = [monday + offset * DAY for offset in range(SUNDAY)]
    end = max((day for day in days if day not in closed), default=monday - DAY)
    week: dict[date, date] = {}
    to = monday - DAY
    for day in days:
        to = _open(max(day, to if day.weekday() == SATURDAY else to + DAY), closed, DAY)
        if to > end:
            to = end if end >= day else _open(end + DAY, closed, DAY)
        week[day] = to
    return week


def _earlier(monday: date, closed: frozenset[date]) -> dict[date, date]:
    """The week's days moved forward, each before the one after it; Friday may share a moved Saturday's day."""
    week: dict[date, date] = {}
    to = monday + SUNDAY * DAY
    for offset in reversed(range(SUNDAY)):
        to = _open(min(monday + offset * DAY, to if offset == FRIDAY else to - DAY), closed, -DAY)
        week[monday + offset * DAY] = to
    return dict(sorted(week.items()))


def _open(day: date, closed: frozenset[date], step: timedelta) -> date:
    """The first day from this one on (or back) on which is collected."""
    while day in closed or day.weekday() == SUNDAY:
        day += step
    return day


def _monday(day: date) -> date:
    return day - day.weekday() * DAY
