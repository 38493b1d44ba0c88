"""Erasure (Art. 17 GDPR): of one account on request, of everybody's data when its time is over.

A request works part by part: what fails is written down and tried again, what has worked stays done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import uuid4

import structlog
from msgspec import Struct, to_builtins
from sqlalchemy import JSON, ColumnElement, CursorResult, Text, cast, delete, func, select, update

from allmende.db.engine import Database
from allmende.privacy.holdings import Holding, cleared
from allmende.privacy.tables import Erasure

log = structlog.get_logger(__name__)
BATCH = 1_000
"""Rows that one statement of the expiry takes away; the next run goes on."""
PAUSE = timedelta(minutes=10)
"""Until a part that failed is tried again, the second time twice as long, and so on up to a day."""
Hook = Callable[[str, bool], Awaitable[int]]
"""(account, dry run) → how many things a plugin has taken away besides rows, or would."""


class Part(Struct, frozen=True, kw_only=True):
    """What became of one owner's data in one table."""

    owner: str
    table: str
    """Empty for what a plugin keeps besides its tables."""
    rows: int
    status: Literal["erased", "cleared", "kept", "failed"]


async def erase(
    database: Database,
    city: str,
    account: str,
    held: Sequence[Holding],
    hooks: Mapping[str, Hook],
    now: datetime,
    *,
    dry_run: bool = False,
    only: Sequence[Part] | None = None,
) -> list[Part]:
    """Take away what is held about this account. With `only`, of an earlier request, what had failed there.

    A real run leaves a row in privacy_erasure: the proof, and what is still to do.
    """
    again = {(part.owner, part.table) for part in only} if only is not None else None
    parts = []
    for owner, hook in hooks.items():  # files first: after the rows, nobody knows any more whose they were
        if again is None or (owner, "") in again:
            parts.append(await _tried(owner, "", _by_hook(hook, account, dry_run)))
    for holding in held:
        where = holding.belongs_to(account)
        name = str(holding.table.name)
        if where is not None and (again is None or (holding.owner, name) in again):
            parts.append(await _tried(holding.owner, name, _of_table(database, city, holding, where, dry_run)))
    if not dry_run and only is None:
        await _remember(database, city, account, parts, now)
    return parts


async def _remember(database: Database, city: str, account: str, parts: list[Part], now: datetime) -> None:
    failed = [part for part in parts if part.status == "failed"]
    async with database.transaction(city) as session:
        session.add(
            Erasure(
                id=uuid4().hex,
                account=account if failed else "",
                at=now,
                parts=[to_builtins(part) for part in parts],
                tries=1,
                next_try=now + PAUSE if failed else None,
            )
        )


async def retry(
    database: Database, city: str, held: Sequence[Holding], hooks: Mapping[str, Hook], now: datetime
) -> int:
    """Try again what has failed of earlier requests and is due; how many requests are complete now."""
    async with database.session(city) as session:
        due = list(await session.scalars(select(Erasure).where(Erasure.next_try <= now).limit(100)))
    complete = 0
    for request in due:
        before = [Part(**part) for part in request.parts]
        open_parts = [part for part in before if part.status == "failed"]
        after = await erase(database, city, request.account, held, hooks, now, only=open_parts)
        failed = [part for part in after if part.status == "failed"]
        parts = [part for part in before if part.status != "failed"] + after
        async with database.transaction(city) as session:
            await session.execute(
                update(Erasure)
                .where(Erasure.id == request.id)
                .values(
                    parts=[to_builtins(part) for part in parts],
                    account=request.account if failed else "",
                    tries=request.tries + 1,
                    next_try=now + min(PAUSE * 2**request.tries, timedelta(days=1)) if failed else None,
                )
            )
        complete += not failed
    return complete


async def expire(database: Database, city: str, held: Sequence[Holding], now: datetime) -> dict[str, int]:
    """Take away what is older than its declared retention; table → rows. At most a batch of each table at a time."""
    gone: dict[str, int] = {}
    for holding in held:
        for one in holding.data:
            limit = one.limit(now)
            if limit is None or one.erase == "keep":
                continue
            old = holding.table.c[one.since] < limit
            if one.erase == "clear":
                column = holding.table.c[one.field]
                old &= _is_filled(column)
            async with database.transaction(city) as session:
                rows = await _take(session, holding, [one], _first(holding, old))
            name = str(holding.table.name)
            gone[name] = gone.get(name, 0) + rows
    return {table: rows for table, rows in gone.items() if rows}


def _is_filled(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether there is something to clear. PostgreSQL compares JSON as text only."""
    if isinstance(column.type, JSON):
        return cast(column, Text).not_in(("{}", "[]", "null"))
    empty = cleared(column)
    return column.is_not(None) if empty is None else column != empty


def _first(holding: Holding, where: ColumnElement[bool]) -> ColumnElement[bool]:
    """The condition for a batch of those rows, by what identifies them within the city."""
    keys = [column for column in holding.table.primary_key if column.name != "city"]
    if len(keys) != 1:
        return where
    return keys[0].in_(select(keys[0]).where(where).limit(BATCH))


async def _of_table(
    database: Database, city: str, holding: Holding, where: ColumnElement[bool], dry_run: bool
) -> tuple[int, Any]:
    ways = {one.erase for one in holding.data}
    status = "erased" if "row" in ways else "cleared" if "clear" in ways else "kept"
    if dry_run or status == "kept":
        async with database.session(city) as session:
            count = await session.scalar(select(func.count()).select_from(holding.table).where(where))
        return count or 0, status
    async with database.transaction(city) as session:
        return await _take(session, holding, holding.data, where), status


async def _take(session: Any, holding: Holding, data: Sequence[Any], where: ColumnElement[bool]) -> int:
    if any(one.erase == "row" for one in data):
        result: CursorResult[Any] = await session.execute(delete(holding.table).where(where))
    else:
        columns = [holding.table.c[one.field] for one in data if one.erase == "clear"]
        values = {column.name: cleared(column) for column in columns}
        result = await session.execute(update(holding.table).where(where).values(values))
    return result.rowcount


async def _by_hook(hook: Hook, account: str, dry_run: bool) -> tuple[int, Any]:
    return await hook(account, dry_run), "erased"


async def _tried(owner: str, table: str, work: Awaitable[tuple[int, Any]]) -> Part:
    try:
        rows, status = await work
    except Exception as error:
        log.warning("erasure_failed", owner=owner, table=table, error=type(error).__name__)
        return Part(owner=owner, table=table, rows=0, status="failed")
    return Part(owner=owner, table=table, rows=rows, status=status)
