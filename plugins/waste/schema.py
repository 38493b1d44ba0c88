"""`City.waste`: streets, pickups, fractions and notices, as the API shows them."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from enum import Enum
from typing import Annotated, Any, TypeVar

import strawberry
from allmende import (
    PUBLIC,
    CityModule,
    Context,
    InputError,
    Prepared,
    SearchHit,
    check_first,
    column,
    computed,
    field,
    rows,
)

from . import addresses, service
from .catalogue import effective, offered, text_colour
from .config import Fraction
from .tables import WastePickup as Row

T = TypeVar("T")
MAX_DAYS = 730

Text = Annotated[
    str | None, strawberry.argument(description="Name of the street in any spelling; may hold the house number too.")
]
Number = Annotated[str | None, strawberry.argument(description="House number with its letter: `12a`.")]
Id = Annotated[strawberry.ID | None, strawberry.argument(description="Id of the street, instead of its name.")]
District = Annotated[str | None, strawberry.argument(description="District or tour, instead of an address.")]
Days = Annotated[int, strawberry.argument(description="How many days to look ahead, 1 to 730.")]
From = Annotated[dt.date | None, strawberry.argument(name="from", description="First day; today without it.")]
Fractions = Annotated[list[str] | None, strawberry.argument(description="Ids of the fractions wanted; all without it.")]
Search = Annotated[str, strawberry.argument(description="Part of the name; every street without it.")]
First = Annotated[int, strawberry.argument(description="At most so many, up to 1000.")]


@strawberry.type(description="What belongs into a bin, and what does not.")
class WasteHints:
    belongs: str = strawberry.field(description="What goes in; empty where the city says nothing.")
    excluded: str = strawberry.field(description="What does not go in, and where it goes instead.")


@strawberry.type(description="A kind of waste that is collected by itself.")
class WasteFraction:
    id: strawberry.ID = strawberry.field(description="Short name, the same in all cities where it means the same.")
    name: str = strawberry.field(description="As the city calls it.")
    colour: str = strawberry.field(description="Colour of the bin or sack, `#rrggbb`. Always show the name too.")
    text_colour: str = strawberry.field(description="Black or white, whichever is readable on `colour`.")
    icon: str = strawberry.field(description="One emoji or character.")
    hints: WasteHints = strawberry.field(description="Sorting hints.")


@strawberry.type(description="A range of house numbers with the same collection days.")
class WasteRange:
    numbers: str = strawberry.field(description="The numbers as the city writes them; empty for the whole street.")
    districts: list[str] = strawberry.field(description="Districts and tours that come there.")


@strawberry.type(description="A street of the waste calendar.")
class WasteStreet(SearchHit):
    name: str = strawberry.field(description="The street's name.")
    place: str = strawberry.field(description="Part of the city, where the name occurs more than once; else empty.")
    needs_house_number: bool = strawberry.field(description="Whether the collection days depend on the house number.")
    ranges: list[WasteRange] = strawberry.field(description="House numbers and their districts.")


@strawberry.type(description="An address as the waste calendar knows it.")
class WasteAddress:
    label: str = strawberry.field(description="Street and house number, to be shown and to be asked with again.")
    street: WasteStreet | None = strawberry.field(description="The street; null where only a district was given.")
    districts: list[str] = strawberry.field(description="Districts and tours that come there.")


def _fraction(ctx: Context[Any], key: str) -> WasteFraction:
    """A fraction that has left the configuration shows its id."""
    return make_fraction(ctx, key, effective(ctx.config).get(key) or Fraction(name=key, colour="#6b6b6b"))


def _note(ctx: Context[Any], note: str) -> str | None:
    return note or None


def _shifted(ctx: Context[Any], day: dt.date | None) -> bool:
    return day is not None


@strawberry.type(description="One fraction, collected on one day.")
class WastePickup:
    ctx: strawberry.Private[Context[Any]]
    row: strawberry.Private[Row]

    id: strawberry.ID = column(Row.id, description="Stable across imports, unique across cities.")
    date: dt.date = column(Row.date, description="The day of collection.")
    fraction: WasteFraction = computed(_fraction, Row.fraction, steady=True, description="What is collected.")
    note: str | None = computed(
        _note, Row.note, steady=True, description="Rhythm, size of the bin or a remark, where the city gives one."
    )
    shifted_from: dt.date | None = column(
        Row.shifted_from, description="The regular day, if a holiday moved the pickup."
    )
    shifted: bool = computed(
        _shifted, Row.shifted_from, steady=True, description="Whether a public holiday moved the pickup."
    )
    reminders: list[dt.datetime] = computed(
        service.reminders,
        Row.date,
        steady=True,
        description="When a device should remind: the evening before, and when bins must be out, in the city's time.",
    )


@strawberry.enum(description="What is wrong with a calendar.")
class WasteNoticeCode(Enum):
    MISSING_NEXT_YEAR = strawberry.enum_value(
        "MISSING_NEXT_YEAR", description="The year is ending, and next year's dates are not there yet."
    )
    CALENDAR_ENDED = strawberry.enum_value(
        "CALENDAR_ENDED", description="The dates are over, or those of a fraction are."
    )


@strawberry.type(description="Something that citizens should know about their calendar.")
class WasteNotice:
    code: WasteNoticeCode = strawberry.field(description="What it is.")
    text: str = strawberry.field(description="In the reader's words.")


@strawberry.type(description="The city's waste calendar.")
class Waste(CityModule):
    asked: strawberry.Private[dict[Any, asyncio.Task[Any]]] = dataclasses.field(default_factory=dict)

    @field(visible=PUBLIC, description="Streets whose name contains the text, in any spelling; beginnings first.")
    async def streets(self, search: Search = "", first: First = 20) -> list[WasteStreet]:
        check_first(first, 1000)
        return [make_street(found) for found in await addresses.find_streets(self.ctx, search[:200], first)]

    @field(visible=PUBLIC, description="What an address is recognised as; null, with an error, when it cannot be.")
    async def address(
        self, street: Text = None, house_number: Number = None, street_id: Id = None, district: District = None
    ) -> WasteAddress | None:
        return make_address(await self._address(street, house_number, street_id, district))

    @field(visible=PUBLIC, description="Names of the districts that have dates, for cities without a list of streets.")
    async def districts(self) -> list[str]:
        return await service.find_districts(self.ctx)

    @field(visible=PUBLIC, description="The kinds of waste that the city collects, in its order.")
    def fractions(self) -> list[WasteFraction]:
        return [make_fraction(self.ctx, key, fraction) for key, fraction in offered(self.ctx.config).items()]

    @rows(
        WastePickup,
        once=service.SAME,
        optional=True,
        visible=PUBLIC,
        description="What is collected at an address from a day on, by date. `street` may hold the house number too "
        "(`Marktstraße 12a`). A city with one calendar for all needs no address. Null, with an error that says what "
        "is missing, when the address is not in the calendar.",
    )
    def pickups(
        self,
        street: Text = None,
        house_number: Number = None,
        street_id: Id = None,
        district: District = None,
        days: Days = 14,
        from_: From = None,
        fractions: Fractions = None,
    ) -> Prepared | Awaitable[Prepared]:
        if not 1 <= days <= MAX_DAYS:
            raise InputError(f"days: {days} is not between 1 and {MAX_DAYS}")
        for wanted in fractions or ():
            if wanted not in effective(self.ctx.config):
                raise InputError(f"fractions: {wanted!r} is unknown; there are {', '.join(offered(self.ctx.config))}")
        start = from_ or self.ctx.today
        if start > dt.date.max - dt.timedelta(days=days):
            raise InputError(f"from: {start} is too late")

        def of(address: addresses.Address) -> Prepared:
            end = start + dt.timedelta(days=days)
            return service.find_pickups(districts=address.districts, start=start, end=end, fractions=fractions)

        async def asked() -> Prepared:
            return of(await self._address(street, house_number, street_id, district))

        known = None if district is not None else self._known(street, house_number, street_id)
        return of(known) if known is not None else asked()

    @field(
        visible=PUBLIC,
        description="The last day for which the calendar of an address is complete; null when there are no dates.",
    )
    async def calendar_until(
        self,
        street: Text = None,
        house_number: Number = None,
        street_id: Id = None,
        district: District = None,
    ) -> dt.date | None:
        return await self._until((await self._address(street, house_number, street_id, district)).districts)

    @field(visible=PUBLIC, description="What citizens at an address should know: that dates are missing, for instance.")
    async def notices(
        self,
        street: Text = None,
        house_number: Number = None,
        street_id: Id = None,
        district: District = None,
    ) -> list[WasteNotice] | None:
        until = await self._until((await self._address(street, house_number, street_id, district)).districts)
        return make_notices(self.ctx, until)

    def _known(self, street: str | None, number: str | None, id_: str | None) -> addresses.Address | None:
        """An address that was asked for before, without waiting for anything."""
        if not (street or "").strip() and not id_:
            return None
        text, house, key = (street or "")[:300], (number or "")[:20], (id_ or "")[:64]
        return addresses.known(self.ctx, street=text, house_number=house, street_id=key)

    async def _address(
        self, street: str | None, number: str | None, id_: str | None, district: str | None
    ) -> addresses.Address:
        """Siblings that ask for the same address share one statement."""
        key = (street or "")[:300], (number or "")[:20], (id_ or "")[:64], district
        return await self._once(
            key,
            lambda: addresses.resolve(self.ctx, street=key[0], house_number=key[1], street_id=key[2], district=key[3]),
        )

    async def _until(self, districts: Sequence[str]) -> dt.date | None:
        return await self._once(districts, lambda: service.calendar_until(self.ctx, districts))

    async def _once(self, key: Any, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        if key not in self.asked:
            self.asked[key] = asyncio.create_task(ask())
        task: asyncio.Task[T] = self.asked[key]
        return await asyncio.shield(task)


def make_fraction(ctx: Context[Any], key: str, fraction: Fraction) -> WasteFraction:
    return WasteFraction(
        id=strawberry.ID(key),
        name=ctx.pick(fraction.name),
        colour=fraction.colour,
        text_colour=text_colour(fraction.colour),
        icon=fraction.icon,
        hints=WasteHints(belongs=ctx.pick(fraction.belongs), excluded=ctx.pick(fraction.excluded)),
    )


def make_street(found: addresses.Street) -> WasteStreet:
    return WasteStreet(
        id=strawberry.ID(found.id),
        title=found.label,
        module="waste",
        name=found.name,
        place=found.place,
        needs_house_number=found.needs_house_number,
        ranges=[WasteRange(numbers=part.numbers, districts=list(part.districts)) for part in found.ranges],
    )


def make_address(found: addresses.Address) -> WasteAddress:
    return WasteAddress(
        label=found.label,
        street=make_street(found.street) if found.street else None,
        districts=[district for district in found.districts if district],
    )


def make_notices(ctx: Context[Any], until: dt.date | None) -> list[WasteNotice]:
    if service.ended(ctx, until):
        return [WasteNotice(code=WasteNoticeCode.CALENDAR_ENDED, text=ctx.text("notice.calendar_ended"))]
    if service.missing_next_year(ctx, until):
        text = ctx.text("notice.missing_next_year", year=ctx.today.year + 1)
        return [WasteNotice(code=WasteNoticeCode.MISSING_NEXT_YEAR, text=text)]
    return []


async def load_hits(ctx: Context[Any], ids: Sequence[str]) -> Sequence[WasteStreet]:
    """Streets that a search has found."""
    return [make_street(found) for found in await addresses.load_streets(ctx, ids)]
