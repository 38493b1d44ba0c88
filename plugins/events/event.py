"""The GraphQL types of a single event, and how they are made of rows without asking per row."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any

import strawberry
from allmende import (
    DESK,
    Context,
    FeedItem,
    Image,
    MapFeature,
    Position,
    SearchHit,
    check_first,
    column,
    computed,
    distance,
    part,
    parted,
    translated,
)
from strawberry import Private, argument

from . import service
from .tables import Event, Occurrence

DATES = 50
Translations = Mapping[str, Mapping[str, str]] | None
Day = date


@strawberry.enum(description="Whether a date stands.")
class EventsStatus(Enum):
    SCHEDULED = strawberry.enum_value("scheduled", description="It takes place as planned.")
    CANCELLED = strawberry.enum_value("cancelled", description="It does not take place.")
    MOVED = strawberry.enum_value("moved", description="It takes place at another time than first announced.")
    POSTPONED = strawberry.enum_value("postponed", description="It does not take place then; no new date is known.")


@strawberry.type(description="Where an event takes place.")
class EventsVenue:
    name: str | None = strawberry.field(description="What the place is called.")
    address: str | None = strawberry.field(description="In one line.")
    position: Position | None = strawberry.field(description="Null where nobody has said it.")


@strawberry.type(description="Where the data on an event comes from.")
class EventsSource:
    title: str = strawberry.field(description="Who publishes it.")
    licence: str | None = strawberry.field(description="Under which licence.")
    attribution: str | None = strawberry.field(description="What must be shown beside it.")
    fetched_at: datetime = strawberry.field(description="When the source last said something new about this event.")


class Dates:
    """The further dates of all events of one answer, fetched together when the first one asks."""

    def __init__(self, ctx: Context[Any]) -> None:
        self.ctx = ctx
        self.parents: set[str] = set()
        self.fetched: dict[int, asyncio.Task[Mapping[str, list[Occurrence]]]] = {}

    async def of(self, parent: str, first: int) -> Sequence[Occurrence]:
        if first not in self.fetched:
            self.fetched[first] = asyncio.ensure_future(service.siblings(self.ctx, self.parents, first))
        return (await asyncio.shield(self.fetched[first])).get(parent, [])


def _module(ctx: Context[Any]) -> str:
    return ctx.plugin


def _last_day(ctx: Context[Any], start: datetime, end: datetime | None) -> date:
    return ctx.localize(max(start, (end or start) - timedelta(microseconds=1))).date()


def _status(ctx: Context[Any], status: str) -> EventsStatus:
    return EventsStatus(status)


def _cancelled(ctx: Context[Any], status: str) -> bool:
    return status == "cancelled"


def _moved(ctx: Context[Any], status: str) -> bool:
    return status == "moved"


def _language(ctx: Context[Any], language: str, translations: Translations) -> str:
    """That of the title; other texts may still be in the city's own."""
    return ctx.language if (translations or {}).get(ctx.language) else language or ctx.city.language


def _category(ctx: Context[Any], framed: str) -> str | None:
    return next(iter(_categories(ctx, framed)), None)


def _categories(ctx: Context[Any], framed: str) -> list[str]:
    return [service.category_name(ctx, key) for key in service.split_categories(framed)]


def _ics_url(ctx: Context[Any], id_: str) -> str:
    return f"/{ctx.city.slug}/{ctx.plugin}/{id_}.ics"


def _image(ctx: Context[Any], image: dict[str, Any] | None) -> Image | None:
    return Image(**{**image, "url": ctx.address(image["url"])}) if image else None


def _distance(ctx: Context[Any], near: service.Near | None, lat: float | None, lon: float | None) -> float | None:
    if near is None or lat is None or lon is None:
        return None
    return round(distance(near.lat, near.lon, lat, lon), 1)


def _source(ctx: Context[Any], id_: str, date_fetched: datetime, event_fetched: datetime) -> EventsSource:
    source = next((source for source in ctx.config.sources if source.id == id_), None)
    own = (ctx.city.official_name or ctx.city.name) if id_ == DESK else id_
    return EventsSource(
        title=(ctx.pick(source.title) if source else "") or own,
        licence=(source.licence if source else "") or None,
        attribution=(source.attribution if source else "") or None,
        fetched_at=ctx.localize(max(date_fetched, event_fetched)),
    )


POSITION = parted(Position, all_of=(Event.lat, Event.lon), lat=Event.lat, lon=Event.lon)


