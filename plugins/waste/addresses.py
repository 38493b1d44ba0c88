"""Addresses: the streets of the calendar, and which districts come to one, however it was typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from allmende import Context, InputError, Prepared, prepared
from msgspec import Struct
from sqlalchemy import Select, and_, or_, select

from .names import fold, split_address
from .numbers import load, parse_number
from .service import find_districts
from .tables import WasteRange, WasteStreet

_PLACE = re.compile(r"\(([^)]*)\)")


class Range(Struct, frozen=True):
    """House numbers of a street that share their districts."""

    numbers: str
    spans: str
    districts: tuple[str, ...]


class Street(Struct, frozen=True):
    """A street with its ranges."""

    id: str
    name: str
    place: str
    ranges: tuple[Range, ...]

    @property
    def label(self) -> str:
        return f"{self.name} ({self.place})" if self.place else self.name

    @property
    def needs_house_number(self) -> bool:
        return len({range_.districts for range_ in self.ranges}) > 1


class Address(Struct, frozen=True):
    """What an address has been recognised as. Its districts include the whole city's, `""`."""

    street: Street | None
    house_number: str
    districts: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.street.label} {self.house_number}".strip() if self.street else ", ".join(self.districts[1:])


async def find_streets(ctx: Context[Any], search: str, first: int) -> list[Street]:
    """Streets whose name contains the text, those that begin with it first. One statement."""
    folded = fold(search)
    begin = re.sub("([/%_])", r"/\1", folded) + "%"
    asked = _containing(begin=begin, anywhere=f"%{begin}" if folded else None, first=first)
    found = _grouped(await asked.tuples(ctx, *_COLUMNS))
    return sorted(found, key=lambda street: not fold(street.name).startswith(folded))


async def load_streets(ctx: Context[Any], ids: Sequence[str]) -> list[Street]:
    """Streets by id, by name. One statement."""
    return _grouped(await _of(ids=list(ids)).tuples(ctx, *_COLUMNS))


async def resolve(
    ctx: Context[Any], *, street: str = "", house_number: str = "", street_id: str = "", district: str | None = None
) -> Address:
    """Which districts come to an address. One statement, unless it has to explain an error.

    `street` may hold the house number too: `Marktstraße 12a`; and the part of the city: `Bahnhofstraße (Süd)`.
    """
    if district is not None:
        return Address(None, "", ("", district))
    if not street.strip() and not street_id:
        return Address(None, "", await _whole_city(ctx))
    key = (street, house_number, street_id)
    return await ctx.remember(lambda: _read(ctx, *key), "address", *key)


def known(ctx: Context[Any], *, street: str = "", house_number: str = "", street_id: str = "") -> Address | None:
    """The same for an address that was asked for before, without asking the database; None where that is needed."""
    found: Address | None = ctx.remembered("address", street, house_number, street_id)
    return found


async def _read(ctx: Context[Any], street: str, house_number: str, street_id: str) -> Address:
    asked = _asked(street, house_number, street_id)
    found = _fitting(_grouped(await asked.streets.tuples(ctx, *_COLUMNS)), asked)
    if not found:
        raise await _unknown(ctx, street or street_id)
    return _one(found, asked)


class _Asked(Struct, frozen=True):
    """An address as it was typed."""

    street: str
    place: str
    numbers: dict[str, str]
    """Folded name of a street → house number, for each way in which the text can be read."""
    number: str
    streets: Prepared


def _asked(street: str, house_number: str, street_id: str) -> _Asked:
    if not street:
        return _Asked("", "", {}, house_number, _streets(id=street_id, folded=None))
    name, place, number = _read_address(street)
    numbers = {fold(street): house_number, fold(name): house_number or number}
    streets = _streets(id=street_id or None, folded=None if street_id else list(numbers))
    return _Asked(street, place, numbers, house_number, streets)


def _fitting(found: list[Street], asked: _Asked) -> list[Street]:
    if len(found) > 1:
        found = [one for one in found if fold(one.name) == fold(asked.street)] or found
    if len(found) > 1 and not asked.place:  # `Bahnhofstraße 5, Süd`, as on an envelope
        behind = fold(asked.street).replace(fold(found[0].name), "", 1)
        found = [one for one in found if one.place and fold(one.place) in behind] or found
    if asked.place:
        found = [one for one in found if fold(one.place) == fold(asked.place)]
    return found


def _one(found: list[Street], asked: _Asked) -> Address:
    if len(found) > 1:
        labels = ", ".join(one.label for one in found)
        raise InputError(f"street: {asked.street!r} exists more than once: {labels}", code="WASTE_STREET_AMBIGUOUS")
    number = asked.numbers.get(fold(found[0].name), asked.number) if asked.numbers else asked.number
    house_number = number.strip()
    return Address(found[0], house_number, ("", *_districts(found[0], house_number)))


def _read_address(text: str) -> tuple[str, str, str]:
    """`Bahnhofstraße (Süd) 5` → name, place, house number."""
    match = _PLACE.search(text)
    if match:
        return text[: match.start()].strip(), match[1].strip(), text[match.end() :].strip()
    name, number = split_address(text)
    return name, "", number


