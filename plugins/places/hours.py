"""Opening hours in OpenStreetMap syntax: open or closed now, until when, and as lines to read.

https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification, evaluated by opening-hours-py.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from allmende import City
from msgspec import Struct
from opening_hours import OpeningHours, State, validate

from .expression import tidy, with_holidays

HORIZON = timedelta(days=400)
"""How far the next change is looked for: something that opens once a year is found."""
KEPT = 4_096
"""Opening hours of which it is remembered whether they are open."""


class Now(Struct, frozen=True, kw_only=True):
    """Whether a place is open at a moment (None: not known), and when that changes next."""

    open: bool | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None


_known: dict[tuple[str, str, str, float, float], tuple[datetime, tuple[Now, datetime]]] = {}
"""Opening hours and where they are → since when it is known how they are, how, and until when."""


def problem_of(text: str) -> str:
    """Why opening hours cannot be evaluated; empty if they can, or if there are none."""
    if not text or validate(tidy(text)):
        return ""
    return f"{text[:80]!r} are not in the syntax of OpenStreetMap (Mo-Fr 08:00-18:00; PH off): shown as they are"


def is_open(text: str, city: City, now: datetime) -> bool | None:
    """Open or closed at this moment; None where the hours are unknown or not understood."""
    hours = _parsed(text, city, now)
    current = hours.state(now)[0] if hours else State.UNKNOWN
    return None if current == State.UNKNOWN else bool(current == State.OPEN)


def state(text: str, city: City, now: datetime) -> Now:
    """Open or closed at this moment, and when that changes."""
    return lasting(text, city, now)[0]


def lasting(text: str, city: City, now: datetime) -> tuple[Now, datetime]:
    """The same, and until when all of it holds: the next change, or the end of the day. Worked out once until then."""
    key = (text, city.timezone, city.subdivision, city.area.lat, city.area.lon)
    known = _known.get(key)
    if known is None or not known[0] <= now < known[1][1]:
        if len(_known) >= KEPT:
            _known.clear()
        now = now.astimezone(city.tz)
        known = _known[key] = now, _lasting(_parsed(text, city, now), now)
    return known[1]


def _lasting(hours: OpeningHours | None, now: datetime) -> tuple[Now, datetime]:
    midnight = datetime.combine(now.date() + timedelta(days=1), time(), tzinfo=now.tzinfo)
    if hours is None:
        return Now(), midnight
    current, _ = hours.state(now)
    change = next((start for start, _, kind in _spans(hours, now, now + HORIZON) if kind != current), None)
    until = midnight if change is None else min(change, midnight)
    if current == State.UNKNOWN:
        return Now(), until
    if current == State.OPEN:
        return Now(open=True, closes_at=change), until
    opening = next((start for start, _, kind in _spans(hours, now, now + HORIZON) if kind == State.OPEN), None)
    return Now(open=False, opens_at=opening), until


class Day(NamedTuple):
    """What is told of one day."""

    midnight: datetime
    spans: list[tuple[datetime, datetime]]
    """Those that begin on it."""
    note: str | None = None
    """What stands there instead of times (`nach Vereinbarung`); empty where nothing does, None where they are known."""


def week(text: str, city: City, now: datetime) -> list[Day]:
    """The seven days from today; none where the hours are not known."""
    hours = _parsed(text, city, now)
    if hours is None:
        return []
    midnights = [datetime.combine(now.date() + timedelta(days=n), time(), tzinfo=city.tz) for n in range(8)]
    # From the day before, so that a night out counts for the day on which it began.
    found = list(hours.intervals(midnights[0] - timedelta(days=1), midnights[7] + timedelta(days=1)))
    days = []
    for begin, finish in pairwise(midnights):
        pieces = [
            piece
            for start, end, kind, _ in found
            if kind == State.OPEN and (piece := _piece(start, end, begin, finish))
        ]
        unknown = (note for start, end, kind, note in found if kind == State.UNKNOWN and start < finish and end > begin)
        days.append(Day(begin, pieces, None if pieces else next(unknown, None)))
    return days


def _piece(start: datetime, end: datetime, begin: datetime, finish: datetime) -> tuple[datetime, datetime] | None:
    """The part of a span that is told on this day: a night belongs to its evening, days on end to each day."""
    if end - start < timedelta(hours=24):
        return (start, end) if begin <= start < finish else None
    first, last = max(start, begin), min(end, finish)
    return (first, last) if first < last else None


def _spans(hours: OpeningHours, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, State]]:
    for begin, finish, kind, _ in hours.intervals(start, end):
        yield begin, finish, kind


def _parsed(text: str, city: City, now: datetime) -> OpeningHours | None:
    if not text:
        return None
    return _compile(text, city.timezone, city.subdivision, now.year, (city.area.lat, city.area.lon))


@lru_cache(maxsize=4096)
def _compile(text: str, zone: str, subdivision: str, year: int, coords: tuple[float, float]) -> OpeningHours | None:
    country, _, land = subdivision.partition("-")
    plain = tidy(text)
    if not validate(plain):
        return None
    expression = with_holidays(plain, country, land, year)
    if expression is None:
        return None
    return OpeningHours(
        expression if validate(expression) else plain,
        timezone=ZoneInfo(zone),
        country=country or None,
        coords=coords,  # for sunrise and sunset, which the library works out only if it may look up zones
        auto_country=False,
        max_interval_days=366,
    )
