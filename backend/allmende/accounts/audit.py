"""The audit log of a city: what staff did, each entry chained to the one before by its hash.

Whoever could change the database could compute the chain anew; so note the newest hash, which `allmende audit verify`
prints, somewhere else now and then, and a log that was rewritten shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts.tables import Audit, Chain
from allmende.context import Database, utc_now
from allmende.reader import Reader

START = "0" * 64
"""The hash before the first entry."""
PAGE = 1000
_QUIET = {"synchronize_session": False}


class Entry(Struct, frozen=True, kw_only=True):
    """One line of the log."""

    number: int
    at: datetime
    actor: str
    name: str
    action: str
    subject: str
    detail: Mapping[str, Any]


class Verdict(Struct, frozen=True, kw_only=True):
    """Whether a log is what was written. `problem` names the first entry that is not; empty where all are."""

    entries: int
    head: str
    """Hash of the newest entry."""
    problem: str = ""


async def audit(
    session: AsyncSession,
    reader: Reader,
    action: str,
    subject: str,
    detail: Mapping[str, Any] | None = None,
    *,
    now: datetime | None = None,
) -> None:
    """Write down what the reader did, in the transaction in which it is done (`ctx.transaction()`).

    `action` is `room.verb`, `subject` an id or name; `detail` small JSON. Neither may hold a citizen's personal data,
    a token or an address: the log outlives them. Other staff of the city wait here until the commit, so call it late.
    """
    moment = (now or utc_now()).astimezone(UTC)
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    step: Any = dialect.insert(Chain).values(number=1, hash=START)
    step = step.on_conflict_do_update(index_elements=["city"], set_={"number": Chain.number + 1})
    number, before = (await session.execute(step.returning(Chain.number, Chain.hash))).one()
    entry = Entry(
        number=number,
        at=moment,
        actor=reader.id,
        name=reader.name[:120],
        action=action[:64],
        subject=subject[:200],
        detail=dict(detail or {}),
    )
    digest = _digest(before, entry)
    await session.execute(insert(Audit), [{**msgspec.structs.asdict(entry), "hash": digest}])
    await session.execute(update(Chain).values(hash=digest), execution_options=_QUIET)


async def entries(
    database: Database, city: str, *, before: int | None = None, actor: str = "", action: str = "", first: int = 50
) -> list[Entry]:
    """The newest entries (older than number `before`), of one actor, or of actions that begin so. One statement."""
    statement = select(Audit).order_by(Audit.number.desc()).limit(min(first, PAGE))
    if before is not None:
        statement = statement.where(Audit.number < before)
    if actor:
        statement = statement.where(Audit.actor == actor)
    if action:
        statement = statement.where(Audit.action.startswith(action, autoescape=True))
    async with database.session(city) as session:
        return [_entry(row) for row in await session.scalars(statement)]


async def verify(database: Database, city: str) -> Verdict:
    """Compute the whole chain anew."""
    number, digest = 0, START
    async with database.session(city) as session:
        head = (await session.execute(select(Chain.number, Chain.hash))).one_or_none()
        while rows := await _page(session, number):
            for row in rows:
                number += 1
                if row.number != number:
                    return Verdict(entries=number - 1, head=digest, problem=f"entry {number} is missing")
                if row.hash != _digest(digest, _entry(row)):
                    return Verdict(entries=number - 1, head=digest, problem=f"entry {number} was changed")
                digest = row.hash
    if (number, digest) != (tuple(head) if head else (0, START)):
        return Verdict(entries=number, head=digest, problem=f"entries after {number} are missing")
    return Verdict(entries=number, head=digest)


async def _page(session: AsyncSession, after: int) -> Sequence[Audit]:
    statement = select(Audit).where(Audit.number > after).order_by(Audit.number).limit(PAGE)
    rows = (await session.scalars(statement)).all()
    session.expunge_all()
    return rows


def _entry(row: Audit) -> Entry:
    return Entry(
        number=row.number,
        at=row.at,
        actor=row.actor,
        name=row.name,
        action=row.action,
        subject=row.subject,
        detail=row.detail,
    )


def _digest(before: str, entry: Entry) -> str:
    """SHA-256 over the hash before and the entry as JSON with sorted keys, the instant in UTC."""
    return sha256(before.encode() + b"\n" + msgspec.json.encode(entry, order="sorted")).hexdigest()
