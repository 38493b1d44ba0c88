"""Hands a case over: to a body outside, or to another city of the instance, which goes on with its number and receipt.

A city's session sees no other city, so the hand-over is a row written with its event (an outbox), and `deliver` carries
it across: into the other city first, then the row goes. Whoever dies in between leaves it to the next one, who finds
that the case is there already.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.casekind import CaseKind
from allmende.cases.draft import check_line, check_text
from allmende.cases.history import SYSTEM, lock, record
from allmende.cases.pictures import owner, show
from allmende.cases.routing import route
from allmende.cases.tables import Case, CaseEvent, CaseFetch, CaseFollower, CaseText, CaseTransfer
from allmende.cases.telling import tell_submitters
from allmende.context import Context
from allmende.db.table import CityTable
from allmende.errors import AllmendeError, InputError
from allmende.files.store import Store
from allmende.files.tables import FileUpload
from allmende.files.upload import copy

log = structlog.get_logger(__name__)
Receiver = Callable[[str, str], tuple[Context[Any], CaseKind | None] | None]
"""(slug, kind of case) → what the city that receives it works with; None where there is no such city."""
OWN = {
    "city",
    "origin",
    "department",
    "assignee",
    "deadline",
    "submitter",
    "once",
    "handed_to",
    "parent",
    "merged_into",
}
"""Columns of a case that do not travel: they mean something in their own city only."""


async def hand_over(
    session: AsyncSession, ctx: Context[Any], case: Case, *, city: str = "", body: str = "", text: str = ""
) -> None:
    """Give the case to another city of this instance, or to a body outside (`body` is its name); it is closed here.

    `text` is a word to its submitter. For a city, call `deliver` when the transaction is committed; if nobody does, the
    chore will. InputError for a case that is not open, or for the city itself.
    """
    if bool(city) == bool(body) or city == ctx.city.slug:
        raise InputError("to: needs another city or a body outside")
    check_line("body", body, 200, empty=True)
    check_text("text", text, empty=True)
    await lock(session, case)
    if not case.open:
        raise InputError("the case is closed", code="CASE_CLOSED")
    case.handed_to, case.open, case.closed, case.waiting = city or body, False, ctx.clock(), ""
    facts = {"to": city or body, "outside": bool(body)}
    event = await record(session, ctx, case, "handed_over", audience="citizen", facts=facts, text=text)
    await tell_submitters(session, ctx, case, event)
    if city:
        session.add(CaseTransfer(case_id=case.id, to_city=city, created=ctx.clock()))


async def deliver(ctx: Context[Any], receive: Receiver, store: Store) -> int:
    """Carry what this city has handed over to where it belongs; how many arrived. What fails is tried by the next."""
    async with ctx.session() as session:
        waiting = (await session.scalars(select(CaseTransfer).order_by(CaseTransfer.created).limit(100))).all()
    arrived = 0
    for transfer in waiting:
        try:
            await _carry(ctx, transfer, receive, store)
            arrived += 1
        except Exception as error:  # the store, a city that is gone for now: the next run tries again
            reason = error.message if isinstance(error, AllmendeError) else type(error).__name__
            log.warning("case_not_delivered", city=ctx.city.slug, to=transfer.to_city, reason=reason)
            async with ctx.transaction() as session:
                tried = {"attempts": CaseTransfer.attempts + 1, "reason": reason[:500]}
                await session.execute(
                    update(CaseTransfer).where(CaseTransfer.case_id == transfer.case_id).values(**tried),
                    execution_options={"synchronize_session": False},
                )
    return arrived


async def _carry(ctx: Context[Any], transfer: CaseTransfer, receive: Receiver, store: Store) -> None:
    async with ctx.session() as session:
        case = await session.get_one(Case, {"city": ctx.city.slug, "id": transfer.case_id})
        events = await _rows(session, CaseEvent, case)
        texts = await _rows(session, CaseText, case)
        followers = await _rows(session, CaseFollower, case)
        fetches = await _rows(session, CaseFetch, case)
        wanted = select(FileUpload).where(FileUpload.owner == owner(case), FileUpload.ready)
        pictures = [_values(row) for row in await session.scalars(wanted)]
    found = receive(transfer.to_city, case.kind)
    if found is None:
        raise InputError(f"there is no city {transfer.to_city!r} here any more")
    there, kind = found
    await copy(store, ctx.city.slug, there.city.slug, [row["id"] for row in pictures])
    async with there.transaction() as session:
        await _arrive(session, there, kind, case, events, texts, followers, pictures)
        for row in fetches:
            await session.merge(CaseFetch(**row, city=there.city.slug))
    async with ctx.transaction() as session:
        for table in (CaseTransfer, CaseFetch):
            await session.execute(delete(table).where(table.case_id == case.id))


async def _arrive(
    session: AsyncSession,
    there: Context[Any],
    kind: CaseKind | None,
    case: Case,
    events: list[dict[str, Any]],
    texts: list[dict[str, Any]],
    followers: list[dict[str, Any]],
    pictures: list[dict[str, Any]],
) -> None:
    """The case in the city that receives it: new, or as it went away from here once, with what has happened since."""
    values = {name: value for name, value in _values(case).items() if name not in OWN}
    mine = await session.get(Case, {"city": there.city.slug, "id": case.id}, with_for_update=True)
    if mine is None:
        mine = Case(**values, origin=case.origin or case.city)
        session.add(mine)
        known = 0
    elif mine.handed_to and mine.seq < case.seq:
        known = mine.seq
        for name, value in values.items():
            setattr(mine, name, value)
    else:
        return  # an earlier run has carried it, and died before it could say so
    mine.open, mine.closed, mine.waiting, mine.handed_to = True, None, "staff", ""
    position = None if mine.lat is None or mine.lon is None else (mine.lat, mine.lon)
    rules = kind.rules(there) if kind and kind.rules and there.city.config(there.plugin) is not None else ()
    found = route(there.city, rules, category=mine.category, position=position, at=there.now)
    mine.department, mine.deadline = found.department, found.deadline
    for table, rows in ((CaseEvent, events), (CaseText, texts)):
        session.add_all(table(**row) for row in rows if row["seq"] > known)
    for row in followers:
        if await session.get(CaseFollower, {"city": there.city.slug, "case_id": case.id, "id": row["id"]}) is None:
            session.add(CaseFollower(**{**row, "submitter": ""}))
    for row in pictures:
        if await session.get(FileUpload, {"city": there.city.slug, "id": row["id"]}) is None:
            session.add(FileUpload(**row))
    await session.flush()
    facts = {"from": case.city, "department": mine.department}
    await record(session, there, mine, "received", audience="citizen", facts=facts, by=SYSTEM)
    await show(session, mine)


async def _rows(session: AsyncSession, table: Any, case: Case) -> list[dict[str, Any]]:
    return [_values(row) for row in await session.scalars(select(table).where(table.case_id == case.id))]


def _values(row: CityTable) -> dict[str, Any]:
    """What a row holds, but for its city."""
    return {column.key: getattr(row, column.key) for column in row.__mapper__.columns if column.key != "city"}
