"""A place as apps see it: on its own, in lists, on the map and among the hits of a search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import strawberry
from allmende import (
    DESK,
    Context,
    Image,
    LocalText,
    MapFeature,
    Position,
    SearchHit,
    column,
    computed,
    distance,
    part,
    translated,
)
from strawberry import Private

from . import hours
from .config import Category, PlacesConfig
from .tables import PlacesPlace as Row

OTHER = Category(id="other", name="")


@strawberry.type(name="PlacesFact", description="One line about a place: what it says, and of what.")
class PlacesFact:
    label: str = strawberry.field(description="What it is about, in the reader's language.")
    value: str = strawberry.field(description="What it says.")


@strawberry.type(name="PlacesSource", description="Where the data on a place comes from.")
class PlacesSource:
    title: str = strawberry.field(description="Who publishes it.")
    licence: str | None = strawberry.field(description="Under which licence.")
    attribution: str | None = strawberry.field(description="What must be shown beside it.")
    fetched_at: datetime = strawberry.field(description="When the source last said something new about this place.")


def _module(ctx: Context[Any]) -> str:
    return ctx.plugin


def _category_name(ctx: Context[Any], id: str) -> str:
    return category_name(ctx, _category(ctx, id))


def _icon(ctx: Context[Any], id: str) -> str:
    return _category(ctx, id).icon


def _colour(ctx: Context[Any], id: str) -> str:
    return _category(ctx, id).colour


def _given(ctx: Context[Any], text: str) -> str | None:
    return text or None


def _language(ctx: Context[Any], language: str, translations: Mapping[str, Any] | None) -> str:
    return ctx.language if (translations or {}).get(ctx.language) else language


def _state(ctx: Context[Any], text: str) -> hours.Now:
    state, until = hours.lasting(text, ctx.city, ctx.clock())
    ctx.holds_until(until)
    return state


def _open(ctx: Context[Any], text: str) -> bool | None:
    return _state(ctx, text).open


def _opens_at(ctx: Context[Any], text: str) -> datetime | None:
    return _state(ctx, text).opens_at


def _closes_at(ctx: Context[Any], text: str) -> datetime | None:
    return _state(ctx, text).closes_at


def _distance(ctx: Context[Any], point: tuple[float, float] | None, lat: float, lon: float) -> float | None:
    return None if point is None else round(distance(*point, lat, lon), 1)


def _week(ctx: Context[Any], text: str) -> list[str]:
    return [day_line(ctx, day) for day in hours.week(text, ctx.city, ctx.now)]


def _accessibility(ctx: Context[Any], tags: Mapping[str, str]) -> list[PlacesFact]:
    return [_tag(ctx, tag, value) for tag, value in sorted(tags.items())]


def _facts(ctx: Context[Any], facts: Sequence[Mapping[str, Any]]) -> list[PlacesFact]:
    return [PlacesFact(label=ctx.pick(fact["label"]), value=ctx.pick(fact["value"])) for fact in facts]


def _image(ctx: Context[Any], found: Mapping[str, Any]) -> Image | None:
    if not found:
        return None
    focus = {"focus_x": found.get("x"), "focus_y": found.get("y")}
    return Image(url=ctx.address(found["url"]), alt=found["alt"], credit=found["credit"] or None, **focus)


def _source(ctx: Context[Any], id: str, fetched_at: datetime) -> PlacesSource | None:
    config: PlacesConfig = ctx.config
    if id == DESK:
        title = ctx.city.official_name or ctx.city.name
        return PlacesSource(title=title, licence=None, attribution=None, fetched_at=ctx.localize(fetched_at))
    source = next((source for source in config.sources if source.id == id), None)
    if source is None:
        return None
    return PlacesSource(
        title=ctx.pick(source.title) or source.id,
        licence=source.licence or None,
        attribution=source.attribution or None,
        fetched_at=ctx.localize(fetched_at),
    )


@strawberry.type(name="PlacesPlace", description="A place that citizens look for: playground, office, container.")
class PlacesPlace(SearchHit, MapFeature):
    ctx: Private[Context[Any]]
    row: Private[Row]
    point: Private[tuple[float, float] | None] = None
    """From where `distance` is measured."""

    id: strawberry.ID = column(Row.id, description="Stable across imports, unique across cities.")
    title: str = translated(Row.name, Row.translations, "name", description="One line of plain text.")
    module: str = computed(_module, steady=True, description="Name of the module that it comes from.")
    position: Position = part(Position, lat=Row.lat, lon=Row.lon, description="Where it is.")
    name: str = translated(Row.name, Row.translations, "name", description="Its name.")
    category: str = computed(
        _category_name, Row.category, steady=True, description="Name of its category, in the reader's language."
    )
    category_id: strawberry.ID = column(Row.category, description="Id of its category.")
    icon: str = computed(_icon, Row.category, steady=True, description="Icon of its category: one emoji or character.")
    colour: str = computed(_colour, Row.category, steady=True, description="Colour of its category, #rrggbb.")
    text: str | None = translated(
        Row.text, Row.translations, "text", description="What there is to say about it, as plain text.", optional=True
    )
    address: str | None = computed(_given, Row.address, description="Street and number, or where else to find it.")
    open: bool | None = computed(
        _open, Row.opening_hours, description="Whether it is open now; null where that is not known."
    )
    opens_at: datetime | None = computed(
        _opens_at,
        Row.opening_hours,
        description="When it opens next; null while it is open, and where that is not known.",
    )
    closes_at: datetime | None = computed(
        _closes_at,
        Row.opening_hours,
        description="Until when it is open; null while it is closed, and where it never closes.",
    )
    opening_hours: str | None = computed(
        _given,
        Row.opening_hours,
        description="Opening hours as the source gives them, usually in OpenStreetMap's syntax.",
    )
    opening_hours_text: list[str] = computed(
        _week,
        Row.opening_hours,
        description="A line for each of the next seven days, today first; empty where not known.",
    )
    wheelchair: str = column(
        Row.wheelchair, description="Whether it can be used with a wheelchair: yes, limited, no, or unknown."
    )
    accessibility: list[PlacesFact] = computed(
        _accessibility, Row.tags, description="What else helps or hinders people with disabilities."
    )
    facts: list[PlacesFact] = computed(_facts, Row.facts, description="What else the source knows about it.")
    phone: str | None = computed(_given, Row.phone, description="Telephone number.")
    website: str | None = computed(_given, Row.website, description="Address of its web page.")
    image: Image | None = computed(_image, Row.image, steady=True, description="A picture of it.")
    language: str = computed(_language, Row.language, Row.translations, description="Language of its texts, BCP 47.")
    source: PlacesSource | None = computed(
        _source,
        Row.source,
        Row.fetched_at,
        description="Where this comes from; null where the city no longer has the source.",
    )
    distance: float | None = computed(
        _distance,
        Row.lat,
        Row.lon,
        given="point",
        description="Metres from the point that was asked for; null where no point was given.",
    )


def _category(ctx: Context[Any], id: str) -> Category:
    known: tuple[Category, ...] = ctx.config.categories
    return next((category for category in known if category.id == id), OTHER)


def category_name(ctx: Context[Any], category: Category) -> str:
    name: LocalText = category.name
    return ctx.pick(name) or ctx.text("category.other")


def day_line(ctx: Context[Any], day: hours.Day) -> str:
    """`Montag: 08:00–12:00, 14:00–18:00 Uhr`."""
    midnight, spans, note = day
    name = ctx.text(f"weekday.{midnight.weekday() + 1}")
    if note is not None:
        return ctx.text("hours.note", day=name, note=note or ctx.text("hours.unknown"))
    if not spans:
        return ctx.text("hours.closed", day=name)
    if any(start == midnight and (end - start).total_seconds() >= 23 * 3600 for start, end in spans):
        return ctx.text("hours.all_day", day=name)
    times = ", ".join(f"{start:%H:%M}–{_end(end)}" for start, end in spans)
    return ctx.text("hours.day", day=name, times=times)


def _end(end: datetime) -> str:
    text = f"{end:%H:%M}"
    return "24:00" if text == "00:00" else text


def _tag(ctx: Context[Any], tag: str, value: str) -> PlacesFact:
    """An OSM tag in words; a value or a tag without a text is shown as it is."""
    label, worded = ctx.text(f"accessibility.{tag}"), ctx.text(f"value.{value.lower()}")
    return PlacesFact(
        label=label if label != f"accessibility.{tag}" else tag,
        value=worded if worded != f"value.{value.lower()}" else value,
    )
