"""What follows every change of items, in the same transaction: the search index, and the log that phones read."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from allmende.changes.log import record
from allmende.context import Context
from allmende.importer import Applied, Importer
from allmende.isolation import bounded
from allmende.items.sync import Diff, touched
from allmende.plugin import Plugin
from allmende.search.index import index_rows

APPLIED = 20.0
"""Seconds that a plugin may take for what follows from a change, inside of its transaction."""


async def follow(session: AsyncSession, plugin: Plugin, diff: Diff, now: datetime) -> None:
    """Bring index and log to what the difference leaves. Call it late: other writers of the city wait from here on."""
    for search in plugin.search:
        change = diff.changes.get(search.table)
        if change is None or not (change.added or change.changed or change.removed):
            continue
        rows = [
            {"id": row["id"], "title": row[search.title], "text": [row[column] for column in search.text]}
            for row in (*change.added, *change.changed)
        ]
        await index_rows(session, plugin=plugin.name, table=search.table, rows=rows, deleted=change.removed)
    changed, removed = touched(diff)
    table = next(iter(diff.changes))
    await record(session, plugin=plugin.name, table=table, changed=changed, removed=removed, now=now)


async def applied(session: AsyncSession, importer: Importer | None, ctx: Context[Any], diff: Diff) -> None:
    """What the plugin itself has to do with items that come, change or go: telling subscribers, for instance."""
    change = next(iter(diff.changes.values()))
    if importer is None or importer.applied is None or not (change.added or change.changed or change.removed):
        return
    news = Applied(added=change.added, changed=change.changed, removed=change.removed)
    await bounded(importer.applied(session, ctx, news), APPLIED)
