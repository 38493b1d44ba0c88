"""The GraphQL types of reports and of what can be reported, and how they are made of cases and of the city's file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry
from allmende import Context, Image, MapFeature, Position, cases, column, computed, distance, together
from strawberry import Private

from . import service
from .config import Category, Field
from .kind import DEFECT, value_text
from .wording import picture_address, status_text

OTHER = Category(id="other", name="", icon="📍")


@strawberry.type(name="ReportsChoice", description="One of the values of a field.")
class ReportsChoice:
    id: strawberry.ID = strawberry.field(description="What is sent.")
    name: str = strawberry.field(description="What the citizen reads.")


@strawberry.type(name="ReportsField", description="Something that a category asks.")
class ReportsField:
    id: strawberry.ID = strawberry.field(description="What is sent.")
    category_id: strawberry.ID = strawberry.field(description="Which category asks it.")
    label: str = strawberry.field(description="The question.")
    hint: str = strawberry.field(description="What helps to answer it; may be empty.")
    kind: str = strawberry.field(description="`text`, `number`, `choice` or `boolean`.")
    required: bool = strawberry.field(description="Whether the report needs an answer.")
    public: bool = strawberry.field(description="Whether everybody sees the answer once the report is published.")
    choices: list[ReportsChoice] = strawberry.field(description="The values, where the kind is `choice`.")


@strawberry.type(name="ReportsCategory", description="A kind of thing that can be reported in this city.")
class ReportsCategory:
    id: strawberry.ID = strawberry.field(description="What is sent.")
    name: str = strawberry.field(description="In the reader's language.")
    description: str = strawberry.field(description="What belongs to it; may be empty.")
    group: str = strawberry.field(description="Heading under which it stands; may be empty.")
    icon: str = strawberry.field(description="One emoji or character.")
    colour: str = strawberry.field(description="#rrggbb.")


@strawberry.type(name="ReportsStatus", description="A state that a report can be in.")
class ReportsStatus:
    id: str = strawberry.field(description="Stable name of the state.")
    text: str = strawberry.field(description="In the reader's language.")
    open: bool = strawberry.field(description="Whether there is still something to do.")


@strawberry.type(name="ReportsAnswer", description="What a report says to one of its category's fields.")
class ReportsAnswer:
    label: str = strawberry.field(description="What was asked.")
    value: str = strawberry.field(description="What was answered, in words.")


@strawberry.type(name="ReportsUpdate", description="Something that has happened to a report.")
class ReportsUpdate:
    at: datetime = strawberry.field(description="When.")
    status: ReportsStatus | None = strawberry.field(description="The state that it came into; null where it did not.")
    text: str = strawberry.field(description="What the town hall says about it; may be empty.")
    photos: list[Image] = strawberry.field(description="Pictures that came with it.")


def _module(ctx: Context[Any]) -> str:
    return ctx.plugin


def _kind(ctx: Context[Any], id: str) -> Category:
    found: Category | None = ctx.config.category(id)
    return found or OTHER


def _title(ctx: Context[Any], category: str, title: str) -> str:
    return ctx.pick(_kind(ctx, category).name) or title


def _position(ctx: Context[Any], lat: float | None, lon: float | None) -> Position:
    return Position(lat=lat or 0, lon=lon or 0)


def _category(ctx: Context[Any], id: str) -> str:
    return ctx.pick(_kind(ctx, id).name) or ctx.text("category.other")


def _icon(ctx: Context[Any], id: str) -> str:
    return _kind(ctx, id).icon


def _colour(ctx: Context[Any], id: str) -> str:
    return _kind(ctx, id).colour


def make_status(ctx: Context[Any], name: str) -> ReportsStatus:
    known = DEFECT.status(name)
    return ReportsStatus(id=name, text=status_text(ctx, name), open=known.open if known else False)


def _text(ctx: Context[Any], public: Mapping[str, Any]) -> str:
    return service.public_part(public).text


def _answers(ctx: Context[Any], category: str, public: Mapping[str, Any]) -> list[ReportsAnswer]:
    asked = {one.id: one for one in _kind(ctx, category).fields}
    given = service.public_part(public).fields
    return [
        ReportsAnswer(label=ctx.pick(asked[id].label), value=value_text(ctx, asked[id], value))
        for id, value in given.items()
        if id in asked
    ]


def _expected(ctx: Context[Any], deadline: datetime | None) -> datetime | None:
    return ctx.localize(deadline) if ctx.config.show_deadline and deadline else None


def _distance(
    ctx: Context[Any], point: tuple[float, float] | None, lat: float | None, lon: float | None
) -> float | None:
    return None if point is None else round(distance(*point, lat or 0, lon or 0), 1)


@strawberry.type(name="ReportsReport", description="A report that everybody may see.")
class ReportsReport(MapFeature):
    ctx: Private[Context[Any]]
    row: Private[cases.Case]
    point: Private[tuple[float, float] | None] = None
    """From where `distance` is measured."""

    id: strawberry.ID = column(cases.Case.id, description="Stable across imports, unique across cities.")
    title: str = computed(_title, cases.Case.category, cases.Case.title, description="One line of plain text.")
    module: str = computed(_module, steady=True, description="Name of the module that it comes from.")
    position: Position = computed(_position, cases.Case.lat, cases.Case.lon, description="Where it is.")
    number: str = column(cases.Case.number, description="What people say on the telephone.")
    category: str = computed(
        _category, cases.Case.category, steady=True, description="Name of its category, in the reader's language."
    )
    category_id: strawberry.ID = column(cases.Case.category, description="Id of its category.")
    icon: str = computed(
        _icon, cases.Case.category, steady=True, description="Icon of its category: one emoji or character."
    )
    colour: str = computed(_colour, cases.Case.category, steady=True, description="Colour of its category, #rrggbb.")
    status: ReportsStatus = computed(make_status, cases.Case.status, steady=True, description="How far it is.")
    text: str = computed(_text, cases.Case.public, description="What is wrong, as plain text; the published words.")
    answers: list[ReportsAnswer] = computed(
        _answers, cases.Case.category, cases.Case.public, description="Answers to the category's public fields."
    )
    address: str = column(cases.Case.address, description="Where, in words; may be empty.")
    created_at: datetime = column(cases.Case.created, description="When it came in.")
    updated_at: datetime = column(cases.Case.updated, description="When something last happened to it.")
    expected_at: datetime | None = computed(
        _expected,
        cases.Case.deadline,
        description="Until when it is to be done; null where the city does not say so.",
    )
    followers: int = column(cases.Case.followers, description="How many others have said me too.")
    distance: float | None = computed(
        _distance,
        cases.Case.lat,
        cases.Case.lon,
        given="point",
        description="Metres from where was asked; null otherwise.",
    )

    @strawberry.field(description="Its pictures.")
    async def photos(self) -> list[Image]:
        pictures = await together(self, service.pictures)
        return [make_image(self.ctx, picture) for picture in pictures[self.row.id]]


def make_category(ctx: Context[Any], one: Category) -> ReportsCategory:
    return ReportsCategory(
        id=strawberry.ID(one.id),
        name=ctx.pick(one.name) or ctx.text("category.other"),
        description=ctx.pick(one.description),
        group=ctx.pick(one.group),
        icon=one.icon,
        colour=one.colour,
    )


def make_field(ctx: Context[Any], category: Category, asked: Field) -> ReportsField:
    return ReportsField(
        id=strawberry.ID(asked.id),
        category_id=strawberry.ID(category.id),
        label=ctx.pick(asked.label),
        hint=ctx.pick(asked.hint),
        kind=asked.kind,
        required=asked.required,
        public=asked.public,
        choices=[ReportsChoice(id=strawberry.ID(one.id), name=ctx.pick(one.name)) for one in asked.choices],
    )


def make_image(ctx: Context[Any], picture: cases.Picture) -> Image:
    return Image(url=picture_address(ctx.city, picture), alt=picture.alt or ctx.text("photo"))
