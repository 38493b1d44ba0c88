"""Opens a case: exactly one for each idempotency key, with a number, a department, a history and a receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, timedelta
from typing import Any

from msgspec import Struct
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import make_transient_to_detached

from allmende.casekind import CaseKind, CaseRule
from allmende.cases.claim import Claim, make_claim
from allmende.cases.codes import fingerprint, new_number, new_receipt, same
from allmende.cases.draft import Draft, Parts, check, searchable
from allmende.cases.history import actor_of, lock, moment, opening_hash, record
from allmende.cases.pictures import SHOWN
from allmende.cases.routing import route, rules_of
from allmende.cases.tables import Case, CaseFollower, new_id, submitted_by
from allmende.context import Context
from allmende.db.prepared import Key, Room, prepared, taken
from allmende.db.rows import New, new_row, new_values
from allmende.db.table import CityTable
from allmende.db.upsert import insert_new
from allmende.errors import AllmendeError, InputError, NotFound
from allmende.files import service as files
from allmende.once import keys as once
from allmende.once.keys import MISMATCH

HOUR = timedelta(hours=1)
PER_HOUR = 30
"""Cases that one device or citizen may submit within an hour, and follow. Of those who give no token, so many may
follow one case."""
MANY_ANONYMOUS = "too many without a token at the moment; register the device"
TRIES = 6
_ONCE = (Key(Case, ("once",)), Key(Case, ("number", "origin")))
"""It was sent before, or its number is another one's."""


class Submitted(Struct, frozen=True):
    """The case and its receipt, which is nowhere else."""

    case: Case
    receipt: str
    repeated: bool = False
    """It is the answer to an earlier request with the same key; nothing has been done now."""


async def submit(
    session: AsyncSession,
    ctx: Context[Any],
    kind: CaseKind,
    draft: Draft,
    *,
    key: str,
    anonymous_per_hour: int | None = None,
) -> Submitted:
    """Open a case of one of the plugin's kinds, in the caller's transaction.

    `key` is the client's idempotency key. Raises InputError for a draft that cannot be stored, IDEMPOTENCY_MISMATCH
    for a key that was used for another one, RATE_LIMITED for too many of one device or citizen, or of this kind from
    all who give no token together.
    """
    parts, name = check(kind, draft), f"{ctx.plugin}.{kind.name}"
    claim = make_claim(key, [name, draft])
    if (earlier := await _sent_before(session, claim)) is not None:
        return earlier
    room = _room(ctx, name, anonymous_per_hour)
    if room and await taken(session, room) >= room.most:
        many = f"at most {PER_HOUR} an hour are possible; try again later"
        raise AllmendeError(many if _submitter(ctx) else MANY_ANONYMOUS, code="RATE_LIMITED")
    if draft.parent:
        await _get(session, ctx, draft.parent)
    rules = await rules_of(kind, ctx)
    for attempt in range(TRIES):
        receipt, values = _opened(ctx, name, kind, rules, draft, parts, claim, 6 if attempt < 3 else 8)
        case = new_row(Case, **values)
        if await insert_new(session, case):
            break
        if (earlier := await _sent_before(session, claim)) is not None:  # at the same time as this one
            return earlier
    else:  # each time another one had its number
        raise RuntimeError("no number is free")
    make_transient_to_detached(case)
    session.add(case)
    await files.claim(session, draft.files, SHOWN, f"case:{case.id}", public=draft.published)
    return Submitted(case, receipt)


async def open_case(
    ctx: Context[Any],
    kind: CaseKind,
    draft: Draft,
    *,
    key: str,
    anonymous_per_hour: int | None = None,
    also: Callable[[Case], Iterable[CityTable]] = lambda case: (),
) -> Submitted:
    """The same as `submit`, in a transaction of its own, which is one round trip for most cases.

    `also` gives rows of the plugin that are to be written with the case.
    """
    if not (draft.files or draft.parent):
        parts, name = check(kind, draft), f"{ctx.plugin}.{kind.name}"
        claim, rules = make_claim(key, [name, draft]), await rules_of(kind, ctx)
        receipt, values = _opened(ctx, name, kind, rules, draft, parts, claim)
        case = new_row(Case, **values)
        rows: list[New] = [(Case, case.__dict__), *map(new_values, also(case))]
        if await ctx.database.insert(ctx.city.slug, rows, _room(ctx, name, anonymous_per_hour), unless=_ONCE):
            return Submitted(case, receipt)
    # It has files, or it was sent before, or there are too many, or its number is another one's.
    async with ctx.transaction() as session:
        done = await submit(session, ctx, kind, draft, key=key, anonymous_per_hour=anonymous_per_hour)
        if not done.repeated:
            session.add_all(also(done.case))
        return done


