"""Puts what citizens see into the plugin's own tables, by the same road as imports, and takes it out again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from allmende.content.tables import ContentItem
from allmende.content.values import Values, entry_of
from allmende.contenttype import DESK, ContentType
from allmende.context import Context
from allmende.db.table import FeedTable
from allmende.errors import InputError
from allmende.importer import Batch
from allmende.items.follow import applied, follow
from allmende.items.rows import Prepared, prepare
from allmende.items.sync import apply, compare
from allmende.plugin import Plugin


@dataclass(frozen=True, slots=True)
class Desk:
    """One kind of content in one city, and who is at work on it (empty: the clock)."""

    plugin: Plugin
    type: ContentType
    ctx: Context[Any]
    by: str = ""


def rows_of(
    desk: Desk, values: Values, key: str, published_at: datetime, expires_at: datetime | None
) -> Sequence[FeedTable]:
    """The unsaved rows of these values. Incomplete or InputError where they cannot be shown."""
    entry = entry_of(desk.type, values, desk.ctx, key=key, published_at=published_at, expires_at=expires_at)
    return desk.type.write(entry, desk.ctx)


async def put(session: AsyncSession, desk: Desk, item: ContentItem, values: Values) -> bool:
    """Show these values as the item; False where they show nothing (any more), so that it was taken out."""
    now = desk.ctx.clock()
    rows = rows_of(desk, values, item.id, item.published_at or now, item.expire_at)
    prepared = prepared_of(desk, rows, now)
    ids = sorted(prepared.rows[desk.type.tables[0]])
    await _write(session, desk, prepared, {*item.rows, *ids}, now)
    item.rows = ids
    item.renewed_at = now
    return bool(ids)


async def take_out(session: AsyncSession, desk: Desk, item: ContentItem) -> None:
    """Nothing of the item is shown any more, in any list, search or feed; phones are told."""
    now = desk.ctx.clock()
    await _write(session, desk, prepare(Batch(rows=()), desk.type, desk.ctx.city.slug, DESK, now), item.rows, now)
    item.rows = []
    item.renewed_at = None


def prepared_of(desk: Desk, rows: Sequence[FeedTable], now: datetime) -> Prepared:
    """The rows with ids and defaults, as they would be stored. InputError where the database would refuse one."""
    prepared = prepare(Batch(rows=rows), desk.type, desk.ctx.city.slug, DESK, now)
    if prepared.refused:
        refusal = prepared.refused[0]
        raise InputError(f"{refusal.place}: {refusal.reason}")
    return prepared


async def _write(session: AsyncSession, desk: Desk, prepared: Prepared, only: Collection[str], now: datetime) -> None:
    diff = await compare(session, desk.type, DESK, prepared, None, only=list(only))
    await apply(session, diff)
    await follow(session, desk.plugin, diff, now)
    first = desk.type.tables[0]
    importer = next((one for one in desk.plugin.importers if one.tables[0] is first and one.applied), None)
    await applied(session, importer, desk.ctx, diff)
