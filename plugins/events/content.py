"""Events that the town hall enters itself; rules in plain terms are worked out anew each day, like those of feeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from allmende import DESK, ContentType, Context, Entry, FeedTable, Field, InputError, stable_id

from .config import EventsConfig
from .event import EventsEvent
from .importers.drafts import Draft, known_venue, occurrence, settled
from .repeat import REPEATS, moments, sentences
from .service import built_in, category_name, split_categories
from .tables import Event, Occurrence

STATUS = ("scheduled", "cancelled", "postponed")


def categories(ctx: Context[EventsConfig]) -> Mapping[str, str]:
    return {key: category_name(ctx, key) for key in sorted({*ctx.config.categories, *built_in(ctx)})}


def repeats(ctx: Context[EventsConfig]) -> Mapping[str, str]:
    return {value: ctx.text(f"content.repeat.{value or 'once'}") for value in REPEATS}


def status(ctx: Context[EventsConfig]) -> Mapping[str, str]:
    return {value: ctx.text(f"content.status.{value}") for value in STATUS}


def venues(ctx: Context[EventsConfig]) -> Mapping[str, str]:
    return {name: name for name in ctx.config.venues}


def write(entry: Entry, ctx: Context[EventsConfig]) -> list[FeedTable]:
    start, end = entry["start"], entry["end"]
    if start and end and end < start:
        raise InputError(ctx.text("content.event.ends_first"))
    found = moments(entry, ctx)
    if start is not None and not found:
        return []
    parent = stable_id(ctx.city.slug, DESK, Event, entry.key)
    until = max((moment.until for moment in found), default=entry.published_at)  # no date: while a feed's is corrected
    dates = [occurrence(moment, f"{entry.key} {moment.key}", parent) for moment in found]
    return [_event(entry, ctx, settled(until, ctx)), *dates]


def _event(entry: Entry, ctx: Context[EventsConfig], last: Any) -> Event:
    point, text = entry["position"], entry["text"]
    venue = known_venue(
        Draft(
            place="",
            key=entry.key,
            title="",
            moments=(),
            venue_name=entry["venue"],
            venue_address=entry["address"],
            lat=point.lat if point else None,
            lon=point.lon if point else None,
        ),
        ctx.config,
    )
    picture = next(iter(entry["image"]), None)
    return Event(
        key=entry.key,
        title=entry["title"],
        text=text.text,
        html=text.html or None,
        translations=_translations(entry) or None,
        language=ctx.city.language,
        categories="\n" + "\n".join(entry["categories"]) + "\n" if entry["categories"] else "",
        free=True if entry["free"] else None,
        price=entry["price"] or None,
        organizer=entry["organizer"] or None,
        url=entry["url"] or None,
        image={
            "url": picture.url,
            "alt": picture.alt,
            "credit": picture.credit or None,
            "focus_x": picture.x,
            "focus_y": picture.y,
        }
        if picture
        else None,
        venue_name=entry["venue"] or None,
        last=last,
        **venue,
    )


def _translations(entry: Entry) -> dict[str, dict[str, str]]:
    """What is written in further languages."""
    found = {}
    for language in entry.languages[1:]:
        texts = {"title": entry.get("title", language)}
        if language in entry.values["text"]:
            texts |= {"text": entry.get("text", language).text, "html": entry.get("text", language).html}
        found[language] = texts
    return found


def read(row: Event, ctx: Context[EventsConfig]) -> dict[str, Any]:
    image = row.image
    return {
        "title": row.title,
        "text": row.text,
        "categories": split_categories(row.categories),
        "venue": row.venue_name or "",
        "address": row.venue_address or "",
        "position": {} if row.lat is None or row.lon is None else {"lat": row.lat, "lon": row.lon},
        "organizer": row.organizer or "",
        "free": bool(row.free),
        "price": row.price or "",
        "url": row.url or "",
        "image": [
            {
                "url": image["url"],
                "alt": image.get("alt") or "",
                "credit": image.get("credit") or "",
                "x": image.get("focus_x", 0.5),
                "y": image.get("focus_y", 0.5),
            }
        ]
        if image
        else [],
    }


def preview(rows: Sequence[FeedTable], ctx: Context[EventsConfig]) -> EventsEvent:
    """Its next date, or the last one."""
    event = next(row for row in rows if isinstance(row, Event))
    dates = sorted((row for row in rows if isinstance(row, Occurrence)), key=lambda row: row.start)
    shown = next((row for row in dates if row.until > ctx.now), dates[-1])
    shown.event = event
    return EventsEvent(ctx=ctx, row=shown)


def read_parts(dates: Sequence[Occurrence], ctx: Context[EventsConfig]) -> dict[str, Any]:
    """Of an event that a feed gives one date; a series of a feed is no rule in plain terms."""
    if len(dates) != 1:
        return {}
    (date,) = dates
    start, end = ctx.localize(date.start), ctx.localize(date.end) if date.end else None
    if date.all_day and end:  # exclusive in the table; editors name the last day
        end = max(start, ctx.localize(end.replace(tzinfo=None) - timedelta(days=1)))
        end = None if end == start else end
    return {
        "start": start.isoformat(),
        "end": end.isoformat() if end else "",
        "all_day": date.all_day,
        "status": date.status,
    }


DATES = (Occurrence,)
EVENT = ContentType(
    name="event",
    tables=(Event, Occurrence),
    title="title",
    fields=(
        Field(name="title", kind="line", required=True, translated=True, columns=("title",)),
        Field(name="start", kind="datetime", required=True, columns=("last",), parts=DATES),
        Field(name="end", kind="datetime", columns=("last",), parts=DATES),
        Field(name="all_day", kind="boolean", columns=("last",), parts=DATES),
        Field(name="repeat", kind="choice", choices=repeats, columns=("last",), parts=DATES),
        Field(name="repeat_until", kind="date", columns=("last",), parts=DATES),
        Field(name="skip", kind="dates", columns=("last",), parts=DATES),
        Field(name="status", kind="choice", choices=status, parts=DATES),
        Field(name="text", kind="rich", translated=True, columns=("text", "html")),
        Field(name="categories", kind="tags", choices=categories, columns=("categories",)),
        Field(name="venue", kind="line", columns=("venue_name",)),
        Field(name="address", kind="line", columns=("venue_address",)),
        Field(name="position", kind="position", columns=("lat", "lon")),
        Field(name="organizer", kind="line", columns=("organizer",)),
        Field(name="free", kind="boolean", columns=("free",)),
        Field(name="price", kind="line", limit=200, columns=("price",)),
        Field(name="url", kind="link", columns=("url",)),
        Field(name="image", kind="images", columns=("image",)),
    ),
    write=write,
    read=read,
    read_parts=read_parts,
    preview=preview,
    explain=sentences,
    category="categories",
    renew=True,
)
