"""Opening hours in OpenStreetMap syntax: open or closed now, until when, and as lines to read.

https://wiki.openstreetmap.org/wiki/Key:opening_hours/specification, evaluated by opening-hours-py. That library knows
the national holidays only; those of the Land (Fronleichnam) are put into the expression as dates before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays
import holidays.countries.germany  # else loaded in the middle of a citizen's request
from allmende import City
from msgspec import Struct
from opening_hours import OpeningHours, State, validate

HORIZON = timedelta(days=400)
"""How far the next change is looked for: something that opens once a year is found."""
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_DAYS = re.compile(r"^((?:Mo|Tu|We|Th|Fr|Sa|Su|PH)(?:[-,](?:Mo|Tu|We|Th|Fr|Sa|Su|PH))*) +(?=\S)")


class Now(Struct, frozen=True, kw_only=True):
    """Whether a place is open at a moment (None: not known), and when that changes next."""

    open: bool | None = None
    opens_at: datetime | None = None
    closes_at: datetime | None = None


def problem_of(text: str) -> str:
    """Why opening hours cannot be evaluated; empty if they can, or if there are none."""
    if not text or validate(text):
        return ""
    return f"{text[:80]!r} are not in the syntax of OpenStreetMap (Mo-Fr 08:00-18:00; PH off): shown as they are"


def is_open(text: str, city: City, now: datetime) -> bool | None:
    """Open or closed at this moment; None where the hours are unknown or not understood."""
    hours = _parsed(text, city, now)
    current = hours.state(now)[0] if hours else State.UNKNOWN
    return None if current == State.UNKNOWN else bool(current == State.OPEN)


def state(text: str, city: City, now: datetime) -> Now:
    """Open or closed at this moment, and when that changes."""
    hours = _parsed(text, city, now)
    if hours is None:
        return Now()
    current, _ = hours.state(now)
    if current == State.UNKNOWN:
        return Now()
    change = next((start for start, _, kind in _spans(hours, now, now + HORIZON) if kind != current), None)
    if current == State.OPEN:
        return Now(open=True, closes_at=change)
    opening = next((start for start, _, kind in _spans(hours, now, now + HORIZON) if kind == State.OPEN), None)
    return Now(open=False, opens_at=opening)


def week(text: str, city: City, now: datetime) -> list[tuple[datetime, list[tuple[datetime, datetime]]]]:
    """The seven days from today: midnight, and the spans that begin on that day; empty where hours are not known."""
    hours = _parsed(text, city, now)
    if hours is None:
        return []
    midnights = [datetime.combine(now.date() + timedelta(days=n), time(), tzinfo=city.tz) for n in range(8)]
    # From the day before, so that a night out counts for the day on which it began.
    spans = [
        (start, end)
        for start, end, kind in _spans(hours, midnights[0] - timedelta(days=1), midnights[7] + timedelta(days=1))
        if kind == State.OPEN
    ]
    days = []
    for begin, finish in pairwise(midnights):
        pieces = [piece for span in spans if (piece := _piece(*span, begin, finish))]
        days.append((begin, pieces))
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
    expression = with_regional_holidays(text, country, land, year) if land else text
    if not validate(text):
        return None
    return OpeningHours(
        expression if validate(expression) else text,
        timezone=ZoneInfo(zone),
        country=country or None,
        coords=coords,
        auto_country=False,
        auto_timezone=False,
        max_interval_days=366,
    )


def with_regional_holidays(text: str, country: str, land: str, year: int) -> str:
    """The expression with PH written out as the dates of the Land's public holidays, for last year to next year.

    `Su,PH 10:00-12:00` becomes two rules. Rules of another form keep their PH, and so the national holidays.
    """
    if "PH" not in text:
        return text
    rules = []
    for rule in (part.strip() for part in text.split(";")):
        match = _DAYS.match(rule)
        days = match[1].split(",") if match else []
        if not match or "PH" not in days:
            rules.append(rule)
            continue
        rest = rule[match.end() :]
        others = ",".join(day for day in days if day != "PH")
        if others:
            rules.append(f"{others} {rest}")
        rules.append(f"{_dates(country, land, year)} {rest}")
    return "; ".join(rules)


@lru_cache(maxsize=64)
def _dates(country: str, land: str, year: int) -> str:
    days = sorted(holidays.country_holidays(country, subdiv=land, years=range(year - 1, year + 2)))
    return ",".join(f"{day.year} {_MONTHS[day.month - 1]} {day.day:02}" for day in days)
