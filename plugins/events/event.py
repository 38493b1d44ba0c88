"""The GraphQL types of a single event, and how they are made of rows without asking per row."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import Enum
from typing import Annotated, Any

import strawberry
from allmende import Context, FeedItem, Image, MapFeature, Position, SearchHit, check_first, distance
from strawberry import Private, argument

from . import service
from .tables import Occurrence

DATES = 50


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


@strawberry.type(description="One date of an event, as citizens see it.")
class EventsEvent(FeedItem):
    ctx: Private[Context[Any]]
    row: Private[Occurrence]
    dates: Private[Dates]
    near: Private[service.Near | None]

    @classmethod
    def of(cls, ctx: Context[Any], row: Occurrence, dates: Dates, near: service.Near | None = None) -> EventsEvent:
        dates.parents.add(row.parent)
        return cls(
            id=strawberry.ID(row.id),
            title=row.event.title,
            date=ctx.localize(row.start),
            module=ctx.plugin,
            ctx=ctx,
            row=row,
            dates=dates,
            near=near,
        )

    @strawberry.field(description="The event that this is a date of; the same for all its dates.")
    def event_id(self) -> strawberry.ID:
        return strawberry.ID(self.row.parent)

    @strawberry.field(description="When it begins, with the city's UTC offset.")
    def start(self) -> datetime:
        return self.ctx.localize(self.row.start)

    @strawberry.field(description="When it is over (exclusive: midnight after the last day); null if unknown.")
    def end(self) -> datetime | None:
        return self.ctx.localize(self.row.end) if self.row.end else None

    @strawberry.field(description="The last day on which it takes place, at least in part.")
    def last_day(self) -> date:
        end = self.row.end or self.row.start
        return self.ctx.localize(max(self.row.start, end - timedelta(microseconds=1))).date()

    @strawberry.field(description="Whether it lasts whole days, so that no time of day is to be shown.")
    def all_day(self) -> bool:
        return self.row.all_day

    @strawberry.field(description="Whether this date stands.")
    def status(self) -> EventsStatus:
        return EventsStatus(self.row.status)

    @strawberry.field(description="Whether it does not take place.")
    def cancelled(self) -> bool:
        return self.row.status == "cancelled"

    @strawberry.field(description="Whether it takes place at another time than first announced.")
    def moved(self) -> bool:
        return self.row.status == "moved"

    @strawberry.field(description="When it was to begin before it was moved, where that is known.")
    def moved_from(self) -> datetime | None:
        return self.ctx.localize(self.row.moved_from) if self.row.moved_from else None

    @strawberry.field(description="What it is about, as plain text; empty if nothing is said.")
    def text(self) -> str:
        return self.row.event.text

    @strawberry.field(
        description="What it is about, as HTML that is safe to show; null where there is plain text only."
    )
    def html(self) -> str | None:
        return self.row.event.html

    @strawberry.field(description="Language of title and text (BCP 47).")
    def language(self) -> str:
        return self.row.event.language or self.ctx.city.language

    @strawberry.field(description="Whether admission is free; null if nobody has said it.")
    def free(self) -> bool | None:
        return self.row.event.free

    @strawberry.field(description="What it costs, in words; null if it is free or nobody has said it.")
    def price(self) -> str | None:
        return self.row.event.price

    @strawberry.field(description="The first of its categories, in the reader's language.")
    def category(self) -> str | None:
        return next((service.category_name(self.ctx, key) for key in self._categories()), None)

    @strawberry.field(description="All its categories, in the reader's language.")
    def categories(self) -> list[str]:
        return [service.category_name(self.ctx, key) for key in self._categories()]

    def _categories(self) -> list[str]:
        return service.split_categories(self.row.event.categories)

    @strawberry.field(description="The organisation behind it.")
    def organizer(self) -> str | None:
        return self.row.event.organizer

    @strawberry.field(description="Where it takes place; null if nobody has said it, or it is online only.")
    def venue(self) -> EventsVenue | None:
        event = self.row.event
        if not event.venue_name and not event.venue_address and event.lat is None:
            return None
        return EventsVenue(name=event.venue_name, address=event.venue_address, position=_position(self.row))

    @strawberry.field(description="Metres from the point given as `near`, as the crow flies.")
    def distance(self) -> float | None:
        here = _position(self.row)
        if self.near is None or here is None:
            return None
        return round(distance(self.near.lat, self.near.lon, here.lat, here.lon), 1)

    @strawberry.field(description="The event's own page.")
    def url(self) -> str | None:
        return self.row.event.url

    @strawberry.field(description="Path on this server of this date as an iCalendar file.")
    def ics_url(self) -> str:
        return f"/{self.ctx.city.slug}/{self.ctx.plugin}/{self.row.id}.ics"

    @strawberry.field(description="A picture.")
    def image(self) -> Image | None:
        image = self.row.event.image
        return Image(**image) if image else None

    @strawberry.field(description="Where the data comes from.")
    def source(self) -> EventsSource:
        source = next((source for source in self.ctx.config.sources if source.id == self.row.source), None)
        return EventsSource(
            title=(self.ctx.pick(source.title) if source else "") or self.row.source,
            licence=(source.licence if source else "") or None,
            attribution=(source.attribution if source else "") or None,
            fetched_at=self.ctx.localize(max(self.row.fetched_at, self.row.event.fetched_at)),
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
