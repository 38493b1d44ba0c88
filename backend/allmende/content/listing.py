"""What editors find: their own items by state and words, and imported rows with and without a correction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import load_only

from allmende.content.publish import Desk
from allmende.content.tables import ContentItem, ContentOverlay
from allmende.contenttype import DESK
from allmende.search.fold import MAX_QUERY, words

PAGE = 50
LAST = 400
"""Pages that can be turned to; who looks for more searches."""

SHOWN = (
    ContentItem.title,
    ContentItem.state,
    ContentItem.version,
    ContentItem.live,
    ContentItem.publish_at,
    ContentItem.updated_at,
    ContentItem.updated_by,
)
"""What a list says of an item, besides its id."""


class Page(Struct, frozen=True, kw_only=True):
    """One page of a list."""

    rows: Sequence[Any]
    total: int
    number: int

    @property
    def pages(self) -> int:
        return max(1, min(LAST, -(-self.total // PAGE)))


async def items(session: AsyncSession, desk: Desk, *, state: str = "", text: str = "", page: int = 1) -> Page:
    """Items of this kind, the last changed first: two statements. `state` may also be `live` or `changed`."""
    where = [*_mine(desk), *_found(text)]
    if state == "live":
        where.append(ContentItem.live.is_not(None))
    elif state == "changed":
        where += [ContentItem.live.is_not(None), ContentItem.live != ContentItem.version]
    elif state:
        where.append(ContentItem.state == state)
    total = await session.scalar(select(func.count()).select_from(ContentItem).where(*where)) or 0
    number = max(1, min(page, LAST))
    shown = load_only(*SHOWN)  # not the texts: to sort ten thousand of them takes a second
    statement = select(ContentItem).options(shown).where(*where)
    statement = statement.order_by(ContentItem.updated_at.desc(), ContentItem.id)
    rows = (await session.scalars(statement.limit(PAGE).offset((number - 1) * PAGE))).all()
    return Page(rows=rows, total=total, number=number)


async def counts(session: AsyncSession, desk: Desk) -> dict[str, int]:
    """State → number of items."""
    statement = select(ContentItem.state, func.count()).where(*_mine(desk)).group_by(ContentItem.state)
    return {row[0]: row[1] for row in await session.execute(statement)}


async def waiting_count(session: AsyncSession) -> dict[tuple[str, str], int]:
    """(plugin, kind) → items that wait for a publisher."""
    statement = select(ContentItem.plugin, ContentItem.kind, func.count()).where(ContentItem.state == "review")
    grouped = statement.group_by(ContentItem.plugin, ContentItem.kind)
    return {(plugin, kind): number for plugin, kind, number in await session.execute(grouped)}


async def imported(session: AsyncSession, desk: Desk, *, text: str = "", only: str = "", page: int = 1) -> Page:
    """Rows that feeds have brought, each with its correction or None. `only`: `corrected` or `changed` ones."""
    table = desk.type.tables[0]
    title = getattr(table, desk.type.field(desk.type.title).columns[0])
    where: list[ColumnElement[bool]] = [table.source != DESK]
    for word in text[:MAX_QUERY].split()[:8]:
        where.append(title.icontains(word, autoescape=True))
    overlays = select(ContentOverlay.id).where(ContentOverlay.plugin == desk.plugin.name)
    if only == "changed":
        overlays = overlays.where(ContentOverlay.changed_at.is_not(None))
    if only:
        where.append(table.id.in_(overlays))
    total = await session.scalar(select(func.count()).select_from(table).where(*where)) or 0
    number = max(1, min(page, LAST))
    statement = select(table.id, title.label("title"), table.source, table.fetched_at).where(*where)
    statement = statement.order_by(table.fetched_at.desc(), table.id).limit(PAGE).offset((number - 1) * PAGE)
    rows = (await session.execute(statement)).all()
    known = select(ContentOverlay).where(ContentOverlay.id.in_([row.id for row in rows]))
    corrections = {overlay.id: overlay for overlay in await session.scalars(known)}
    return Page(rows=[(row, corrections.get(row.id)) for row in rows], total=total, number=number)


def _mine(desk: Desk) -> list[ColumnElement[bool]]:
    return [ContentItem.plugin == desk.plugin.name, ContentItem.kind == desk.type.name]


def _found(text: str) -> list[ColumnElement[bool]]:
    return [ContentItem.folded.contains(word, autoescape=True) for word in words(text[:MAX_QUERY])[:8]]
