"""Rules instead of dates: a weekday every n weeks from an anchor, moved around public holidays, with exceptions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Any, Literal, get_args

import holidays as public_holidays
import msgspec
from allmende import Batch, Context, FeedError, Payload, Refusal, Slug, Strict
from msgspec import Meta, field

from ..catalogue import effective
from ..config import RulesSource
from ..tables import WastePickup, pickup
from .coverage import make_batch
from .shifting import shift_table

Weekday = Literal["mo", "tu", "we", "th", "fr", "sa"]
Month = Annotated[int, Meta(ge=1, le=12)]
MARGIN = timedelta(days=21)
"""How far around the horizon shifts are computed, since they cross New Year."""


class Tour(Strict, frozen=True, kw_only=True):
    """One rhythm of one or several districts."""

    fraction: Slug
    districts: tuple[str, ...] = ("",)
    weekday: Weekday
    every: Annotated[int, Meta(ge=1, le=26)] = 1
    """Weeks between two pickups."""
    anchor: date
    """Any day of a week with a pickup; weeks are counted from it in both directions."""
    months: tuple[Month, ...] = ()
    """Only in these months (by the regular day): a summer rhythm, the garden season."""
    note: str = ""


class Extra(Strict, frozen=True, kw_only=True):
    """A pickup outside the rhythm, on exactly this day."""

    fraction: Slug
    districts: tuple[str, ...] = ("",)
    date: date
    note: str = ""


class Change(Strict, frozen=True, kw_only=True):
    """A pickup (by its regular or its shifted day) that is moved to another day, or is dropped."""

    on: date
    to: date | None = None
    districts: tuple[str, ...] = ()
    """Only these; all without it."""
    fraction: str = ""
    """Only this one; all without it."""


class Shift(Strict, frozen=True, kw_only=True):
    """How pickups move around public holidays."""

    mode: Literal["later", "none"] = "later"
    earlier: tuple[date, ...] = ()
    """A day of each week in which pickups are moved forward instead."""
    holidays: tuple[date, ...] = ()
    """Local days without collection, besides the Land's public holidays."""
    working: tuple[date, ...] = ()
    """Public holidays on which is collected all the same."""


class Rules(Strict, frozen=True, kw_only=True):
    """The file."""

    tours: tuple[Tour, ...] = ()
    extra: tuple[Extra, ...] = ()
    exceptions: tuple[Change, ...] = ()
    shift: Shift = field(default_factory=Shift)


def read(payload: Payload, source: RulesSource, ctx: Context[Any]) -> Batch:
    """All pickups from this January through the end of `through` (or next year)."""
    rules = _parse(payload.text())
    this_year = ctx.today.year
    through = source.through or this_year + 1
    if through < this_year:
        raise FeedError(f"`through` is {through}, which is over", place="the source's configuration")
    first, last = date(this_year, 1, 1), date(through, 12, 31)
    table = _shifts(rules.shift, first - MARGIN, last + MARGIN, ctx)
    known = effective(ctx.config)
    found: list[tuple[str, WastePickup]] = []
    refused: list[Refusal] = []
    used: set[int] = set()
    for number, tour in enumerate(rules.tours):
        place = f"tours[{number}]"
        if tour.fraction not in known:
            refused.append(Refusal(place=place, reason=f"fraction {tour.fraction!r} is not configured in waste.toml"))
            continue
        days = [(day, table.get(day, day)) for day in _regular(tour, first - MARGIN, last + MARGIN)]
        for district in tour.districts:
            for day, to in _excepted(days, rules.exceptions, tour.fraction, district, used):
                if first <= to <= last:
                    found.append((place, pickup(district, to, tour.fraction, tour.note, day if day != to else None)))
    for number, extra in enumerate(rules.extra):
        place = f"extra[{number}]"
        if extra.fraction not in known:
            refused.append(Refusal(place=place, reason=f"fraction {extra.fraction!r} is not configured in waste.toml"))
        elif first <= extra.date <= last:
            found.extend((place, pickup(d, extra.date, extra.fraction, extra.note)) for d in extra.districts)
    refused.extend(
        Refusal(place=f"exceptions[{number}]", reason=f"there is no such pickup on {exception.on}")
        for number, exception in enumerate(rules.exceptions)
        if number not in used and first <= exception.on <= last
    )
    return make_batch(found, refused, ctx, days=(first, last))


def _parse(text: str) -> Rules:
    try:
        rules = msgspec.toml.decode(text.lstrip("\ufeff"), type=Rules)
    except msgspec.ValidationError as error:
        raise FeedError(str(error), place="the rules") from error
    except (msgspec.DecodeError, ValueError) as error:
        raise FeedError(f"not valid TOML: {error}", place="the rules") from error
    if not rules.tours and not rules.extra:
        raise FeedError("there are neither [[tours]] nor [[extra]] in it", place="the rules")
    return rules


def _shifts(shift: Shift, first: date, last: date, ctx: Context[Any]) -> dict[date, date]:
    if shift.mode == "none":
        return {}
    country, _, land = (ctx.city.subdivision or "DE").partition("-")
    years = range(first.year, last.year + 1)
    try:
        official = public_holidays.country_holidays(country, subdiv=land or None, years=years, language="de")
    except NotImplementedError as error:
        raise FeedError(
            f"no public holidays are known for {ctx.city.subdivision!r}", place="subdivision in city.toml"
        ) from error
    return shift_table(first, last, (set(official) | set(shift.holidays)) - set(shift.working), shift.earlier)


def _regular(tour: Tour, first: date, last: date) -> Iterator[date]:
    """The regular days of the tour, before any shift."""
    monday = tour.anchor - timedelta(days=tour.anchor.weekday())
    day = monday + timedelta(days=get_args(Weekday).index(tour.weekday))
    step = 7 * tour.every
    day += timedelta(days=-((day - first).days // step) * step)
    while day <= last:
        if not tour.months or day.month in tour.months:
            yield day
        day += timedelta(days=step)


def _excepted(
    days: list[tuple[date, date]], exceptions: tuple[Change, ...], fraction: str, district: str, used: set[int]
) -> Iterator[tuple[date, date]]:
    """(regular day, day of collection), with the exceptions for this fraction and district applied."""
    mine = {
        exception.on: (number, exception)
        for number, exception in enumerate(exceptions)
        if exception.fraction in ("", fraction) and (not exception.districts or district in exception.districts)
    }
    for day, to in days:
        number, exception = mine.get(day) or mine.get(to) or (-1, None)
        if exception is None:
            yield day, to
            continue
        used.add(number)
        if exception.to is not None:
            yield day, exception.to
