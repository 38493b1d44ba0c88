"""What apps can ask about warnings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any

import strawberry
from allmende import (
    PUBLIC,
    CityModule,
    Context,
    FeedItem,
    MapFeature,
    Position,
    Prepared,
    SearchHit,
    check_first,
    column,
    computed,
    part,
    row,
    rows,
    same,
)
from strawberry import Private

from . import service
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


def _module(ctx: Context[Any]) -> str:
    return ctx.plugin


def _texts(ctx: Context[Any], asked: str | None, texts: Mapping[str, Any]) -> Mapping[str, str]:
    return words(texts, (asked or ctx.language).lower(), ctx.city.language)


def _language(ctx: Context[Any], asked: str | None, texts: Mapping[str, Any]) -> str:
    used = _texts(ctx, asked, texts)
    return next(key for key, value in texts.items() if value is used)


def _headline(ctx: Context[Any], asked: str | None, texts: Mapping[str, Any], headline: str) -> str:
    return _texts(ctx, asked, texts)["headline"] or headline


def _title(ctx: Context[Any], asked: str | None, texts: Mapping[str, Any], headline: str, over: bool) -> str:
    shown = _headline(ctx, asked, texts, headline)
    return ctx.text("over.title", headline=shown) if over else shown


def _in_words(name: str) -> Callable[..., str]:
    """What reads this one of the texts."""
    return lambda ctx, asked, texts: _texts(ctx, asked, texts)[name]


def _state(ctx: Context[Any], over: bool) -> WarningsState:
    return WarningsState.ALL_CLEAR if over else WarningsState.IN_FORCE


def _severity(ctx: Context[Any], severity: int) -> WarningsSeverity:
    return WarningsSeverity(SEVERITIES[severity])


def _names(ctx: Context[Any], names: Sequence[str]) -> list[str]:
    return list(names)


def _languages(ctx: Context[Any], texts: Mapping[str, Any]) -> list[str]:
    return sorted(texts)


def _web(ctx: Context[Any], web: str) -> str | None:
    return web or None


def _outlines(ctx: Context[Any], polygons: Sequence[Any]) -> list[WarningsOutline]:
    return [WarningsOutline(points=[Position(lat=lat, lon=lon) for lat, lon in ring]) for ring in polygons]


@strawberry.type(description="An official warning. All messages of its chain (alert, updates, all-clear) are this one.")
class WarningsWarning(FeedItem, SearchHit):
    ctx: Private[Context[Any]]
    row: Private[CityWarning]
    asked: Private[str | None] = None
    """The language that was asked for; the reader's if None."""

    id: strawberry.ID = column(CityWarning.id, description="Stable across imports, unique across cities.")
    title: str = computed(
        _title,
        CityWarning.texts,
        CityWarning.headline,
        CityWarning.over,
        given="asked",
        description="One line of plain text.",
    )
    date: datetime = column(CityWarning.sent, description="When it was published, or when it begins.")
    module: str = computed(_module, steady=True, description="Name of the module that it comes from.")
    state: WarningsState = computed(_state, CityWarning.over, steady=True, description="Whether there is still danger.")
    severity: WarningsSeverity = computed(_severity, CityWarning.severity, steady=True, description="How bad it is.")
    urgency: str = column(
        CityWarning.urgency, description="CAP's urgency in small letters (`immediate`); may be empty."
    )
    certainty: str = column(
        CityWarning.certainty, description="CAP's certainty in small letters (`likely`); may be empty."
    )
    categories: list[str] = computed(
        _names, CityWarning.categories, description="CAP's categories in small letters: `met`, `health`, `fire`."
    )
    event: str = computed(
        _in_words("event"),
        CityWarning.texts,
        given="asked",
        description="What is warned of, in a word; may be empty.",
    )
    headline: str = computed(
        _headline,
        CityWarning.texts,
        CityWarning.headline,
        given="asked",
        description="One line, as the sender has it, without `all-clear` before it.",
    )
    description: str = computed(
        _in_words("description"),
        CityWarning.texts,
        given="asked",
        description="What happens, plain text with line breaks; may be empty.",
    )
    instruction: str = computed(
        _in_words("instruction"),
        CityWarning.texts,
        given="asked",
        description="What to do, plain text with line breaks; may be empty.",
    )
    language: str = computed(_language, CityWarning.texts, given="asked", description="Language of these texts.")
    languages: list[str] = computed(_languages, CityWarning.texts, description="All languages in which it is there.")
    sent: datetime = column(CityWarning.sent, description="When the latest message was sent.")
    first_sent: datetime = column(CityWarning.first_sent, description="When the first message was sent.")
    starts: datetime | None = column(CityWarning.starts, description="When it begins; null where that is not said.")
    expires: datetime | None = column(
        CityWarning.expires, description="When it ends by itself; null: when it is lifted."
    )
    sender: str = column(CityWarning.sender, description="Who warns.")
    web: str | None = computed(_web, CityWarning.web, description="Where there is more.")
    contact: str = column(CityWarning.contact, description="Whom to ask, in the sender's words; may be empty.")
    areas: list[str] = computed(_names, CityWarning.areas, description="Names of the areas, at most 50.")
    outlines: list[WarningsOutline] = computed(
        _outlines, CityWarning.polygons, description="The areas near the city, where they are drawn."
    )
    position: Position = part(
        Position, lat=CityWarning.lat, lon=CityWarning.lon, description="A point inside the area and the city."
    )


@strawberry.type(description="A warning on the city's map.")
class WarningsPin(MapFeature):
    ctx: Private[Context[Any]]
    row: Private[CityWarning]
    asked: Private[str | None] = None

    id: strawberry.ID = column(CityWarning.id, description="Stable across imports, unique across cities.")
    title: str = computed(
        _headline, CityWarning.texts, CityWarning.headline, given="asked", description="One line of plain text."
    )
    position: Position = part(Position, lat=CityWarning.lat, lon=CityWarning.lon, description="Where it is.")
    module: str = computed(_module, steady=True, description="Name of the module that it comes from.")
    warning: WarningsWarning = same(WarningsWarning, description="The warning.")


@strawberry.type(description="Official warnings for the city: weather, and other dangers.")
class Warnings(CityModule):
    @rows(
        WarningsWarning,
        visible=PUBLIC,
        description="Those in force, the worst first. All-clears are not among them.",
    )
    def active(self, first: First = 20, least: Least = None, language: Language = None) -> Prepared:
        check_first(first)
        return service.active(self.ctx, first, least.name.lower() if least else "unknown").sharing(asked=language)

    @rows(WarningsWarning, visible=PUBLIC, description="Those that have just been lifted, the latest first.")
    def all_clear(self, first: First = 10, language: Language = None) -> Prepared:
        check_first(first)
        return service.all_clear(self.ctx, first).sharing(asked=language)

    @row(WarningsWarning, visible=PUBLIC, description="One warning; null if there is none (any more) with this id.")
    def warning(
        self,
        id: Annotated[strawberry.ID, strawberry.argument(description="As other fields give it.")],
        language: Language = None,
    ) -> Prepared:
        return service.by_ids(self.ctx, [str(id)]).sharing(asked=language)
