"""`calendar.ics`: the pickups of an address as a calendar to subscribe to (RFC 5545)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from allmende import Context, InputError, Reply
from icalendar import Alarm, Calendar, Event

from . import addresses, service
from .catalogue import effective
from .config import Fraction
from .tables import WastePickup

PAST = timedelta(days=60)
AHEAD = timedelta(days=730)


async def calendar(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    """All-day events; `street`, `house`, `district`, `fractions` (ids, with commas), `reminder` (hour of the eve)."""
    reminder = _hour(query.get("reminder", ""))
    known = effective(ctx.config)
    wanted = [part for part in query.get("fractions", "").split(",") if part]
    unknown = [part for part in wanted if part not in known]
    if unknown:
        raise InputError(f"fractions: {unknown[0]!r} is unknown; there are {', '.join(known)}")
    address = await addresses.resolve(
        ctx,
        street=query.get("street", "")[:300],
        house_number=query.get("house", "")[:20],
        street_id=query.get("streetId", "")[:64],
        district=query.get("district"),
    )
    rows = await service.find_pickups(
        districts=address.districts, start=ctx.today - PAST, end=ctx.today + AHEAD, fractions=wanted or None
    ).scalars(ctx, once=service.SAME)
    # Beside the event loop: the dates of two years take longer than others should wait.
    content = await asyncio.to_thread(_render, ctx, rows, address.label, known, reminder)
    return Reply(content=content, media_type="text/calendar", filename="abfall.ics", max_age=3600)


def _render(
    ctx: Context[Any], rows: Sequence[WastePickup], label: str, known: Mapping[str, Fraction], reminder: int | None
) -> bytes:
    document = Calendar()
    document.add("VERSION", "2.0")
    document.add("PRODID", "-//Allmende//Waste//EN")
    document.add("CALSCALE", "GREGORIAN")
    document.add("METHOD", "PUBLISH")
    document.add("X-WR-CALNAME", " ".join(part for part in (ctx.text("calendar.name"), ctx.city.name, label) if part))
    document.add("X-PUBLISHED-TTL", "P1D")
    for row in rows:
        document.add_component(_event(ctx, row, known.get(row.fraction) or Fraction(name=row.fraction), reminder))
    return bytes(document.to_ical())


def _event(ctx: Context[Any], row: WastePickup, fraction: Fraction, reminder: int | None) -> Event:
    name = " ".join(part for part in (fraction.icon, ctx.pick(fraction.name)) if part)
    event = Event()
    event.add("UID", f"{row.id}@waste.{ctx.city.slug}")
    event.add("DTSTAMP", row.fetched_at)
    event.add("DTSTART", row.date)
    event.add("DTEND", row.date + timedelta(days=1))
    event.add("SUMMARY", f"{name} ({row.note})" if row.note else name)
    event.add("TRANSP", "TRANSPARENT")
    event.add("CATEGORIES", [ctx.pick(fraction.name)])
    if row.shifted_from is not None:
        event.add("DESCRIPTION", ctx.text("calendar.shifted", date=f"{row.shifted_from:%d.%m.%Y}"))
    if reminder is not None:
        alarm = Alarm()
        alarm.add("ACTION", "DISPLAY")
        alarm.add("DESCRIPTION", name)
        alarm.add("TRIGGER", timedelta(hours=reminder - 24))
        event.add_component(alarm)
    return event


def _hour(text: str) -> int | None:
    """The hour of the evening before; InputError unless 0 to 23."""
    if not text:
        return None
    if not text.isdecimal() or not 0 <= int(text) <= 23:
        raise InputError(f"reminder: {text!r} is not an hour of the day before, 0 to 23")
    return int(text)