def _districts(street: Street, house_number: str) -> tuple[str, ...]:
    """The districts of the narrowest range that holds the number."""
    listed = "; ".join(f"{part.numbers or 'all'}: {', '.join(part.districts)}" for part in street.ranges)
    if not house_number.strip():
        if street.needs_house_number:
            raise InputError(
                f"houseNumber: {street.label} has several districts, so the house number is needed ({listed})",
                code="WASTE_HOUSE_NUMBER_NEEDED",
            )
        return street.ranges[0].districts if street.ranges else ()
    try:
        number = parse_number(house_number)
    except ValueError as error:
        raise InputError(f"houseNumber: {error}", code="WASTE_HOUSE_NUMBER_INVALID") from None
    fitting = [(span.width, part.districts) for part in street.ranges for span in load(part.spans) if number in span]
    if not fitting:
        raise InputError(
            f"houseNumber: {street.label} has no number {house_number} in the calendar ({listed})",
            code="WASTE_HOUSE_NUMBER_UNKNOWN",
        )
    narrowest = min(width for width, _ in fitting)
    best = {districts for width, districts in fitting if width == narrowest}
    if len(best) > 1:
        raise InputError(
            f"houseNumber: {street.label} {house_number} is in several ranges ({listed})",
            code="WASTE_HOUSE_NUMBER_AMBIGUOUS",
        )
    return best.pop()


async def first_address(ctx: Context[Any]) -> str | None:
    """An address that needs no choosing: the first street that lies in one district, else a house in the first."""
    streets = await find_streets(ctx, "", 50)
    for street in streets:
        if not street.needs_house_number:
            return street.label
    if not streets:
        return None
    span = load(streets[0].ranges[0].spans)[0]
    return f"{streets[0].label} {span.low or 1}{span.low_suffix}"


async def _whole_city(ctx: Context[Any]) -> tuple[str, ...]:
    """Without an address: a city with one calendar for all, or one district, needs none."""
    districts = await find_districts(ctx)
    if len(districts) > 1:
        shown = ", ".join(districts[:20])
        raise InputError(f"street: give a street, or a district ({shown})", code="WASTE_ADDRESS_NEEDED")
    return ("", *districts)


async def _unknown(ctx: Context[Any], street: str) -> InputError:
    """The error for a street that is not in the calendar, with the names that come nearest."""
    folded = fold(split_address(street)[0])
    near = or_(*(WasteStreet.folded.contains(part, autoescape=True) for part in _parts(folded)))
    statement = select(WasteStreet.name).where(near).distinct().order_by(WasteStreet.name).limit(200)
    async with ctx.session() as session:
        names = list(await session.scalars(statement))
    names = sorted(names, key=lambda name: -_alike(fold(name), folded))[:5]
    hint = f"; do you mean {', '.join(names)}?" if names else ""
    return InputError(f"street: {street!r} is not in the calendar{hint}", code="WASTE_STREET_UNKNOWN")


def _parts(folded: str) -> list[str]:
    """Pieces of the name, of which a misspelt one still has some right; not the ending that most streets share."""
    stem = folded.removesuffix("strasse") or folded
    return [stem[i : i + 3] for i in range(0, max(1, min(len(stem), 30) - 2))]


def _alike(name: str, other: str) -> float:
    """Share of common pairs of letters (Dice)."""
    ours, theirs = ({text[i : i + 2] for i in range(len(text) - 1)} for text in (name, other))
    return 2 * len(ours & theirs) / max(1, len(ours) + len(theirs))


_COLUMNS = (
    WasteStreet.id,
    WasteStreet.name,
    WasteStreet.place,
    WasteRange.numbers,
    WasteRange.spans,
    WasteRange.districts,
)
"""Of `_streets`: asked for so often that it goes without entities."""


def _with_ranges(condition: Any) -> Any:
    both: Any = select(WasteStreet, WasteRange)
    return (
        both.outerjoin(WasteRange, and_(WasteRange.city == WasteStreet.city, WasteRange.parent == WasteStreet.id))
        .where(condition)
        .order_by(WasteStreet.folded, WasteStreet.place, WasteStreet.id, WasteRange.spans, WasteRange.id)
        .limit(5000)
    )


def _grouped(rows: Sequence[Sequence[Any]]) -> list[Street]:
    """The streets of such rows."""
    grouped: dict[str, tuple[str, str, list[Range]]] = {}
    for key, name, place, numbers, spans, districts in rows:
        parts = [] if spans is None else [Range(numbers, spans, tuple(districts))]
        grouped.setdefault(key, (name, place, []))[2].extend(parts)
    return [_sorted(key, *values) for key, values in grouped.items()]


@prepared
def _containing(begin: Any, anywhere: Any, first: int) -> Select[Any]:
    """Streets by patterns for LIKE, in which `/` stands before what is meant literally."""
    begins = WasteStreet.folded.like(begin, escape="/")
    ids = select(WasteStreet.id).order_by(begins.desc(), WasteStreet.folded, WasteStreet.place, WasteStreet.id)
    if anywhere is not None:
        ids = ids.where(WasteStreet.folded.like(anywhere, escape="/"))
    found: Select[Any] = _with_ranges(WasteStreet.id.in_(ids.limit(first)))
    return found


@prepared
def _of(ids: Any) -> Select[Any]:
    found: Select[Any] = _with_ranges(WasteStreet.id.in_(ids))
    return found


@prepared
def _streets(id: Any, folded: Any) -> Select[Any]:
    found: Select[Any] = _with_ranges(WasteStreet.id == id if folded is None else WasteStreet.folded.in_(folded))
    return found


def _sorted(id: str, name: str, place: str, ranges: list[Range]) -> Street:
    return Street(id, name, place, tuple(sorted(ranges, key=lambda part: load(part.spans)[0])))
