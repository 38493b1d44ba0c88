"""Questions to the news, each of them one SQL statement. Knows neither GraphQL nor HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from allmende import Context, search_ids
from sqlalchemy import Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from .config import NewsConfig
from .tables import Item, ItemCategory

ORDER: tuple[tuple[InstrumentedAttribute[Any], Any], ...] = ((Item.published_at, "desc"), (Item.id, "desc"))
"""Newest first; the id makes it a total order."""
MAX_HITS = 200
MAX_CATEGORIES = 100


def listing(ctx: Context[NewsConfig], *, category: str | None = None, language: str | None = None) -> Select[Any]:
    """Items that have not expired, in one language, of one category or all; without order."""
    statement = _current(ctx, select(Item)).where(_in_language(ctx, language))
    if category:
        named = select(ItemCategory.parent).where(ItemCategory.city == ctx.city.slug, ItemCategory.name == category)
        statement = statement.where(Item.id.in_(named))
    return statement


async def latest(
    ctx: Context[NewsConfig],
    first: int,
    *,
    category: str | None = None,
    language: str | None = None,
    before: datetime | None = None,
) -> Sequence[Item]:
    """The newest items, those published before an instant if one is given."""
    statement = listing(ctx, category=category, language=language)
    if before is not None:
        statement = statement.where(Item.published_at < before)
    statement = statement.order_by(Item.published_at.desc(), Item.id.desc()).limit(first)
    async with ctx.session() as session:
        return (await session.scalars(statement)).all()


async def by_ids(ctx: Context[NewsConfig], ids: Sequence[str]) -> Sequence[Item]:
    """The items of these ids that are there and have not expired, in whatever language."""
    async with ctx.session() as session:
        return (await session.scalars(_current(ctx, select(Item)).where(Item.id.in_(ids)))).all()


async def matching(
    ctx: Context[NewsConfig], text: str, *, category: str | None = None, language: str | None = None
) -> Select[Any]:
    """The listing of what a search finds: the best hits, to be shown newest first."""
    hits = await search_ids(ctx, Item, text, MAX_HITS)
    return listing(ctx, category=category, language=language).where(Item.id.in_([id_ for id_, _ in hits]))


async def categories(ctx: Context[NewsConfig], language: str | None = None) -> Sequence[tuple[str, int]]:
    """Categories of the items in one language, with how many have them, the commonest first."""
    count = func.count()
    named: Any = select(ItemCategory.name, count)
    statement = (
        _current(ctx, named)
        .join(Item, and_(Item.city == ItemCategory.city, Item.id == ItemCategory.parent))
        .where(_in_language(ctx, language))
        .group_by(ItemCategory.name)
        .order_by(count.desc(), ItemCategory.name)
        .limit(MAX_CATEGORIES)
    )
    async with ctx.session() as session:
        return [(name, number) for name, number in await session.execute(statement)]


def _current(ctx: Context[NewsConfig], statement: Select[Any]) -> Select[Any]:
    return statement.where(or_(Item.expires_at.is_(None), Item.expires_at > ctx.now))


def _in_language(ctx: Context[NewsConfig], language: str | None) -> Any:
    """The language asked for; else the reader's if there is any news in it; else the city's default."""
    if language:
        return Item.language == _primary(language)
    mine, default = _primary(ctx.language), _primary(ctx.city.language)
    if mine == default:
        return Item.language == default
    other = aliased(Item)
    any_of_mine = (
        select(other.id)
        .where(other.city == ctx.city.slug, other.language == mine)
        .where(or_(other.expires_at.is_(None), other.expires_at > ctx.now))
        .exists()
    )
    return or_(Item.language == mine, and_(Item.language == default, ~any_of_mine))


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
