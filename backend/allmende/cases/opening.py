"""Opens a case: exactly one for each idempotency key, with a number, a department, a history and a receipt."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.casekind import CaseKind
from allmende.cases.codes import fingerprint, new_number, new_receipt
from allmende.cases.draft import Draft, check, searchable
from allmende.cases.history import lock, record
from allmende.cases.pictures import SHOWN
from allmende.cases.routing import ready, route
from allmende.cases.tables import Case, CaseFollower, new_id
from allmende.context import Context
from allmende.errors import AllmendeError, InputError, NotFound
from allmende.files import service as files
from allmende.once import keys as once
from allmende.usage import add

PER_HOUR = 30
"""Cases that one device or citizen may submit within an hour, and follow. Of those who give no token, so many may
follow one case."""
TRIES = 6


class Submitted(Struct, frozen=True):
    """The case and its receipt, which is nowhere else."""

    case: Case
    receipt: str
    repeated: bool = False
    """It is the answer to an earlier request with the same key; nothing has been done now."""


class _Kept(Struct):
    id: str
    receipt: str


async def submit(session: AsyncSession, ctx: Context[Any], kind: CaseKind, draft: Draft, *, key: str) -> Submitted:
    """Open a case of one of the plugin's kinds, in the caller's transaction.

    `key` is the client's idempotency key. Raises InputError for a draft that cannot be stored, IDEMPOTENCY_MISMATCH
    for a key that was used for another one, RATE_LIMITED for too many of one device or citizen.
    """
    check(kind, draft)
    name = f"{ctx.plugin}.{kind.name}"
    earlier = await once.earlier(session, ctx, "case.submit", key, [name, draft])
    if earlier is not None:
        kept = msgspec.json.decode(earlier, type=_Kept)
        return Submitted(await _get(session, ctx, kept.id), kept.receipt, repeated=True)
    await _check_rate(session, ctx)
    if draft.parent:
        await _get(session, ctx, draft.parent)
    receipt = new_receipt()
    await ready(kind.rules(ctx) if kind.rules else ())
    case = await _numbered(session, _case(ctx, name, kind, draft, receipt), draft)
    await files.claim(session, draft.files, SHOWN, f"case:{case.id}", public=draft.published)
    facts: dict[str, Any] = {"number": case.number, "kind": name, "status": case.status, "files": list(draft.files)}
    await record(session, ctx, case, "submitted", audience="public", facts=facts)
    if case.department:
        due = case.deadline.isoformat(timespec="seconds") if case.deadline else None
        facts = {"department": case.department, "deadline": due}
        await record(session, ctx, case, "assigned", facts=facts, by="system")
    await once.keep(session, "case.submit", key, msgspec.json.encode(_Kept(case.id, receipt)))
    counted = ((ctx.city.slug, "report", ctx.plugin), 1)
    await add(session, {ctx.city.slug: ctx.now.astimezone(ctx.city.tz).date()}, [counted])
    return Submitted(case, receipt)


async def follow(session: AsyncSession, ctx: Context[Any], case: Case, *, key: str) -> Submitted:
    """Say "me too" to a published case: a receipt of one's own, with which its public part is followed.

    A device or citizen counts once, and not for a case of its own. RATE_LIMITED for too many.
    """
    what, submitter = "case.follow", _submitter(ctx)
    earlier = await once.earlier(session, ctx, what, key, case.id)
    if earlier is not None:
        return Submitted(case, earlier.decode(), repeated=True)
    if not (case.published and case.shown):
        raise NotFound("there is no such case")
    await lock(session, case)
    there = select(func.count()).select_from(CaseFollower)
    recent = there.where(CaseFollower.created > ctx.clock() - timedelta(hours=1), CaseFollower.submitter == submitter)
    if (await session.scalar(recent if submitter else recent.where(CaseFollower.case_id == case.id)) or 0) >= PER_HOUR:
        raise AllmendeError(f"at most {PER_HOUR} an hour are possible; try again later", code="RATE_LIMITED")
    mine = there.where(CaseFollower.case_id == case.id, CaseFollower.submitter == submitter)
    known = bool(submitter) and (case.submitter == submitter or bool(await session.scalar(mine)))
    receipt = new_receipt()
    session.add(CaseFollower(case_id=case.id, receipt=fingerprint(receipt), submitter=submitter, created=ctx.clock()))
    if not known:
        case.followers += 1
        await record(session, ctx, case, "followed", facts={"followers": case.followers})
    await once.keep(session, what, key, receipt.encode())
    return Submitted(case, receipt)


def _submitter(ctx: Context[Any]) -> str:
    return ctx.reader.id if ctx.reader.is_signed_in else ""


def _case(ctx: Context[Any], name: str, kind: CaseKind, draft: Draft, receipt: str) -> Case:
    now, first = ctx.now, kind.first
    rules = kind.rules(ctx) if kind.rules else ()
    found = route(ctx.city, rules, category=draft.category, position=draft.position, at=now)
    return Case(
        city=ctx.city.slug,
        id=new_id(),
        number="",
        kind=name,
        status=first.name,
        open=first.open,
        shown=first.public,
        published=draft.published,
        title=draft.title.strip(),
        category=draft.category,
        lat=draft.lat,
        lon=draft.lon,
        address=draft.address.strip(),
        department=found.department,
        deadline=found.deadline,
        public=msgspec.to_builtins(draft.public),
        private=msgspec.to_builtins(draft.private),
        submitter=_submitter(ctx),
        language=draft.language or ctx.language,
        receipt=fingerprint(receipt),
        parent=draft.parent,
        created=now,
        updated=now,
        seq=0,
        head="",
        followers=0,
    )


async def _numbered(session: AsyncSession, case: Case, draft: Draft) -> Case:
    """The case in the database, with a number that no other has. Two that draw the same at once: one draws again."""
    values = {column.key: getattr(case, column.key) for column in Case.__mapper__.columns}
    for attempt in range(TRIES):
        number = new_number(case.city, case.created.year, 6 if attempt < 3 else 8)
        given = {k: v for k, v in values.items() if v is not None} | {
            "number": number,
            "words": searchable(number, draft),
        }
        tried = Case(**given)
        try:
            async with session.begin_nested():
                session.add(tried)
            return tried
        except IntegrityError:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable")


async def _get(session: AsyncSession, ctx: Context[Any], id_: str) -> Case:
    found = await session.get(Case, {"city": ctx.city.slug, "id": id_})
    if found is None:
        raise InputError("parent: there is no such case", code="NOT_FOUND")
    return found


async def _check_rate(session: AsyncSession, ctx: Context[Any]) -> None:
    if not (submitter := _submitter(ctx)):
        return
    recent = (
        select(func.count())
        .select_from(Case)
        .where(Case.submitter == submitter, Case.created > ctx.clock() - timedelta(hours=1))
    )
    if (await session.scalar(recent) or 0) >= PER_HOUR:
        raise AllmendeError(f"at most {PER_HOUR} an hour are possible; try again later", code="RATE_LIMITED")
