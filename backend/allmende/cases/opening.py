"""Opens a case: exactly one for each idempotency key, with a number, a department, a history and a receipt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import make_transient_to_detached

from allmende.casekind import CaseKind
from allmende.cases.codes import fingerprint, new_number, new_receipt
from allmende.cases.draft import Draft, check, searchable
from allmende.cases.history import SYSTEM, lock, moment, next_event, record
from allmende.cases.pictures import SHOWN
from allmende.cases.routing import Route, ready, route
from allmende.cases.tables import Case, CaseEvent, CaseFollower, new_id
from allmende.context import Context
from allmende.db.prepared import Key, Room, prepared
from allmende.db.rows import new_row
from allmende.db.table import CityTable
from allmende.db.upsert import insert_new
from allmende.errors import AllmendeError, InputError, NotFound
from allmende.files import service as files
from allmende.once import keys as once
from allmende.once.tables import OnceKey

PER_HOUR = 30
"""Cases that one device or citizen may submit within an hour, and follow. Of those who give no token, so many may
follow one case."""
MANY_ANONYMOUS = "too many without a token at the moment; register the device"
TRIES = 6
_ONCE = (Key(OnceKey, ("id",)), Key(Case, ("number", "origin")))
"""It was sent before, or its number is another one's."""


class Submitted(Struct, frozen=True):
    """The case and its receipt, which is nowhere else."""

    case: Case
    receipt: str
    repeated: bool = False
    """It is the answer to an earlier request with the same key; nothing has been done now."""


class _Kept(Struct):
    id: str
    receipt: str


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
    check(kind, draft)
    name, kept = f"{ctx.plugin}.{kind.name}", _Kept(new_id(), new_receipt())
    earlier = await once.claim(session, ctx, "case.submit", key, [name, draft], msgspec.json.encode(kept))
    if earlier is not None:
        kept = msgspec.json.decode(earlier, type=_Kept)
        return Submitted(await _get(session, ctx, kept.id), kept.receipt, repeated=True)
    room = _room(ctx, name, anonymous_per_hour)
    if room and (await session.scalar(room.taken.statement, room.taken.parameters) or 0) >= room.most:
        many = f"at most {PER_HOUR} an hour are possible; try again later"
        raise AllmendeError(many if _submitter(ctx) else MANY_ANONYMOUS, code="RATE_LIMITED")
    if draft.parent:
        await _get(session, ctx, draft.parent)
    found = await _routed(ctx, kind, draft)
    for attempt in range(TRIES):
        case, events = _opened(ctx, name, kind, draft, kept, found, digits=6 if attempt < 3 else 8)
        if await insert_new(session, case):  # not if another one has its number
            break
    else:
        raise RuntimeError("no number is free")
    make_transient_to_detached(case)
    session.add_all([case, *events])
    await files.claim(session, draft.files, SHOWN, f"case:{case.id}", public=draft.published)
    return Submitted(case, kept.receipt)


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
    check(kind, draft)
    if not (draft.files or draft.parent):
        name, kept = f"{ctx.plugin}.{kind.name}", _Kept(new_id(), new_receipt())
        claim = once.row(ctx, "case.submit", key, [name, draft], msgspec.json.encode(kept))
        case, events = _opened(ctx, name, kind, draft, kept, await _routed(ctx, kind, draft))
        rows, room = [case, claim, *events, *also(case)], _room(ctx, name, anonymous_per_hour)
        if await ctx.database.insert(ctx.city.slug, rows, room, unless=_ONCE):
            return Submitted(case, kept.receipt)
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
    recent = there.where(CaseFollower.created > ctx.clock() - timedelta(hours=1), CaseFollower.submitter == submitter)
    if (await session.scalar(recent if submitter else recent.where(CaseFollower.case_id == case.id)) or 0) >= PER_HOUR:
        raise AllmendeError(f"at most {PER_HOUR} an hour are possible; try again later", code="RATE_LIMITED")
    mine = there.where(CaseFollower.case_id == case.id, CaseFollower.submitter == submitter)
    known = bool(submitter) and (case.submitter == submitter or bool(await session.scalar(mine)))
    session.add(CaseFollower(case_id=case.id, receipt=fingerprint(receipt), submitter=submitter, created=ctx.clock()))
    if not known:
        case.followers += 1
        await record(session, ctx, case, "followed", facts={"followers": case.followers})
    return Submitted(case, receipt)


def _submitter(ctx: Context[Any]) -> str:
    return ctx.reader.id if ctx.reader.is_signed_in else ""


def _room(ctx: Context[Any], kind: str, anonymous_per_hour: int | None) -> Room | None:
    """How many cases may be opened in an hour by whoever opens this one."""
    since = ctx.clock() - timedelta(hours=1)
    if submitter := _submitter(ctx):
        return Room(_recent(submitter=submitter, kind=None, since=since, most=PER_HOUR), PER_HOUR, of=submitter)
    if ctx.reader.kind != "anonymous" or anonymous_per_hour is None:
        return None
    most = anonymous_per_hour
    return Room(_recent(submitter="", kind=kind, since=since, most=most), most, of=("", kind))


@prepared
def _recent(submitter: Any, kind: Any, since: Any, most: Any) -> Select[Any]:
    found = select(Case.id).where(Case.submitter == submitter, Case.created > since)
    if kind is not None:
        found = found.where(Case.kind == kind)
    return select(func.count()).select_from(found.limit(most).subquery())


async def _routed(ctx: Context[Any], kind: CaseKind, draft: Draft) -> Route:
    rules = kind.rules(ctx) if kind.rules else ()
    await ready(rules)
    return route(ctx.city, rules, category=draft.category, position=draft.position, at=ctx.now)


def _opened(
    ctx: Context[Any], name: str, kind: CaseKind, draft: Draft, kept: _Kept, found: Route, *, digits: int = 6
) -> tuple[Case, Sequence[CaseEvent]]:
    """A new case with the first events of its history; nothing of it is stored yet."""
    now, first = ctx.now, kind.first
    city, number = ctx.city.slug, new_number(ctx.city.slug, now.year, digits)
    facts: dict[str, Any] = {"number": number, "kind": name, "status": first.name, "files": list(draft.files)}
    events = [next_event(ctx, city, kept.id, 0, "", "submitted", "public", facts)]
    if found.department:
        facts = {"department": found.department, "deadline": found.deadline and moment(found.deadline)}
        after = (1, events[0].hash)
        events.append(next_event(ctx, city, kept.id, *after, "assigned", "staff", facts, by=SYSTEM))
    case = new_row(
        Case,
        city=city,
        id=kept.id,
        number=number,
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
        receipt=fingerprint(kept.receipt),
        parent=draft.parent,
        words=searchable(number, draft),
        created=now,
        updated=events[-1].at,
        seq=events[-1].seq,
        head=events[-1].hash,
    )
    return case, events


async def _get(session: AsyncSession, ctx: Context[Any], id_: str) -> Case:
    found = await session.get(Case, {"city": ctx.city.slug, "id": id_})
    if found is None:
        raise InputError("parent: there is no such case", code="NOT_FOUND")
    return found
