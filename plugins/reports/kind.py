"""What a report is in the city's register of cases: its states, and which part of it everybody sees."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allmende import CaseKind, CaseRule, CaseStatus, Context, LocalText
from msgspec import Struct

from .config import Field

Value = str | float | bool


class PublicPart(Struct, frozen=True, kw_only=True):
    """What everybody sees once the report is published: what has been looked at, and nothing of persons."""

    text: str = ""
    fields: dict[str, Value] = {}


class PrivatePart(Struct, frozen=True, kw_only=True):
    """What the town hall sees."""

    fields: dict[str, Value] = {}
    name: str = ""
    email: str = ""
    phone: str = ""
    media_url: str = ""
    """Address of a picture, as Open311 clients send it; fetched by a job of the register."""
    original: str = ""
    """The citizen's own words, where the published ones differ."""


OWN = {*PublicPart.__struct_fields__, *PrivatePart.__struct_fields__}
"""Names of fields that are never those of a category."""


def _rules(ctx: Context[Any]) -> Sequence[CaseRule]:
    rules: Sequence[CaseRule] = ctx.config.routing
    return rules


def value_text(ctx: Context[Any], field: Field, value: Value) -> str:
    """An answer as people read it."""
    if isinstance(value, bool):
        return ctx.text("yes" if value else "no")
    if isinstance(value, float | int):
        return f"{value:g}"
    named = next((choice.name for choice in field.choices if choice.id == value), value)
    return ctx.pick(named)


def _categories(ctx: Context[Any]) -> Mapping[str, LocalText]:
    return {category.id: category.name for category in ctx.config.categories}


def _wording(ctx: Context[Any], category: str, field: str, value: Value) -> tuple[str, str] | None:
    """An answer to one of the category's questions, as the city asks it."""
    found = None if field in OWN else ctx.config.category(category)
    asked = next((one for one in found.fields if one.id == field), None) if found else None
    return (ctx.pick(asked.label), value_text(ctx, asked, value)) if asked else None


DEFECT = CaseKind(
    name="defect",
    text="kind.defect",
    statuses=(
        CaseStatus(name="received", text="status.received", then=("in_progress", "done", "rejected", "elsewhere")),
        CaseStatus(
            name="in_progress",
            text="status.in_progress",
            then=("done", "rejected", "elsewhere", "received"),
        ),
        CaseStatus(name="done", text="status.done", then=("in_progress",), open=False),
        CaseStatus(name="rejected", text="status.rejected", then=("in_progress",), open=False, public=False),
        CaseStatus(name="elsewhere", text="status.elsewhere", then=("in_progress",), open=False),
        CaseStatus(name="withdrawn", text="status.withdrawn", open=False, public=False),
    ),
    public=PublicPart,
    private=PrivatePart,
    rules=_rules,
    categories=_categories,
    wording=_wording,
    withdrawn="withdrawn",
)
KIND = "reports.defect"
