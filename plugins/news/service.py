"""Questions to the news, each of them one SQL statement. Knows neither GraphQL nor HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from allmende import Context, Prepared, prepared, search_ids
from sqlalchemy import ColumnElement, Select, and_, func, or_, select
from sqlalchemy.orm import InstrumentedAttribute, aliased

from .config import NewsConfig
from .tables import Item, ItemCategory

ORDER: tuple[tuple[InstrumentedAttribute[Any], Any], ...] = ((Item.published_at, "desc"), (Item.id, "desc"))
"""Newest first; the id makes it a total order."""
MAX_HITS = 200
MAX_CATEGORIES = 100


def listing(
    ctx: Context[NewsConfig],
    *,
    category: str | None = None,
    language: str | None = None,
    ids: Sequence[str] | None = None,
) -> Prepared:
    """Items that have not expired, in one language, of one category or all; without order. With `ids`, of those."""
    among = None if ids is None else list(ids)
    return _all(now=ctx.now, category=category or None, ids=among, **_languages(ctx, language))


def latest(
    ctx: Context[NewsConfig],
    first: int,
    *,
    category: str | None = None,
    language: str | None = None,
    before: datetime | None = None,
) -> Prepared:
    """The newest items, those published before an instant if one is given."""
    return _latest(now=ctx.now, category=category or None, before=before, first=first, **_languages(ctx, language))


def newest(ctx: Context[NewsConfig], before: datetime | None, first: int) -> Prepared:
    """The news in the city's feed."""
    return latest(ctx, first, before=before)


def by_ids(ctx: Context[NewsConfig], ids: Sequence[str]) -> Prepared:
    """The items of these ids that are there and have not expired, in whatever language."""
    return _by_ids(now=ctx.now, ids=list(ids))


@prepared
def _latest(now: Any, category: Any, before: Any, first: int, language: Any, fallback: Any) -> Select[Any]:
    statement = _listing(now, category, language, fallback)
    if before is not None:
        statement = statement.where(Item.published_at < before)
    return statement.order_by(Item.published_at.desc(), Item.id.desc()).limit(first)


@prepared
def _all(now: Any, category: Any, ids: Any, language: Any, fallback: Any) -> Select[Any]:
    statement = _listing(now, category, language, fallback)
    return statement if ids is None else statement.where(Item.id.in_(ids))


@prepared
def _by_ids(now: Any, ids: Any) -> Select[Any]:
    return select(Item).where(_current(now), Item.id.in_(ids))


def _listing(now: Any, category: Any, language: Any, fallback: Any) -> Select[Any]:
    statement = select(Item).where(_current(now), _in_language(now, language, fallback), _once(now, category))
    if category is not None:
        statement = statement.where(Item.id.in_(_having(category)))
    return statement


def _having(category: Any) -> Select[Any]:
    return select(ItemCategory.parent).where(ItemCategory.name == category)


def _once(now: Any, category: Any) -> ColumnElement[bool]:
    """Of what several sources have in common, the one with the first id (of those in the category)."""
    other = aliased(Item)
    first = (
        select(other.id)
        .where(other.same == Item.same, other.id < Item.id, other.source != Item.source)
        .where(or_(other.expires_at.is_(None), other.expires_at > now))
    )
    return ~(first if category is None else first.where(other.id.in_(_having(category)))).exists()


async def matching(
    ctx: Context[NewsConfig], text: str, *, category: str | None = None, language: str | None = None
) -> Prepared:
    """The listing of what a search finds: the best hits, to be shown newest first."""
    hits = await search_ids(ctx, Item, text, MAX_HITS)
    return listing(ctx, category=category, language=language, ids=[id_ for id_, _ in hits])


async def categories(ctx: Context[NewsConfig], language: str | None = None) -> Sequence[tuple[str, int]]:
    """Categories of the items in one language, with how many have them, the commonest first."""
    settled = await _settled(ctx)
    rows = await _categories(now=settled, **_languages(ctx, language)).tuples(ctx)
    return [(name, number) for name, number in rows]


@prepared
def _categories(now: Any, language: Any, fallback: Any) -> Select[Any]:
    shown: Any = (ItemCategory.name, func.count())
    return (
        select(*shown)
        .join(Item, and_(Item.city == ItemCategory.city, Item.id == ItemCategory.parent))
        .where(_current(now), _in_language(now, language, fallback), _once(now, ItemCategory.name))
        .group_by(ItemCategory.name)
        .order_by(func.count().desc(), ItemCategory.name)
        .limit(MAX_CATEGORIES)
    )


async def _settled(ctx: Context[NewsConfig]) -> datetime:
    """When an item last expired today. What is shown has not changed by itself since, so it need not be read anew."""
    now = ctx.now
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = await _ends(begin=day, end=day + timedelta(days=1)).tuples(ctx)
    return max((end for (end,) in ends if end <= now), default=day)


@prepared
def _ends(begin: Any, end: Any) -> Select[Any]:
    return select(Item.expires_at).where(Item.expires_at > begin, Item.expires_at <= end).distinct()


def _current(now: Any) -> ColumnElement[bool]:
    return or_(Item.expires_at.is_(None), Item.expires_at > now)


def _languages(ctx: Context[NewsConfig], language: str | None) -> dict[str, str | None]:
    """The language asked for, or the reader's and, where there is no news in it, the city's default."""
    if language:
        return {"language": _primary(language), "fallback": None}
    mine, default = _primary(ctx.language), _primary(ctx.city.language)
    return {"language": mine, "fallback": default if mine != default else None}


def _in_language(now: Any, language: Any, fallback: Any) -> ColumnElement[bool]:
    same: ColumnElement[bool] = Item.language == language
    if fallback is None:
        return same
    other = aliased(Item)
    any_of_mine = (
        select(other.id)
        .where(other.language == language)
        .where(or_(other.expires_at.is_(None), other.expires_at > now))
        .exists()
    )
    return or_(same, and_(Item.language == fallback, ~any_of_mine))


def _primary(language: str) -> str:
    return language.partition("-")[0].lower()