@strawberry.type(description="One date of an event, as citizens see it.")
class EventsEvent(FeedItem):
    ctx: Private[Context[Any]]
    row: Private[Occurrence]
    dates: Private[Dates]
    near: Private[service.Near | None]

    @classmethod
    def of(cls, ctx: Context[Any], row: Occurrence, dates: Dates, near: service.Near | None = None) -> EventsEvent:
        dates.parents.add(row.parent)
        return cls(ctx=ctx, row=row, dates=dates, near=near)

    id: strawberry.ID = column(Occurrence.id, description="Stable across imports, unique across cities.")
    title: str = translated(Event.title, Event.translations, "title", description="One line of plain text.")
    date: datetime = column(Occurrence.start, description="When it was published, or when it begins.")
    module: str = computed(_module, steady=True, description="Name of the module that it comes from.")
    event_id: strawberry.ID = column(
        Occurrence.parent, description="The event that this is a date of; the same for all its dates."
    )
    start: datetime = column(Occurrence.start, description="When it begins, with the city's UTC offset.")
    end: datetime | None = column(
        Occurrence.end, description="When it is over (exclusive: midnight after the last day); null if unknown."
    )
    last_day: Day = computed(
        _last_day,
        Occurrence.start,
        Occurrence.end,
        description="The last day on which it takes place, at least in part.",
    )
    all_day: bool = column(
        Occurrence.all_day, description="Whether it lasts whole days, so that no time of day is to be shown."
    )
    status: EventsStatus = computed(_status, Occurrence.status, steady=True, description="Whether this date stands.")
    cancelled: bool = computed(
        _cancelled, Occurrence.status, steady=True, description="Whether it does not take place."
    )
    moved: bool = computed(
        _moved,
        Occurrence.status,
        steady=True,
        description="Whether it takes place at another time than first announced.",
    )
    moved_from: datetime | None = column(
        Occurrence.moved_from, description="When it was to begin before it was moved, where that is known."
    )
    text: str = translated(
        Event.text,
        Event.translations,
        "text",
        description="What it is about, as plain text; empty if nothing is said.",
    )
    html: str | None = translated(
        Event.html,
        Event.translations,
        "html",
        description="What it is about, as HTML that is safe to show; null where there is plain text only.",
    )
    language: str = computed(
        _language, Event.language, Event.translations, description="Language of title and text (BCP 47)."
    )
    free: bool | None = column(Event.free, description="Whether admission is free; null if nobody has said it.")
    price: str | None = column(
        Event.price, description="What it costs, in words; null if it is free or nobody has said it."
    )
    category: str | None = computed(
        _category,
        Event.categories,
        steady=True,
        description="The first of its categories, in the reader's language.",
    )
    categories: list[str] = computed(
        _categories, Event.categories, steady=True, description="All its categories, in the reader's language."
    )
    organizer: str | None = column(Event.organizer, description="The organisation behind it.")
    venue: EventsVenue | None = part(
        EventsVenue,
        any_of=(Event.venue_name, Event.venue_address, Event.lat),
        name=Event.venue_name,
        address=Event.venue_address,
        position=POSITION,
        description="Where it takes place; null if nobody has said it, or it is online only.",
    )
    url: str | None = column(Event.url, description="The event's own page.")
    ics_url: str = computed(
        _ics_url, Occurrence.id, description="Path on this server of this date as an iCalendar file."
    )
    image: Image | None = computed(_image, Event.image, steady=True, description="A picture.")
    source: EventsSource = computed(
        _source,
        Occurrence.source,
        Occurrence.fetched_at,
        Event.fetched_at,
        description="Where the data comes from.",
    )

    distance: float | None = computed(
        _distance,
        Event.lat,
        Event.lon,
        given="near",
        description="Metres from the point given as `near`, as the crow flies.",
    )

    @strawberry.field(description="All dates of the event that are running or to come, this one included.")
    async def occurrences(
        self, first: Annotated[int, argument(description=f"How many at most, up to {DATES}.")] = 10
    ) -> list[EventsDate]:
        check_first(first, DATES)
        return [EventsDate.of(self.ctx, row) for row in await self.dates.of(self.row.parent, first)]


@strawberry.type(description="When an event takes place (again).")
class EventsDate:
    id: strawberry.ID = strawberry.field(description="Id of that date, for `event(id)`.")
    start: datetime = strawberry.field(description="When it begins.")
    end: datetime | None = strawberry.field(description="When it is over; null if nobody has said it.")
    all_day: bool = strawberry.field(description="Whether it lasts whole days.")
    status: EventsStatus = strawberry.field(description="Whether that date stands.")

    @classmethod
    def of(cls, ctx: Context[Any], row: Occurrence) -> EventsDate:
        return cls(
            id=strawberry.ID(row.id),
            start=ctx.localize(row.start),
            end=ctx.localize(row.end) if row.end else None,
            all_day=row.all_day,
            status=EventsStatus(row.status),
        )


@strawberry.type(description="An event that a search has found; its id is the eventId.")
class EventsHit(SearchHit):
    event: EventsEvent = strawberry.field(description="Its next date.")


@strawberry.type(description="The next date of an event, on the map.")
class EventsPin(MapFeature):
    event: EventsEvent = strawberry.field(description="All about that date.")


def shown(ctx: Context[Any], rows: Iterable[Occurrence], near: service.Near | None = None) -> list[EventsEvent]:
    """The rows as one answer, whose further dates are fetched together."""
    dates = Dates(ctx)
    return [EventsEvent.of(ctx, row, dates, near) for row in rows]


def pin(event: EventsEvent) -> EventsPin:
    here = _position(event.row)
    assert here is not None
    return EventsPin(id=event.id, title=event.title, position=here, module=event.module, event=event)


def _position(row: Occurrence) -> Position | None:
    event = row.event
    return None if event.lat is None or event.lon is None else Position(lat=event.lat, lon=event.lon)