async def follow(session: AsyncSession, ctx: Context[Any], case: Case, *, key: str) -> Submitted:
    """Say "me too" to a published case: a receipt of one's own, with which its public part is followed.

    A device or citizen counts once, and not for a case of its own. RATE_LIMITED for too many.
    """
    receipt, submitter = new_receipt(), _submitter(ctx)
    earlier = await once.claim(session, ctx, "case.follow", key, case.id, receipt.encode())
    if earlier is not None:
        return Submitted(case, earlier.decode(), repeated=True)
    if not (case.published and case.shown):
        raise NotFound("there is no such case")
    await lock(session, case)
    there = select(func.count()).select_from(CaseFollower)
    recent = there.where(CaseFollower.created > ctx.clock() - HOUR, CaseFollower.submitter == submitter)
    if (await session.scalar(recent if submitter else recent.where(CaseFollower.case_id == case.id)) or 0) >= PER_HOUR:
        raise AllmendeError(f"at most {PER_HOUR} an hour are possible; try again later", code="RATE_LIMITED")
    mine = there.where(CaseFollower.case_id == case.id, CaseFollower.submitter == submitter)
    known = bool(submitter) and (case.submitter == submitter or bool(await session.scalar(mine)))
    session.add(CaseFollower(case_id=case.id, receipt=fingerprint(receipt), submitter=submitter, created=ctx.clock()))
    if not known:
        case.followers += 1
        await record(session, ctx, case, "followed", facts={"followers": case.followers})
    return Submitted(case, receipt)


async def _sent_before(session: AsyncSession, claim: Claim) -> Submitted | None:
    """What this key has opened before. IDEMPOTENCY_MISMATCH where that was something else."""
    case = await session.scalar(select(Case).where(Case.once == claim.once))
    if case is None:
        return None
    receipt, hidden = claim.receipt(case.id)
    if not same(case.receipt, hidden):
        raise AllmendeError(MISMATCH, code="IDEMPOTENCY_MISMATCH")
    return Submitted(case, receipt, repeated=True)


def _submitter(ctx: Context[Any]) -> str:
    return ctx.reader.id if ctx.reader.is_signed_in else ""


def _room(ctx: Context[Any], kind: str, anonymous_per_hour: int | None) -> Room | None:
    """How many cases may be opened in an hour by whoever opens this one."""
    submitter = _submitter(ctx)
    if submitter:
        of: Any = submitter
        most, only = PER_HOUR, None
    elif ctx.reader.kind == "anonymous" and anonymous_per_hour is not None:
        of = ("", kind)
        most, only = anonymous_per_hour, kind
    else:
        return None
    return Room(lambda: _recent(submitter=submitter, kind=only, since=ctx.clock() - HOUR, most=most), most, of)


@prepared
def _recent(submitter: Any, kind: Any, since: Any, most: Any) -> Select[Any]:
    found = select(Case.id).where(Case.created > since)
    if kind is None:
        found = found.where(submitted_by(submitter))
    else:
        found = found.where(Case.submitter == submitter, Case.kind == kind)
    return select(func.count()).select_from(found.limit(most).subquery())


def _opened(
    ctx: Context[Any],
    name: str,
    kind: CaseKind,
    rules: Sequence[CaseRule],
    draft: Draft,
    parts: Parts,
    claim: Claim,
    digits: int = 6,
) -> tuple[str, dict[str, Any]]:
    """The receipt of a new case, and the values of its row."""
    at, first, city, id_ = ctx.clock().astimezone(UTC), kind.first, ctx.city.slug, new_id()
    number = new_number(city, at.astimezone(ctx.city.tz).year, digits)
    found = route(ctx.city, rules, category=draft.category, position=draft.position, at=at)
    facts: dict[str, Any] = {"number": number, "kind": name, "status": first.name, "files": list(draft.files)}
    if found.department:
        facts |= {"department": found.department, "deadline": found.deadline and moment(found.deadline)}
    actor = actor_of(ctx.reader)
    receipt, hidden = claim.receipt(id_)
    values = {
        "city": city,
        "id": id_,
        "number": number,
        "kind": name,
        "status": first.name,
        "open": first.open,
        "shown": first.public,
        "published": draft.published,
        "title": draft.title.strip(),
        "category": draft.category,
        "lat": draft.lat,
        "lon": draft.lon,
        "address": draft.address.strip(),
        "department": found.department,
        "deadline": found.deadline,
        "public": parts.public,
        "private": parts.private,
        "submitter": _submitter(ctx),
        "language": draft.language or ctx.language,
        "once": claim.once,
        "receipt": hidden,
        "parent": draft.parent,
        "words": searchable(number, draft, parts.texts),
        "created": at,
        "opened_by": actor,
        "opened": facts,
        "updated": at,
        "seq": 1,
        "head": opening_hash(id_, at, actor, facts),
    }
    return receipt, values


async def _get(session: AsyncSession, ctx: Context[Any], id_: str) -> Case:
    found = await session.get(Case, {"city": ctx.city.slug, "id": id_})
    if found is None:
        raise InputError("parent: there is no such case", code="NOT_FOUND")
    return found
