"""Writes the log of changes, in the transaction of the change itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.changes.tables import ChangesCity, ChangesItem
from allmende.db.table import FeedTable
from allmende.db.upsert import upsert
from allmende.plugin import Plugin

RETENTION = timedelta(days=90)
"""For how long it is known what is gone; who was offline for longer begins anew."""
TIDY = timedelta(days=1)
"""Between two looks for what can be forgotten."""
CHUNK = 500
_QUIET = {"synchronize_session": False}


async def record(
    session: AsyncSession,
    *,
    plugin: str,
    table: type[FeedTable],
    changed: Iterable[str],
    removed: Iterable[str],
    now: datetime,
) -> None:
    """Note that these items are new or different, and those gone; part of the caller's transaction.

    The session is bound to the city. Other writers of the city wait here until the commit, so call it late: then
    nobody ever sees a version while one before it is still to come.
    """
    entries = [(id_, False) for id_ in sorted(changed)] + [(id_, True) for id_ in sorted(removed)]
    if not entries:
        return
    version = await _next_version(session, now)
    fixed = {"plugin": plugin, "kind": table.__tablename__, "version": version, "at": now}
    statement = upsert(session, ChangesItem)
    new = {name: statement.excluded[name] for name in (*fixed, "deleted")}
    statement = statement.on_conflict_do_update(index_elements=["city", "id"], set_=new)
    for chunk in _chunks(entries):
        await session.execute(statement, [{"id": id_, "deleted": gone, **fixed} for id_, gone in chunk])


async def reconcile(session: AsyncSession, *, plugin: str, table: type[FeedTable], now: datetime) -> None:
    """Note which items of the table came or went past the imports; two statements if none did."""
    come, gone = await unlogged(session, table)
    await record(session, plugin=plugin, table=table, changed=come, removed=gone, now=now)


async def unlogged(session: AsyncSession, table: type[FeedTable]) -> tuple[Sequence[str], Sequence[str]]:
    """The ids that are in the table and not in the log, and the other way round."""
    logged = select(ChangesItem.id).where(ChangesItem.kind == table.__tablename__, ~ChangesItem.deleted)
    gone = await session.scalars(logged.where(ChangesItem.id.not_in(select(table.id))))
    come = await session.scalars(select(table.id).where(table.id.not_in(logged)))
    return come.all(), gone.all()


def item_tables(plugin: Plugin) -> Sequence[type[FeedTable]]:
    """The tables whose rows are what the log tells of; those of parts of them are not among these."""
    imported, written = (kind.tables[0] for kind in plugin.importers), (kind.tables[0] for kind in plugin.content)
    return list(dict.fromkeys((*imported, *written)))


async def _next_version(session: AsyncSession, now: datetime) -> int:
    statement = upsert(session, ChangesCity).values(version=1, pruned_at=now)
    statement = statement.on_conflict_do_update(index_elements=["city"], set_={"version": ChangesCity.version + 1})
    returned = statement.returning(ChangesCity.version, ChangesCity.pruned_at)
    version, pruned_at = (await session.execute(returned)).one()
    if now - pruned_at >= TIDY:
        await _prune(session, now)
    return int(version)


async def _prune(session: AsyncSession, now: datetime) -> None:
    """Forget tombstones that are older than RETENTION, and remember up to which version."""
    old = (ChangesItem.deleted, ChangesItem.at < now - RETENTION)
    newest = await session.scalar(select(func.max(ChangesItem.version)).where(*old))
    values: dict[str, Any] = {"pruned_at": now}
    if newest is not None:
        values["pruned"] = newest
        await session.execute(delete(ChangesItem).where(*old), execution_options=_QUIET)
    await session.execute(update(ChangesCity).values(**values), execution_options=_QUIET)


def _chunks(items: Sequence[tuple[str, bool]]) -> Iterator[Sequence[tuple[str, bool]]]:
    for start in range(0, len(items), CHUNK):
        yield items[start : start + CHUNK]
