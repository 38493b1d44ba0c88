"""The GraphQL types of reports and of what can be reported, and how they are made of cases and of the city's file."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry
from allmende import Context, Image, MapFeature, Position, cases

from . import service
from .config import Category, Field
from .kind import DEFECT, Value, value_text
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


@strawberry.type(name="ReportsReport", description="A report that everybody may see.")
class ReportsReport(MapFeature):
    number: str = strawberry.field(description="What people say on the telephone.")
    category: str = strawberry.field(description="Name of its category, in the reader's language.")
    category_id: strawberry.ID = strawberry.field(description="Id of its category.")
    icon: str = strawberry.field(description="Icon of its category: one emoji or character.")
    colour: str = strawberry.field(description="Colour of its category, #rrggbb.")
    status: ReportsStatus = strawberry.field(description="How far it is.")
    text: str = strawberry.field(description="What is wrong, as plain text; the published words.")
    answers: list[ReportsAnswer] = strawberry.field(description="Answers to the category's public fields.")
    address: str = strawberry.field(description="Where, in words; may be empty.")
    created_at: datetime = strawberry.field(description="When it came in.")
    updated_at: datetime = strawberry.field(description="When something last happened to it.")
    expected_at: datetime | None = strawberry.field(
        description="Until when it is to be done; null where the city does not say so."
    )
    followers: int = strawberry.field(description="How many others have said me too.")
    photos: list[Image] = strawberry.field(description="Its pictures.")
    distance: float | None = strawberry.field(description="Metres from where was asked; null otherwise.")


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


def make_status(ctx: Context[Any], name: str) -> ReportsStatus:
    known = DEFECT.status(name)
    return ReportsStatus(id=name, text=status_text(ctx, name), open=known.open if known else False)


def make_report(ctx: Context[Any], seen: service.Seen) -> ReportsReport:
    case, public = seen.case, seen.public
    category = ctx.config.category(case.category) or OTHER
    asked = {one.id: one for one in category.fields}
    return ReportsReport(
        id=strawberry.ID(case.id),
        title=ctx.pick(category.name) or case.title,
        module="reports",
        position=Position(lat=case.lat or 0, lon=case.lon or 0),
        number=case.number,
        category=ctx.pick(category.name) or ctx.text("category.other"),
        category_id=strawberry.ID(case.category),
        icon=category.icon,
        colour=category.colour,
        status=make_status(ctx, case.status),
        text=public.text,
        answers=[_answer(ctx, asked[id], value) for id, value in public.fields.items() if id in asked],
        address=case.address,
        created_at=ctx.localize(case.created),
        updated_at=ctx.localize(case.updated),
        expected_at=ctx.localize(case.deadline) if ctx.config.show_deadline and case.deadline else None,
        followers=case.followers,
        photos=[make_image(ctx, picture) for picture in seen.pictures],
        distance=None if seen.metres is None else round(seen.metres, 1),
    )


def _answer(ctx: Context[Any], asked: Field, value: Value) -> ReportsAnswer:
    return ReportsAnswer(label=ctx.pick(asked.label), value=value_text(ctx, asked, value))


def make_image(ctx: Context[Any], picture: cases.Picture) -> Image:
    return Image(url=picture_address(ctx.city, picture), alt=picture.alt or ctx.text("photo"))
