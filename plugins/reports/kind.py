"""What a report is in the city's register of cases: its states, and which part of it everybody sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from allmende import CaseKind, CaseRule, CaseStatus, Context
from msgspec import Struct

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


def _rules(ctx: Context[Any]) -> Sequence[CaseRule]:
    rules: Sequence[CaseRule] = ctx.config.routing
    return rules


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
    withdrawn="withdrawn",
)
KIND = "reports.defect"
