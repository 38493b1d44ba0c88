"""Finds a case, and says who may see what of it. Whoever may not see it learns not even that it is there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from msgspec import Struct
from sqlalchemy import ColumnElement, Select, false, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.cases.codes import fingerprint, read_number, same
from allmende.cases.history import Audience
from allmende.cases.tables import Case, CaseFollower, submitted_by
from allmende.cases.work import main
from allmende.context import Context
from allmende.errors import NotFound
from allmende.reader import Reader

READ, WORK = "cases.read", "cases.work"
"""Permissions of the core: to see all cases of a city, and to work on them."""


class Seen(Struct, frozen=True):
    """A case as one reader may see it."""

    case: Case
    as_: Literal["staff", "submitter", "public"]

    @property
    def audiences(self) -> Sequence[Audience]:
        """The events that may be seen."""
        return {"staff": ("public", "citizen", "staff"), "submitter": ("public", "citizen"), "public": ("public",)}[  # type: ignore[return-value]
            self.as_
        ]


async def find(session: AsyncSession, *, id: str = "", number: str = "") -> Case | None:
    """The case with this id or number, whoever asks; of two with one number, the city's own."""
    statement = select(Case).where(Case.id == id if id else Case.number == read_number(number))
    return (await session.scalars(statement.order_by(Case.origin).limit(1))).first()


async def track(session: AsyncSession, ctx: Context[Any], *, number: str = "", receipt: str = "", id: str = "") -> Seen:
    """The case as whoever asks may see it: by a receipt, as the one who submitted it, as staff, or as everybody.

    NotFound for all others, for a wrong receipt just as for a number that is nobody's.
    """
    key = Case.id == id if id else Case.number == read_number(number)
    cases = (await session.scalars(select(Case).where(key).order_by(Case.origin).limit(10))).all()
    given = fingerprint(receipt)
    held = [case for case in cases if same(case.receipt, given)]
    if held:
        return Seen(held[0], "submitter")
    if receipt:
        followed = select(CaseFollower.case_id).where(CaseFollower.receipt == (given or "-"))
        ids = set(await session.scalars(followed.limit(10)))
        for case in cases:
            if case.id in ids and (goes_on := await main(session, case)).published:
                return Seen(goes_on, "public")
        raise NotFound("there is no case with this number and receipt")
    for case in cases:
        if (as_ := seen_as(case, ctx.reader)) is not None:
            return Seen(case, as_)
    raise NotFound("there is no case with this number and receipt")


def seen_as(case: Case, reader: Reader) -> Literal["staff", "submitter", "public"] | None:
    """How this reader sees the case without a receipt; None where not at all."""
    plugin = case.kind.partition(".")[0]
    if reader.kind in ("staff", "service") and (reader.may(READ, plugin) or reader.may(WORK, plugin)):
        return "staff"
    if reader.is_signed_in and case.submitter == reader.id:
        return "submitter"
    return "public" if case.published and case.shown else None


def readable(reader: Reader) -> ColumnElement[bool] | None:
    """The condition under which staff see a case: all, or those of some plugins; None where they see none."""
    if reader.kind not in ("staff", "service"):
        return None
    if reader.may(READ) or reader.may(WORK):
        return true()
    granted = [name.partition(":") for name in sorted(reader.permissions)]
    plugins = {plugin for name, _, plugin in granted if name in (READ, WORK) and plugin}
    return (
        or_(*(Case.kind.startswith(f"{plugin}.", autoescape=True) for plugin in sorted(plugins))) if plugins else None
    )


def of(reader_id: str) -> Select[Case]:
    """The cases that a device or citizen has submitted or follows, newest first; none for an empty id."""
    if not reader_id:
        return select(Case).where(false())
    followed = select(CaseFollower.case_id).where(CaseFollower.submitter == reader_id)
    mine = or_(submitted_by(reader_id), Case.id.in_(followed))
    return select(Case).where(mine).order_by(Case.created.desc(), Case.id)


async def take_over(session: AsyncSession, owner: str, from_: str) -> int:
    """What the account `from_` has submitted or follows is `owner`'s from now on; how many cases that were."""
    moved = 0
    for table in (Case, CaseFollower):
        theirs = update(table).where(table.submitter == from_).values(submitter=owner).returning(table.submitter)
        moved += len((await session.execute(theirs, execution_options={"synchronize_session": False})).all())
    return moved
