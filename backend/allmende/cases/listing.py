"""Lists of cases: for the town hall's inbox, the map, who is about to submit the same again, and in figures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import Select, false, func, select
from sqlalchemy import case as when
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from allmende.cases.tables import Case
from allmende.city.geo import around, distance
from allmende.city.model import BBox
from allmende.search.fold import query

Order = tuple[tuple[InstrumentedAttribute[Any], Literal["asc", "desc"]], ...]
LATEST: Order = ((Case.created, "desc"), (Case.id, "asc"))
"""Newest first. For `paginate(order=…)`, as the next ones."""
URGENT: Order = ((Case.deadline, "asc"), (Case.created, "asc"), (Case.id, "asc"))
"""What is due next first, what has no deadline last."""
MOVED: Order = ((Case.updated, "desc"), (Case.id, "asc"))
"""What was changed last first."""
NEAR = 400
"""Cases that are looked at for neighbours, at most."""


class Inbox(Struct, frozen=True, kw_only=True):
    """What of the register is wanted; what is None or empty does not matter."""

    kinds: tuple[str, ...] = ()
    """`<plugin>.<kind>`."""
    departments: tuple[str, ...] = ()
    """An empty name stands for those that nobody is responsible for yet."""
    statuses: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    assignee: str | None = None
    open: bool | None = None
    published: bool | None = None
    waiting: str | None = None
    """`staff` for those that the town hall has to answer."""
    due_before: datetime | None = None
    since: datetime | None = None
    until: datetime | None = None
    """Submitted from, and before."""
    box: BBox | None = None
    text: str = ""
    """Words that all occur, the last may be a beginning: in numbers, titles, fields, messages, notes."""
    merged: bool = False
    """Whether duplicates that were merged into another case are wanted, too."""


def inbox(wanted: Inbox) -> Select[Case]:
    """The cases, without an order: give it to `paginate` with LATEST, URGENT or MOVED."""
    statement = select(Case)
    for column, values in (
        (Case.kind, wanted.kinds),
        (Case.department, wanted.departments),
        (Case.status, wanted.statuses),
        (Case.category, wanted.categories),
    ):
        if values:
            statement = statement.where(column.in_(values))
    for flag, value in (
        (Case.assignee, wanted.assignee),
        (Case.open, wanted.open),
        (Case.published, wanted.published),
        (Case.waiting, wanted.waiting),
    ):
        if value is not None:
            statement = statement.where(flag == value)
    if wanted.due_before is not None:
        statement = statement.where(Case.deadline < wanted.due_before)
    if wanted.since is not None:
        statement = statement.where(Case.created >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(Case.created < wanted.until)
    if wanted.box is not None:
        statement = _within(statement, wanted.box)
    if not wanted.merged:
        statement = statement.where(Case.merged_into == "")
    asked = query(wanted.text)
    if wanted.text.strip() and not asked:
        return statement.where(false())
    for word, _ in asked:
        statement = statement.where(Case.words.contains(f" {word}"))
    return statement


def public(*, kinds: Sequence[str] = (), categories: Sequence[str] = (), open: bool | None = None) -> Select[Case]:
    """The published cases whose status is a public one, without an order."""
    statement = select(Case).where(Case.published, Case.shown, Case.merged_into == "")
    if kinds:
        statement = statement.where(Case.kind.in_(kinds))
    if categories:
        statement = statement.where(Case.category.in_(categories))
    return statement if open is None else statement.where(Case.open == open)


async def on_map(session: AsyncSession, box: BBox, first: int, **wanted: Any) -> Sequence[Case]:
    """At most `first` published cases inside the box, newest first; `wanted` as for `public`. One statement."""
    statement = _within(public(**wanted), box).order_by(Case.created.desc(), Case.id).limit(first)
    return (await session.scalars(statement)).all()


async def nearby(
    session: AsyncSession, lat: float, lon: float, metres: float, first: int = 10, **wanted: Any
) -> list[tuple[float, Case]]:
    """(metres, case): published open cases around a place, nearest first, which may be what is to be submitted now."""
    box = around(lat, lon, metres)
    statement = _within(public(**{"open": True, **wanted}), box).order_by(Case.created.desc(), Case.id).limit(NEAR)
    found = [(distance(lat, lon, case.lat or 0, case.lon or 0), case) for case in await session.scalars(statement)]
    return sorted((pair for pair in found if pair[0] <= metres), key=lambda pair: (pair[0], pair[1].id))[:first]


class Count(Struct, frozen=True, kw_only=True):
    """How many cases there are of one sort."""

    department: str
    category: str
    status: str
    open: bool
    cases: int
    overdue: int
    hours: float | None
    """From submission to the end, on average; None where none is closed."""


async def statistics(
    session: AsyncSession, now: datetime, since: datetime | None = None, *, kinds: Sequence[str] = ()
) -> list[Count]:
    """The cases that were submitted since then, counted by department, category and status. One statement."""
    late = when((Case.open & (Case.deadline < now), 1), else_=0)
    seconds = _seconds(session)
    groups = (Case.department, Case.category, Case.status, Case.open)
    statement = select(*groups, func.count(), func.sum(late), func.avg(seconds)).group_by(*groups).order_by(*groups)
    if since is not None:
        statement = statement.where(Case.created >= since)
    if kinds:
        statement = statement.where(Case.kind.in_(kinds))
    return [
        Count(
            department=department, category=category, status=status, open=open_, cases=count, overdue=int(overdue or 0),
            hours=None if average is None else float(average) / 3600,
        )
        for department, category, status, open_, count, overdue, average in await session.execute(statement)
    ]  # fmt: skip


def _seconds(session: AsyncSession) -> Any:
    if session.get_bind().dialect.name == "postgresql":
        return func.extract("epoch", Case.closed - Case.created)
    return (func.julianday(Case.closed) - func.julianday(Case.created)) * 86_400


def _within(statement: Select[Case], box: BBox) -> Select[Case]:
    return statement.where(Case.lat.between(box.south, box.north), Case.lon.between(box.west, box.east))
