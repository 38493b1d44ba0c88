"""News that the town hall writes itself: one row for each language in which it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from allmende import DESK, ContentType, Context, Entry, FeedTable, Field, Picture, stable_id

from .config import NewsConfig
from .importers.markup import first_sentences
from .schema import NewsItem
from .tables import Item, ItemCategory


def categories(ctx: Context[NewsConfig]) -> Mapping[str, str]:
    """The categories that the city's sources have; others can be typed."""
    named = [name for source in ctx.config.sources for name in (source.category, *source.categories.values())]
    return {name: name for name in dict.fromkeys(named) if name}


def write(entry: Entry, ctx: Context[NewsConfig]) -> list[FeedTable]:
    rows: list[FeedTable] = []
    for language in entry.languages:
        key = entry.key if language == entry.languages[0] else f"{entry.key}/{language}"
        text = entry.get("text", language)
        rows.append(
            Item(
                key=key,
                title=entry.get("title", language),
                summary=entry.get("summary", language) or first_sentences(text.text),
                text=text.text,
                html=text.html,
                url=entry["url"] or None,
                language=language.partition("-")[0].lower(),
                stated_at=entry.published_at,
                expires_at=entry.expires_at,
                categories=entry["categories"],
                images=[_stored(picture) for picture in entry["images"]],
            )
        )
        parent = stable_id(ctx.city.slug, DESK, Item, key)
        rows += [ItemCategory(key=f"{parent}/{name}", parent=parent, name=name) for name in entry["categories"]]
    return rows


def _stored(picture: Picture) -> dict[str, Any]:
    focus = {} if (picture.x, picture.y) == (0.5, 0.5) else {"x": picture.x, "y": picture.y}
    return {"url": picture.url, "alt": picture.alt, "credit": picture.credit or None, **focus}


def read(row: Item, ctx: Context[NewsConfig]) -> dict[str, Any]:
    return {
        "title": row.title,
        "summary": row.summary,
        "text": row.text,
        "url": row.url or "",
        "categories": list(row.categories),
        "images": [
            {
                "url": one["url"],
                "alt": one.get("alt") or "",
                "credit": one.get("credit") or "",
                "x": one.get("x", 0.5),
                "y": one.get("y", 0.5),
            }
            for one in row.images
        ],
    }


def preview(rows: Sequence[FeedTable], ctx: Context[NewsConfig]) -> NewsItem:
    item = next(row for row in rows if isinstance(row, Item))
    item.published_at = item.stated_at or item.fetched_at
    return NewsItem(ctx=ctx, row=item)


ITEM = ContentType(
    name="item",
    tables=(Item, ItemCategory),
    title="title",
    fields=(
        Field(name="title", kind="line", required=True, translated=True, columns=("title",)),
        Field(name="summary", kind="text", limit=500, translated=True, columns=("summary",)),
        Field(name="text", kind="rich", required=True, translated=True, columns=("text", "html")),
        Field(name="categories", kind="tags", choices=categories, columns=("categories",), parts=(ItemCategory,)),
        Field(name="images", kind="images", most=6, columns=("images",)),
        Field(name="url", kind="link", columns=("url",)),
    ),
    write=write,
    read=read,
    preview=preview,
    category="categories",
)
