"""The types of a case. What somebody may not see is null or missing; who sees what is decided in `cases.access`."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Any

import strawberry
from strawberry.scalars import JSON

from allmende import cases
from allmende.casekind import CaseKind
from allmende.cases.pictures import Picture
from allmende.context import Context
from allmende.errors import InputError
from allmende.graphql.inputs import BBoxInput
from allmende.graphql.types import Connection, Position


@strawberry.type(description="A picture that belongs to a case.")
class CasePicture:
    id: strawberry.ID = strawberry.field(description="Key of the upload.")
    path: str = strawberry.field(description="Below this server; works for an hour where not everybody may see it.")
    alt: str = strawberry.field(description="What it shows, for screen readers; may be empty.")
    public: bool = strawberry.field(description="Whether everybody may see it.")


@strawberry.type(description="One thing that happened to a case.")
class CaseEvent:
    at: datetime = strawberry.field(description="When.")
    what: str = strawberry.field(
        description="`submitted`, `status`, `message`, `note`, `assigned`, `published`, `revised`, `linked`, `merged`,"
        " `followed`, `handed_over`, `received`, `erased`, `attached`; further ones may come."
    )
    by: str = strawberry.field(description="`citizen`, `staff`, `service` or `system`.")
    text: str | None = strawberry.field(description="What was written; null where nothing was, or it was erased.")
    status: str | None = strawberry.field(description="The new status, where that has changed.")
    status_name: str | None = strawberry.field(description="The same, as readers call it.")
    asks: bool = strawberry.field(description="Whether the town hall waits for an answer to this message.")
    pictures: list[CasePicture] = strawberry.field(description="Those that came with it; at most eight.")


@strawberry.type(description="A case in a list.")
class CaseItem:
    row: strawberry.Private[cases.Case]
    ctx: strawberry.Private[Context[Any]]
    declared: strawberry.Private[CaseKind | None]
    seen_as: strawberry.Private[str]

    @strawberry.field(description="Its key.")
    def id(self) -> strawberry.ID:
        return strawberry.ID(self.row.id)

    @strawberry.field(description="What one says on the telephone.")
    def number(self) -> str:
        return self.row.number

    @strawberry.field(description="`<module>.<kind>`.")
    def kind(self) -> str:
        return self.row.kind

    @strawberry.field(description="The kind, as readers call it.")
    def kind_name(self) -> str:
        return cases.kind_text(self.ctx, self.declared, self.row.kind)

    @strawberry.field(description="One line.")
    def title(self) -> str:
        return self.row.title

    @strawberry.field(description="Its category; empty for none.")
    def category(self) -> str:
        return self.row.category

    @strawberry.field(description="Key of the state that it is in.")
    def status(self) -> str:
        return self.row.status

    @strawberry.field(description="The state, as readers call it.")
    def status_name(self) -> str:
        return cases.status_text(self.ctx, self.declared, self.row.status)

    @strawberry.field(description="Whether there is something left to do.")
    def open(self) -> bool:
        return self.row.open

    @strawberry.field(description="Whether everybody sees its public part.")
    def published(self) -> bool:
        return self.row.published and self.row.shown

    @strawberry.field(description="Where it is; null where that plays no part.")
    def position(self) -> Position | None:
        row = self.row
        return None if row.lat is None or row.lon is None else Position(lat=row.lat, lon=row.lon)

    @strawberry.field(description="Street and number; may be empty.")
    def address(self) -> str:
        return self.row.address

    @strawberry.field(description="When it was submitted.")
    def created(self) -> datetime:
        return self.ctx.localize(self.row.created)

    @strawberry.field(description="When something last happened.")
    def updated(self) -> datetime:
        return self.ctx.localize(self.row.updated)

    @strawberry.field(description="When it was closed; null while it is open.")
    def closed(self) -> datetime | None:
        return self.ctx.localize(self.row.closed) if self.row.closed else None

    @strawberry.field(description="How many besides the submitter have said the same.")
    def followers(self) -> int:
        return self.row.followers

    @strawberry.field(description="`citizen` where the submitter was asked something; `staff`; empty for nobody.")
    def waiting(self) -> str | None:
        return None if self.seen_as == "public" else self.row.waiting

    @strawberry.field(description="Who works on it now, if not this city: the slug of another one, or a name.")
    def handed_to(self) -> str | None:
        return self.row.handed_to or None

    @strawberry.field(description="The department; for staff.")
    def department(self) -> str | None:
        return self.row.department if self.seen_as == "staff" else None

    @strawberry.field(description="Account of the member of staff who has it, empty for nobody; for staff.")
    def assignee(self) -> str | None:
        return self.row.assignee if self.seen_as == "staff" else None

    @strawberry.field(description="Until when it should be done; for staff.")
    def deadline(self) -> datetime | None:
        due = self.row.deadline
        return self.ctx.localize(due) if due and self.seen_as == "staff" else None


@strawberry.type(description="A case that another one has to do with.")
class CaseRelated:
    number: str = strawberry.field(description="What one says on the telephone.")
    title: str = strawberry.field(description="One line.")
    open: bool = strawberry.field(description="Whether there is something left to do.")
    relation: str = strawberry.field(
        description="What it is to the case: `part`, `whole`, `duplicate` (merged into it), `main` (into which it was "
        "merged) or `linked`."
    )


@strawberry.type(description="A case, as the reader may see it.")
class Case(CaseItem):
    related: list[CaseRelated] = strawberry.field(
        description="Cases that it has to do with, at most 200; for staff, empty for everybody else."
    )
    events: list[CaseEvent] = strawberry.field(description="What has happened, oldest first, the last 200.")
    pictures: list[CasePicture] = strawberry.field(description="All pictures that the reader may see, at most 100.")
    merged_into: str | None = strawberry.field(description="Number of the case that says the same and goes on.")

    @strawberry.field(description="The kind's fields that everybody may see.")
    def fields(self) -> JSON:
        return self.row.public  # type: ignore[return-value]

    @strawberry.field(description="The kind's other fields, for its submitter and staff; null for everybody else.")
    def private_fields(self) -> JSON | None:
        return None if self.seen_as == "public" else self.row.private  # type: ignore[return-value]


CaseItemConnection = Connection[CaseItem]


@strawberry.enum(description="The order of the inbox.")
class CaseOrder(Enum):
    LATEST = strawberry.enum_value("latest", description="Newest first.")
    URGENT = strawberry.enum_value("urgent", description="What is due next first; what has no deadline last.")
    MOVED = strawberry.enum_value("moved", description="What has changed last first.")


@strawberry.input(description="What of the inbox is wanted; what is left out does not matter.")
class CaseFilter:
    kinds: list[str] = strawberry.field(default_factory=list, description="Any of these kinds.")
    departments: list[str] = strawberry.field(
        default_factory=list, description="Any of these; an empty name for those that nobody is responsible for."
    )
    statuses: list[str] = strawberry.field(default_factory=list, description="Any of these states.")
    categories: list[str] = strawberry.field(default_factory=list, description="Any of these categories.")
    assignee: str | None = strawberry.field(default=None, description="Account; empty for nobody's.")
    open: bool | None = strawberry.field(default=None, description="Whether something is left to do.")
    waiting: str | None = strawberry.field(default=None, description="`staff` for those that wait for the town hall.")
    due_before: datetime | None = strawberry.field(default=None, description="Due before then.")
    bbox: BBoxInput | None = strawberry.field(default=None, description="Inside this box.")
    text: str = strawberry.field(default="", description="Words that all occur; the last may be a beginning.")

    def checked(self) -> cases.Inbox:
        for name in ("kinds", "departments", "statuses", "categories"):
            if len(getattr(self, name)) > 50:
                raise InputError(f"filter.{name}: at most 50")
        return cases.Inbox(
            kinds=tuple(self.kinds),
            departments=tuple(self.departments),
            statuses=tuple(self.statuses),
            categories=tuple(self.categories),
            assignee=self.assignee,
            open=self.open,
            waiting=self.waiting,
            due_before=self.due_before,
            box=self.bbox.checked("filter.bbox") if self.bbox else None,
            text=self.text,
        )


def shown_picture(picture: Picture) -> CasePicture:
    return CasePicture(id=strawberry.ID(picture.id), path=picture.path, alt=picture.alt, public=picture.public)
