"""What apps can ask about warnings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from allmende import (
    PUBLIC,
    BBox,
    CityModule,
    Context,
    FeedItem,
    MapFeature,
    Position,
    SearchHit,
    check_first,
    field,
)

from . import service
from .config import WarningsConfig
from .tables import SEVERITIES, CityWarning
from .topics import words

First = Annotated[int, strawberry.argument(description="How many at most, up to 100.")]
Language = Annotated[
    str | None,
    strawberry.argument(
        description="Language of the texts, also one that the city does not offer itself (`tr`); the reader's if null."
    ),
]


@strawberry.enum(description="How bad it is (CAP 1.2).")
class WarningsSeverity(Enum):
    UNKNOWN = strawberry.enum_value("unknown", description="The sender does not say.")
    MINOR = strawberry.enum_value("minor", description="Minimal or no threat to life and property.")
    MODERATE = strawberry.enum_value("moderate", description="Possible threat to life and property.")
    SEVERE = strawberry.enum_value("severe", description="Significant threat to life and property.")
    EXTREME = strawberry.enum_value("extreme", description="Extraordinary threat to life and property.")


Least = Annotated[WarningsSeverity | None, strawberry.argument(description="Only those that are at least as bad.")]


@strawberry.enum(description="Whether there is still danger.")
class WarningsState(Enum):
    IN_FORCE = strawberry.enum_value("IN_FORCE", description="There is, or will be.")
    ALL_CLEAR = strawberry.enum_value("ALL_CLEAR", description="The warning has been lifted.")


@strawberry.type(description="The outline of an area, a closed ring.")
class WarningsOutline:
    points: list[Position] = strawberry.field(description="Its corners in order; at most 500.")


@strawberry.type(description="An official warning. All messages of its chain (alert, updates, all-clear) are this one.")
class WarningsWarning(FeedItem, SearchHit):
    state: WarningsState = strawberry.field(description="Whether there is still danger.")
    severity: WarningsSeverity = strawberry.field(description="How bad it is.")
    urgency: str = strawberry.field(description="CAP's urgency in small letters (`immediate`); may be empty.")
    certainty: str = strawberry.field(description="CAP's certainty in small letters (`likely`); may be empty.")
    categories: list[str] = strawberry.field(description="CAP's categories in small letters: `met`, `health`, `fire`.")
    event: str = strawberry.field(description="What is warned of, in a word; may be empty.")
    headline: str = strawberry.field(description="One line, as the sender has it, without `all-clear` before it.")
    description: str = strawberry.field(description="What happens, plain text with line breaks; may be empty.")
    instruction: str = strawberry.field(description="What to do, plain text with line breaks; may be empty.")
    language: str = strawberry.field(description="Language of these texts.")
    languages: list[str] = strawberry.field(description="All languages in which it is there.")
    sent: datetime = strawberry.field(description="When the latest message was sent.")
    first_sent: datetime = strawberry.field(description="When the first message was sent.")
    starts: datetime | None = strawberry.field(description="When it begins; null where that is not said.")
    expires: datetime | None = strawberry.field(description="When it ends by itself; null: when it is lifted.")
    sender: str = strawberry.field(description="Who warns.")
    web: str | None = strawberry.field(description="Where there is more.")
    contact: str = strawberry.field(description="Whom to ask, in the sender's words; may be empty.")
    areas: list[str] = strawberry.field(description="Names of the areas, at most 50.")
    outlines: list[WarningsOutline] = strawberry.field(description="The areas near the city, where they are drawn.")
    position: Position = strawberry.field(description="A point inside the area and the city.")


@strawberry.type(description="A warning on the city's map.")
class WarningsPin(MapFeature):
    warning: WarningsWarning = strawberry.field(description="The warning.")


def warning(row: CityWarning, ctx: Context[WarningsConfig], language: str | None = None) -> WarningsWarning:
    tag = (language or ctx.language).partition("-")[0].lower()
    texts = words(row.texts, tag, ctx.city.language)
    used = next(key for key, value in row.texts.items() if value is texts)
    headline = texts["headline"] or row.headline
    return WarningsWarning(
        id=strawberry.ID(row.id),
        title=ctx.text("over.title", headline=headline) if row.over else headline,
        date=ctx.localize(row.sent),
        module="warnings",
        state=WarningsState.ALL_CLEAR if row.over else WarningsState.IN_FORCE,
        severity=WarningsSeverity(SEVERITIES[row.severity]),
        urgency=row.urgency,
        certainty=row.certainty,
        categories=row.categories,
        event=texts["event"],
        headline=headline,
        description=texts["description"],
        instruction=texts["instruction"],
        language=used,
        languages=sorted(row.texts),
        sent=ctx.localize(row.sent),
        first_sent=ctx.localize(row.first_sent),
        starts=ctx.localize(row.starts) if row.starts else None,
        expires=ctx.localize(row.expires) if row.expires else None,
        sender=row.sender,
        web=row.web or None,
        contact=row.contact,
        areas=row.areas,
        outlines=[WarningsOutline(points=[Position(lat=lat, lon=lon) for lat, lon in ring]) for ring in row.polygons],
        position=Position(lat=row.lat, lon=row.lon),
    )


@strawberry.type(description="Official warnings for the city: weather, and other dangers.")
class Warnings(CityModule):
    @field(visible=PUBLIC, description="Those in force, the worst first. All-clears are not among them.")
    async def active(self, first: First = 20, least: Least = None, language: Language = None) -> list[WarningsWarning]:
        check_first(first)
        floor = least.name.lower() if least else "unknown"
        return [warning(row, self.ctx, language) for row in await service.active(self.ctx, first, floor)]

    @field(visible=PUBLIC, description="Those that have just been lifted, the latest first.")
    async def all_clear(self, first: First = 10, language: Language = None) -> list[WarningsWarning]:
        check_first(first)
        return [warning(row, self.ctx, language) for row in await service.all_clear(self.ctx, first)]

    @field(visible=PUBLIC, description="One warning; null if there is none (any more) with this id.")
    async def warning(
        self,
        id: Annotated[strawberry.ID, strawberry.argument(description="As other fields give it.")],
        language: Language = None,
    ) -> WarningsWarning | None:
        found = await service.by_ids(self.ctx, [str(id)])
        return warning(found[0], self.ctx, language) if found else None


async def load_feed(ctx: Context[WarningsConfig], before: datetime | None, first: int) -> Sequence[WarningsWarning]:
    """Warnings and all-clears in the city's feed."""
    return [warning(row, ctx) for row in await service.latest(ctx, before, first)]


async def load_hits(ctx: Context[WarningsConfig], ids: Sequence[str]) -> Sequence[WarningsWarning]:
    """The warnings among what a search of the city has found."""
    return [warning(row, ctx) for row in await service.by_ids(ctx, ids)]


async def map_features(ctx: Context[Any], box: BBox, first: int) -> Sequence[WarningsPin]:
    """Warnings in force, each at a point inside of its area."""
    return [
        WarningsPin(
            id=strawberry.ID(row.id),
            title=words(row.texts, ctx.language, ctx.city.language)["headline"] or row.headline,
            module="warnings",
            position=Position(lat=row.lat, lon=row.lon),
            warning=warning(row, ctx),
        )
        for row in await service.in_box(ctx, box, first)
    ]
