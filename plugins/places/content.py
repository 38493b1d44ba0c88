"""Places that the town hall enters itself, and how it corrects those from feeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allmende import ContentType, Context, Entry, FeedTable, Field, InputError

from . import hours
from .config import PlacesConfig
from .importers.categories import OTHER, all_texts
from .place import PlacesPlace, day_line
from .tables import PlacesPlace as Row
from .tables import unit_vector

WHEELCHAIR = ("yes", "limited", "no", "unknown")


def categories(ctx: Context[PlacesConfig]) -> Mapping[str, str]:
    named = {category.id: f"{category.icon} {ctx.pick(category.name)}" for category in ctx.config.categories}
    return {**named, OTHER: ctx.text("category.other")}


def wheelchair(ctx: Context[PlacesConfig]) -> Mapping[str, str]:
    return {value: ctx.text(f"content.wheelchair.{value}") for value in WHEELCHAIR}


def write(entry: Entry, ctx: Context[PlacesConfig]) -> list[FeedTable]:
    if hours.problem_of(entry["opening_hours"]):
        raise InputError(ctx.text("content.place.bad_hours"))
    category = next((one for one in ctx.config.categories if one.id == entry["category"]), None)
    point = entry["position"]
    lat, lon = (point.lat, point.lon) if point else (0.0, 0.0)  # no position: only while a feed's row is corrected
    x, y, z = unit_vector(lat, lon)
    picture = next(iter(entry["image"]), None)
    return [
        Row(
            key=entry.key,
            name=entry["name"],
            category=entry["category"] or OTHER,
            words=" ".join(all_texts(category.name)) if category else "",
            text=entry["text"],
            address=entry["address"],
            lat=lat,
            lon=lon,
            x=x,
            y=y,
            z=z,
            opening_hours=entry["opening_hours"],
            phone=entry["phone"],
            website=entry["website"],
            wheelchair=entry["wheelchair"] or "unknown",
            tags={},
            facts=[],
            image={"url": picture.url, "alt": picture.alt, "credit": picture.credit, "x": picture.x, "y": picture.y}
            if picture
            else {},
            language=ctx.city.language,
            translations={
                language: {"name": entry.get("name", language), "text": entry.values["text"].get(language, "")}
                for language in entry.languages[1:]
            }
            or None,
        )
    ]


def read(row: Row, ctx: Context[PlacesConfig]) -> dict[str, Any]:
    image = row.image
    focus = {"x": image.get("x", 0.5), "y": image.get("y", 0.5)}
    return {
        "name": row.name,
        "category": row.category,
        "text": row.text,
        "address": row.address,
        "position": {"lat": row.lat, "lon": row.lon},
        "opening_hours": row.opening_hours,
        "phone": row.phone,
        "website": row.website,
        "wheelchair": row.wheelchair,
        "image": [{name: image[name] for name in ("url", "alt", "credit")} | focus] if image else [],
    }


def preview(rows: Sequence[FeedTable], ctx: Context[PlacesConfig]) -> PlacesPlace:
    return PlacesPlace(ctx=ctx, row=next(row for row in rows if isinstance(row, Row)))


def explain(entry: Entry, ctx: Context[PlacesConfig]) -> list[str]:
    """The opening hours in words, so that a slip is seen."""
    return [day_line(ctx, day) for day in hours.week(entry["opening_hours"], ctx.city, ctx.now)]


PLACE = ContentType(
    name="place",
    tables=(Row,),
    title="name",
    fields=(
        Field(name="name", kind="line", required=True, translated=True, columns=("name",)),
        Field(name="category", kind="choice", required=True, choices=categories, columns=("category", "words")),
        Field(name="text", kind="text", translated=True, columns=("text",)),
        Field(name="address", kind="line", columns=("address",)),
        Field(name="position", kind="position", required=True, columns=("lat", "lon", "x", "y", "z")),
        Field(name="opening_hours", kind="line", limit=500, columns=("opening_hours",)),
        Field(name="phone", kind="line", limit=100, columns=("phone",)),
        Field(name="website", kind="link", columns=("website",)),
        Field(name="wheelchair", kind="choice", choices=wheelchair, columns=("wheelchair",)),
        Field(name="image", kind="images", columns=("image",)),
    ),
    write=write,
    read=read,
    preview=preview,
    explain=explain,
    category="category",
)
