"""The module as apps see it: one EventsEvent per date, because that is what citizens go to."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from datetime import date, datetime
from typing import Annotated

import strawberry
from allmende import (
    PUBLIC,
    CityModule,
    InputError,
    Prepared,
    check_first,
    field,
    paged,
    row,
    rows,
)
from strawberry import argument

from . import service
from .event import EventsEvent

CAP = 100


@strawberry.input(description="A circle: only events in it are wanted, and each tells its distance.")
class EventsNear:
    lat: float = strawberry.field(description="Latitude of the centre, degrees north.")
    lon: float = strawberry.field(description="Longitude of the centre, degrees east.")
    metres: float = strawberry.field(default=5000, description="Radius, at most 100,000.")

    def checked(self) -> service.Near:
        if not -90 <= self.lat <= 90:
            raise InputError(f"near.lat: {self.lat} is not between -90 and 90")
        if not -180 <= self.lon <= 180:
            raise InputError(f"near.lon: {self.lon} is not between -180 and 180")
        if not 0 < self.metres <= 100_000:
            raise InputError(f"near.metres: {self.metres} is not between 0 and 100000")
        return service.Near(lat=self.lat, lon=self.lon, metres=self.metres)


@strawberry.type(description="A kind of event.")
class EventsCategory:
    name: str = strawberry.field(description="In the reader's language; lists are filtered by it.")
    count: int = strawberry.field(description="How many events of it have a date to come.")


First = Annotated[int, argument(description=f"How many at most, up to {CAP}.")]
Category = Annotated[str | None, argument(description="Only events of this category.")]
Free = Annotated[bool | None, argument(description="Only events with (or without) free admission, if that is known.")]
NearMe = Annotated[EventsNear | None, argument(description="Only events in this circle.")]
Text = Annotated[str | None, argument(description="Only events with these words.")]


@strawberry.type(description="What is on in the city.")
class Events(CityModule):
    @rows(EventsEvent, visible=PUBLIC, description="What is running or still to come, first things first.")
    def upcoming(
        self,
        first: First = 10,
        since: Annotated[
            datetime | None, argument(name="from", description="What has not ended by then; now, if not given.")
        ] = None,
        category: Category = None,
        free: Free = None,
        near: NearMe = None,
        text: Text = None,
    ) -> Prepared | Awaitable[Prepared]:
        check_first(first, CAP)
        moment = self.ctx.now if since is None else self.ctx.localize(since)
        wanted = _filter(category, free, near, text)
        return self._among(wanted, moment, functools.partial(service.upcoming, since=moment, first=first))

    @rows(
        EventsEvent,
        visible=PUBLIC,
        description="What takes place on a day of the city's calendar, also only in part.",
    )
    def on(
        self,
        date: Annotated[date, argument(description="The day.")],
        first: First = 50,
        category: Category = None,
        free: Free = None,
        near: NearMe = None,
        text: Text = None,
    ) -> Prepared | Awaitable[Prepared]:
        check_first(first, CAP)
        begin, end = service.span(self.ctx, date, date)
        wanted = _filter(category, free, near, text)
        return self._among(wanted, begin, functools.partial(service.on_days, begin=begin, end=end, first=first))

    @paged(
        EventsEvent,
        order=service.BY_START,
        cap=CAP,
        visible=PUBLIC,
        description="What takes place from one day to another, page by page.",
    )
    def between(
        self,
        since: Annotated[date, argument(name="from", description="The first day.")],
        to: Annotated[date, argument(description="The last day, included.")],
        first: First = 20,
        after: Annotated[str | None, argument(description="Go on behind this cursor.")] = None,
        category: Category = None,
        free: Free = None,
        near: NearMe = None,
        text: Text = None,
    ) -> Prepared | Awaitable[Prepared]:
        if to < since:
            raise InputError(f"to: {to} is before from ({since})")
        begin, end = service.span(self.ctx, since, to)
        wanted = _filter(category, free, near, text)
        return self._among(wanted, begin, functools.partial(service.overlapping, begin=begin, end=end))

    @row(
        EventsEvent,
        visible=PUBLIC,
        description="One date by its id, or the next date of an event by its eventId; null if gone.",
    )
    def event(self, id: Annotated[strawberry.ID, argument(description="`id` or `eventId`.")]) -> Prepared:
        return service.one(id=str(id), now=self.ctx.now)

    @field(visible=PUBLIC, description="The categories of what is to come, the commonest first.")
    async def categories(self) -> list[EventsCategory]:
        counts: dict[str, int] = {}
        for key, number in (await service.category_counts(self.ctx)).items():
            name = service.category_name(self.ctx, key)
            counts[name] = counts.get(name, 0) + number
        return [EventsCategory(name=name, count=number) for name, number in counts.items()]

    def _among(
        self, wanted: service.Filter, since: datetime, make: Callable[..., Prepared]
    ) -> Prepared | Awaitable[Prepared]:
        """The statement for what is wanted and has not ended by then: at once, where nothing has to be looked up."""
        begins = service.known_begin(self.ctx, since)
        if begins is not None and not wanted.text:
            return make(begins=begins, **service.plain_values(self.ctx, wanted)).sharing(near=wanted.near)

        async def asked() -> Prepared:
            begins = await service.begin(self.ctx, since)
            return make(begins=begins, **await service.values(self.ctx, wanted)).sharing(near=wanted.near)

        return asked()


def _filter(category: str | None, free: bool | None, near: EventsNear | None, text: str | None) -> service.Filter:
    return service.Filter(category=category, free=free, near=near.checked() if near else None, text=text)
