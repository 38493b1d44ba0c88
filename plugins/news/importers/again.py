"""Items that come again under another id, since their feed makes up ids each time: they stay the items they were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from datetime import datetime
from typing import Any

from allmende import Batch, Context, Source, stable_id
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from ..tables import Item, ItemCategory


async def recognise(session: AsyncSession, ctx: Context[Any], source: Source, batch: Batch) -> Batch:
    """Give an item the key of a stored one that the feed does not name any more and that is the same page and text.

    That is: the same address and title, or the same date of publication and one of the two. What fits several is new.
    """
    stored = await session.execute(
        select(Item.key, Item.url, Item.title, Item.stated_at).where(Item.source == source.id)
    )
    known = {key: list(_marks(url, title, stated_at)) for key, url, title, stated_at in stored}
    items = [row for row in batch.rows if isinstance(row, Item)]
    marks = {item.key: list(_marks(item.url, item.title, item.stated_at)) for item in items}
    new = [item for item in items if item.key not in known]
    missing = {key: each for key, each in known.items() if key not in marks}
    if not new or not missing:
        return batch
    gone = {mark: key for key, each in missing.items() for mark in each}
    often = Counter(mark for each in (*(marks[item.key] for item in new), *missing.values()) for mark in each)
    moved: dict[str, str] = {}
    for item in new:
        same = next((gone[mark] for mark in marks[item.key] if mark in gone and often[mark] == 2), None)
        if same is not None and same not in moved.values():
            moved[item.key] = same
    parents = {_id(ctx, source, key): _id(ctx, source, same) for key, same in moved.items()}
    for row in batch.rows:
        if isinstance(row, Item):
            row.key = moved.get(row.key, row.key)
        elif isinstance(row, ItemCategory) and row.parent in parents:
            row.parent = parents[row.parent]
            row.key = f"{row.parent}/{row.name}"
    return batch


def _marks(url: str | None, title: str, stated_at: datetime | None) -> Iterator[Hashable]:
    """What tells an item from others, the surest first."""
    if url:
        yield "address and title", url, title
    if stated_at:
        yield "title and date", title, stated_at
        if url:
            yield "address and date", url, stated_at


def _id(ctx: Context[Any], source: Source, key: str) -> str:
    return stable_id(ctx.city.slug, source.id, Item, key)
