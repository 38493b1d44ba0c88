"""The history of a case: every change is an event, chained to the one before by its hash.

What is in the database cannot be changed there (see the locks in tables.py). Whoever removes those, and rewrites an
event, breaks the chain; whoever rewrites the whole chain has another head than the exports that have left the house.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Literal

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.cases.tables import Case, CaseEvent, CaseText
from allmende.context import Context, Database
from allmende.db.rows import new_row
from allmende.errors import InputError
from allmende.reader import Reader

Audience = Literal["public", "citizen", "staff"]
CITIZEN, SYSTEM = "citizen", "system"
OPENED = "submitted"
"""The first event of each case."""
PAGE = 200


def actor_of(reader: Reader) -> str:
    """Who did it, as far as the history may know: of citizens it knows nothing."""
    return f"{reader.kind}:{reader.id}" if reader.kind in ("staff", "service") else CITIZEN


async def lock(session: AsyncSession, case: Case, *, moved: bool = False) -> None:
    """Nobody else changes this case until the transaction ends; what was changed meanwhile is read again.

    InputError (CASE_HANDED_OVER) where another city goes on with it, unless `moved` says that this does not matter:
    what happened here meanwhile would be lost when it comes back.
    """
    await session.flush()
    await session.refresh(case, with_for_update=True)
    if not moved and await has_moved(session, case):
        message = f"{case.handed_to} goes on with the case, under the same number and receipt; nothing can be done here"
        raise InputError(message, code="CASE_HANDED_OVER")


async def has_moved(session: AsyncSession, case: Case) -> bool:
    """Whether another city of this instance goes on with the case, until it hands it back."""
    if not case.handed_to:
        return False
    handed = select(CaseEvent.facts).where(CaseEvent.case_id == case.id, CaseEvent.what == "handed_over")
    facts = await session.scalar(handed.order_by(CaseEvent.seq.desc()).limit(1))
    return facts is not None and not facts["outside"]


async def record(
    session: AsyncSession,
    ctx: Context[Any],
    case: Case,
    what: str,
    *,
    audience: Audience = "staff",
    facts: Mapping[str, Any] | None = None,
    text: str = "",
    by: str = "",
) -> CaseEvent:
    """Add an event to the history; part of the caller's transaction, in which the case is locked (or new).

    `facts` hold nothing personal: they stay for ever. `text` may; it goes when the case is erased.
    """
    salt = secrets.token_hex(16) if text else ""
    event = new_row(
        CaseEvent,
        city=case.city,
        case_id=case.id,
        seq=case.seq + 1,
        at=ctx.clock().astimezone(UTC),
        what=what,
        actor=by or actor_of(ctx.reader),
        audience=audience,
        facts=dict(facts or {}),
        text=_fingerprint(salt, text) if text else "",
    )
    event.hash = chained(case.head, event)
    case.seq, case.head, case.updated = event.seq, event.hash, event.at
    session.add(event)
    if text:
        session.add(CaseText(case_id=case.id, seq=event.seq, salt=salt, text=text))
    return event


def opening(case: Case) -> CaseEvent | None:
    """The first event of a case, which is no row but a part of the case's own; None where it is a row."""
    if not case.opened_by:
        return None
    hash_ = opening_hash(case.id, case.created, case.opened_by, case.opened)
    of = {"city": case.city, "case_id": case.id, "seq": 1, "at": case.created, "what": OPENED, "actor": case.opened_by}
    return new_row(CaseEvent, **of, audience="public", facts=case.opened, text="", hash=hash_)


def opening_hash(case_id: str, at: datetime, actor: str, facts: Mapping[str, Any]) -> str:
    """Of the first event, which follows nothing."""
    return _chained("", case_id, 1, at.astimezone(UTC), OPENED, actor, "public", facts, "")


def chained(before: str, event: CaseEvent) -> str:
    """The hash of an event that follows the one with the hash `before`. The city is not in it: a case can move."""
    at = event.at.astimezone(UTC)
    of = (event.case_id, event.seq, at, event.what, event.actor, event.audience, event.facts, event.text)
    return _chained(before, *of)


def _chained(before: str, case_id: str, seq: int, at: datetime, *rest: Any) -> str:
    parts = (before, case_id, seq, at.isoformat(timespec="microseconds"), *rest)
    return sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()


async def events(
    session: AsyncSession, case: Case, audiences: Iterable[Audience] = ("public", "citizen", "staff")
) -> Sequence[tuple[CaseEvent, str | None]]:
    """What has happened that these may see, oldest first, with the text (None where there is none, or no more)."""
    wanted, first = list(audiences), opening(case)
    statement = (
        select(CaseEvent, CaseText.text)
        .outerjoin(CaseText, (CaseText.case_id == CaseEvent.case_id) & (CaseText.seq == CaseEvent.seq))
        .where(CaseEvent.case_id == case.id, CaseEvent.audience.in_(wanted))
        .order_by(CaseEvent.seq)
    )
    return [
        *([(first, None)] if first is not None and "public" in wanted else []),
        *[(event, text) for event, text in await session.execute(statement)],
    ]


async def verify(session: AsyncSession, case: Case) -> list[str]:
    """What is wrong with the history of a case; empty where it is what was written."""
    statement = (
        select(CaseEvent, CaseText)
        .outerjoin(CaseText, (CaseText.case_id == CaseEvent.case_id) & (CaseText.seq == CaseEvent.seq))
        .where(CaseEvent.case_id == case.id)
        .order_by(CaseEvent.seq)
    )
    first, faults = opening(case), []
    before, expected = (first.hash, 2) if first is not None else ("", 1)
    for event, text in await session.execute(statement):
        where = f"{case.number}, event {event.seq}"
        if event.seq != expected:
            faults.append(f"{where}: follows event {expected - 1}")
        if not hmac.compare_digest(event.hash, chained(before, event)):
            faults.append(f"{where}: was changed, or one before it")
        if text is not None and not hmac.compare_digest(event.text, _fingerprint(text.salt, text.text)):
            faults.append(f"{where}: its text was changed")
        if text is None and event.text and case.erased is None:
            faults.append(f"{where}: its text is missing")
        before, expected = event.hash, event.seq + 1
    if expected - 1 != case.seq:
        faults.append(f"{case.number}: its history ends with event {expected - 1}, and should with {case.seq}")
    elif before != case.head:
        faults.append(f"{case.number}, event {case.seq}: was changed, or one before it")
    return faults


async def verify_city(database: Database, city: str) -> tuple[int, list[str]]:
    """How many cases the city has, and what is wrong with their histories."""
    count, last, faults = 0, "", []
    async with database.session(city) as session:
        while page := (await session.scalars(select(Case).where(Case.id > last).order_by(Case.id).limit(PAGE))).all():
            for case in page:
                faults += await verify(session, case)
            count, last = count + len(page), page[-1].id
            session.expunge_all()
    return count, faults


def _fingerprint(salt: str, text: str) -> str:
    return hmac.new(salt.encode(), text.encode(), sha256).hexdigest()


def moment(at: datetime) -> str:
    """An instant as facts hold it: UTC, ISO 8601."""
    return at.astimezone(UTC).isoformat(timespec="seconds")
