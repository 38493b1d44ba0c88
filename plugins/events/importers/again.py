"""Entries that come again under another id, since their feed makes up ids each time: they stay the events they were."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from allmende import Batch, Context, Source, stable_id
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..tables import Event, Occurrence


async def recognise(session: AsyncSession, ctx: Context[Any], source: Source, batch: Batch) -> Batch:
    """Give an event whose id is new the key of a stored one of its title, venue and date that is not named any more."""
    events = {row.key: row for row in batch.rows if isinstance(row, Event)}
    known = set(await session.scalars(select(Event.key).where(Event.source == source.id)))
    new, gone = events.keys() - known, known - events.keys()
    if not new or not gone:
        return batch
    stored = await session.execute(
        select(Event.key, Event.title, Event.venue_name, Occurrence.start)
        .join(Occurrence, Occurrence.parent == Event.id)
        .where(Event.source == source.id)
        .order_by(Event.id)
    )
    waiting: defaultdict[tuple[str, str | None, datetime], list[str]] = defaultdict(list)
    for key, title, venue, start in stored:
        if key in gone:
            waiting[title, venue, start].append(key)
    moved: dict[str, str] = {}
    by_id = {_id(ctx, source, key): events[key] for key in new}
    for row in batch.rows:
        if not isinstance(row, Occurrence) or row.parent not in by_id or by_id[row.parent].key in moved:
            continue
        event = by_id[row.parent]
        for key in waiting.get((event.title, event.venue_name, row.start), ()):
            if key in gone:
                moved[event.key] = key
                gone.remove(key)
                break
    parents = {_id(ctx, source, key): _id(ctx, source, same) for key, same in moved.items()}
    for row in batch.rows:
        if isinstance(row, Event):
            row.key = moved.get(row.key, row.key)
        elif isinstance(row, Occurrence):
            row.parent = parents.get(row.parent, row.parent)
            first, _, moment = row.key.rpartition(" ")
            if row.key in moved:
                row.key = moved[row.key]
            elif first in moved:
                row.key = f"{moved[first]} {moment}"
    return batch


def _id(ctx: Context[Any], source: Source, key: str) -> str:
    return stable_id(ctx.city.slug, source.id, Event, key)
