"""Dates as iCalendar (RFC 5545, 7986), in UTC, so that no time zone needs to be described."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from allmende import Context
from icalendar import Calendar, vDuration, vText, vUri
from icalendar import Event as Component

from .service import category_name, split_categories
from .tables import Occurrence

REFRESH = timedelta(hours=6)
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
_STATUS = {"cancelled": "CANCELLED", "postponed": "TENTATIVE"}


def render(ctx: Context[Any], rows: Iterable[Occurrence], name: str) -> bytes:
    """A calendar with one VEVENT per date."""
    calendar = Calendar()
    calendar.add("prodid", "-//Allmende//events//" + ctx.language.upper())
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("name", vText(name))
    calendar.add("x-wr-calname", vText(name))
    calendar.add("x-wr-timezone", vText(ctx.city.timezone))
    calendar.add("refresh-interval", vDuration(REFRESH), parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", vDuration(REFRESH))
    for row in rows:
        calendar.add_component(_component(ctx, row))
    return bytes(calendar.to_ical())


def _component(ctx: Context[Any], row: Occurrence) -> Component:
    event, changed = row.event, max(row.fetched_at, row.event.fetched_at)
    component = Component()
    component.add("uid", f"{row.id}@{ctx.city.slug}.allmende")
    component.add("dtstamp", changed)
    component.add("last-modified", changed)
    component.add("sequence", max(0, int((changed - EPOCH).total_seconds()) // 60))
    component.add("status", _STATUS.get(row.status, "CONFIRMED"))
    component.add("summary", _summary(ctx, row))
    begin, end = ctx.localize(row.start), ctx.localize(row.end) if row.end else None
    component.add("dtstart", begin.date() if row.all_day else row.start)
    if end is not None:
        component.add("dtend", end.date() if row.all_day else row.end)
    if event.text:
        component.add("description", event.text)
    place = ", ".join(part for part in (event.venue_name, event.venue_address) if part)
    if place:
        component.add("location", place)
    if event.lat is not None and event.lon is not None:
        component.add("geo", (event.lat, event.lon))
    categories = [category_name(ctx, key) for key in split_categories(event.categories)]
    if categories:
        component.add("categories", categories)
    if event.url:
        component.add("url", vUri(event.url))
    return component


def _summary(ctx: Context[Any], row: Occurrence) -> str:
    """Many calendars do not show STATUS, so the title says it too."""
    title = row.event.title
    return f"{ctx.text(f'status.{row.status}')}: {title}" if row.status in _STATUS else title
