"""Items that come again under another id, since their feed makes up ids each time: they stay the items they were."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable
from datetime import datetime
from typing import Any

from allmende import Batch, Context, Source, stable_id
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..tables import Item, ItemCategory


async def recognise(session: AsyncSession, ctx: Context[Any], source: Source, batch: Batch) -> Batch:
    """Give an item whose id is new the key of a stored one that is the same and that the feed names no more."""
    stored = await session.execute(
        select(Item.key, Item.url, Item.title, Item.stated_at).where(Item.source == source.id).order_by(Item.id)
    )
    known = {key: (url, title, stated_at) for key, url, title, stated_at in stored}
    items = [row for row in batch.rows if isinstance(row, Item)]
    here = {item.key for item in items}
    new = {item.key: (item.url, item.title, item.stated_at) for item in items if item.key not in known}
    gone = {key: what for key, what in known.items() if key not in here}
    moved: dict[str, str] = {}
    for mark in (_by_title, _by_address):
        waiting: defaultdict[Hashable, list[str]] = defaultdict(list)
        for key, what in gone.items():
            waiting[mark(*what)].append(key)
        often = Counter(mark(*what) for what in new.values())
        for key, what in list(new.items()):
            name = mark(*what)
            alone = often[name] == len(waiting[name]) == 1
            if name is not None and waiting[name] and (alone or mark is _by_title):
                moved[key] = waiting[name].pop(0)
                del new[key], gone[moved[key]]
    parents = {_id(ctx, source, key): _id(ctx, source, same) for key, same in moved.items()}
    for row in batch.rows:
        if isinstance(row, Item):
            row.key = moved.get(row.key, row.key)
        elif isinstance(row, ItemCategory) and row.parent in parents:
            row.parent = parents[row.parent]
            row.key = f"{row.parent}/{row.name}"
    return batch


def _by_title(url: str | None, title: str, stated_at: datetime | None) -> Hashable | None:
    """Title and date; without a date, title and address: what agrees in that is the same, however often it is there."""
    return (title, stated_at or url) if stated_at or url else None


def _by_address(url: str | None, title: str, stated_at: datetime | None) -> Hashable | None:
    """Of items with another title. One page may have several items of a day: only what is alone is the same."""
    return (url, stated_at) if url and stated_at else None


def _id(ctx: Context[Any], source: Source, key: str) -> str:
    return stable_id(ctx.city.slug, source.id, Item, key)
