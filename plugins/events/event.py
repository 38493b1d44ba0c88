"""The GraphQL types of a single event, and how they are made of rows without asking per row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    Prepared,
    SearchHit,
    check_first,
    children,
    column,
    computed,
    distance,
    part,
    parted,
    same,
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


@strawberry.type(description="When an event takes place (again).")
class EventsDate:
    ctx: Private[Context[Any]]
    row: Private[Occurrence]

    id: strawberry.ID = column(Occurrence.id, description="Id of that date, for `event(id)`.")
    start: datetime = column(Occurrence.start, description="When it begins.")
    end: datetime | None = column(Occurrence.end, description="When it is over; null if nobody has said it.")
    all_day: bool = column(Occurrence.all_day, description="Whether it lasts whole days.")
    status: EventsStatus = computed(_status, Occurrence.status, steady=True, description="Whether that date stands.")


def _dates(
    ctx: Context[Any],
    parents: Sequence[str],
    first: Annotated[int, argument(description=f"How many at most, up to {DATES}.")] = 10,
) -> Prepared:
    check_first(first, DATES)
    return service.siblings(now=ctx.now, parents=parents, first=first)


@strawberry.type(description="One date of an event, as citizens see it.")
class EventsEvent(FeedItem):
    ctx: Private[Context[Any]]
    row: Private[Occurrence]
    near: Private[service.Near | None] = None

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

    occurrences: list[EventsDate] = children(
        _dates,
        EventsDate,
        of=Occurrence.parent,
        by=Occurrence.parent,
        description="All dates of the event that are running or to come, this one included.",
    )


@strawberry.type(description="An event that a search has found; its id is the eventId.")
class EventsHit(SearchHit):
    ctx: Private[Context[Any]]
    row: Private[Occurrence]

    id: strawberry.ID = column(Occurrence.parent, description="Stable across imports, unique across cities.")
    title: str = translated(Event.title, Event.translations, "title", description="One line of plain text.")
    module: str = computed(_module, steady=True, description="Name of the module that it comes from.")
    event: EventsEvent = same(EventsEvent, description="Its next date.")


@strawberry.type(description="The next date of an event, on the map.")
class EventsPin(MapFeature):
    ctx: Private[Context[Any]]
    row: Private[Occurrence]

    id: strawberry.ID = column(Occurrence.id, description="Stable across imports, unique across cities.")
    title: str = translated(Event.title, Event.translations, "title", description="One line of plain text.")
    module: str = computed(_module, steady=True, description="Name of the module that it comes from.")
    position: Position = part(Position, lat=Event.lat, lon=Event.lon, description="Where it is.")
    event: EventsEvent = same(EventsEvent, description="All about that date.")
