"""The German Nachholprinzip: after a public holiday, the rest of that week's pickups come a day later."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, timedelta

DAY = timedelta(days=1)
SATURDAY, SUNDAY = 5, 6


def shift_table(
    first: date, last: date, holidays: Collection[date], earlier: Collection[date] = ()
) -> dict[date, date]:
    """Regular day → day of collection, for every Monday to Saturday between the two days.

    Regular Mondays to Fridays queue up: each keeps its place, none falls on a public holiday or a Sunday, and what a
    week cannot take (Christmas on Friday and Saturday) moves on into the next. `earlier` holds a day of each week in
    which the pickups are moved forward instead, if need be to the Saturday before; where the week before leaves no
    room for that, they come later all the same. Regular Saturday pickups may share their day with moved ones.
    """
    closed = frozenset(holidays)
    forward = {_monday(day) for day in earlier}
    table: dict[date, date] = {}
    monday = _monday(first)
    before = {monday - DAY: monday - DAY}
    queue = monday - DAY
    while monday <= last:
        week = _earlier(monday, closed) if monday in forward else {}
        if not week or week[monday] < max(before.values()):
            week = _later(monday, closed, queue)
        table |= week
        # A Saturday that had to move into the next week does not push that whole week.
        before, queue = week, week[monday + 4 * DAY]
        monday += 7 * DAY
    return {day: to for day, to in table.items() if first <= day <= last}


def _later(monday: date, closed: frozenset[date], queue: date) -> dict[date, date]:
    """The week's days, each after the one before it and after `queue`, the last day taken by the week before."""
    week: dict[date, date] = {}
    for offset in range(SUNDAY):
        day = monday + offset * DAY
        to = max(day, queue if offset == SATURDAY else queue + DAY)
        while to in closed or to.weekday() == SUNDAY:
            to += DAY
        week[day] = queue = to
    return week


def _earlier(monday: date, closed: frozenset[date]) -> dict[date, date]:
    """The week's days moved forward, each before the one after it."""
    week: dict[date, date] = {}
    bound = monday + 7 * DAY
    for offset in reversed(range(SUNDAY)):
        day = monday + offset * DAY
        to = min(day, bound - DAY)
        while to in closed or to.weekday() == SUNDAY:
            to -= DAY
        week[day] = bound = to
    return week


def _monday(day: date) -> date:
    return day - day.weekday() * DAY
