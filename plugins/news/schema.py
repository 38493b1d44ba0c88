"""What apps can ask of the news."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry
from allmende import PUBLIC, CityModule, Connection, Context, FeedItem, Image, SearchHit, check_first, field, paginate

from . import service
from .config import NewsConfig
from .tables import Item

First = Annotated[int, strawberry.argument(description="How many at most, 0 to 100.")]
Category = Annotated[
    str | None, strawberry.argument(description="Only those with this category, as `categories` names it.")
]
Language = Annotated[
    str | None,
    strawberry.argument(
        description="BCP 47 tag. By default the reader's language if there is news in it, else the city's own."
    ),
]


@strawberry.type(description="Where a piece of news comes from.")
class NewsSource:
    title: str = strawberry.field(description="Name of the publisher or feed.")
    url: str | None = strawberry.field(description="Address of the feed; null for a file that the city keeps itself.")
    licence: str | None = strawberry.field(description="Under which the publisher offers it, if that is known.")
    attribution: str | None = strawberry.field(description="What must be said of the origin, if anything.")


@strawberry.type(description="One piece of news.")
class NewsItem(FeedItem, SearchHit):
    id: strawberry.ID = strawberry.field(description="Stable across imports, unique across cities.")
    title: str = strawberry.field(description="One line of plain text.")
    module: str = strawberry.field(description="Always `news`.")
    date: datetime = strawberry.field(description="The same as publishedAt.")
    published_at: datetime = strawberry.field(
        description="When it was published; if the source does not say when, when it was first seen."
    )
    updated_at: datetime | None = strawberry.field(description="When the source last changed it, if it says so.")
    summary: str = strawberry.field(description="A few sentences of plain text; empty where the title says it all.")
    text: str = strawberry.field(description="The whole text, plain, with an empty line between paragraphs.")
    html: str = strawberry.field(
        description="The whole text as HTML without scripts, styles, frames and images; safe to embed."
    )
    url: str | None = strawberry.field(description="Where to read it on the web.")
    language: str = strawberry.field(description="Language of the texts, a primary subtag of BCP 47.")
    category: str | None = strawberry.field(description="The first of its categories.")
    categories: list[str] = strawberry.field(description="All of its categories.")
    image: Image | None = strawberry.field(description="The picture to show in lists.")
    images: list[Image] = strawberry.field(description="All pictures.")
    source: NewsSource | None = strawberry.field(description="Where it comes from.")


@strawberry.type(description="A category of news.")
class NewsCategory:
    name: str = strawberry.field(description="As readers see it, and as `category` takes it.")
    count: int = strawberry.field(description="How many items have it.")


@strawberry.type(description="What the town hall and others publish.")
class News(CityModule):
    @field(visible=PUBLIC, description="The newest items, for a home screen.")
    async def latest(self, first: First = 10, category: Category = None, language: Language = None) -> list[NewsItem]:
        check_first(first)
        rows = await service.latest(self.ctx, first, category=category, language=language)
        return [make_item(self.ctx, row) for row in rows]

    @field(visible=PUBLIC, description="All items, newest first, in pages.")
    async def items(
        self,
        first: First = 20,
        after: Annotated[str | None, strawberry.argument(description="Cursor after which to go on.")] = None,
        category: Category = None,
        language: Language = None,
        search: Annotated[
            str | None, strawberry.argument(description="Only those that hold these words; among the 200 best hits.")
        ] = None,
    ) -> Connection[NewsItem]:
        if search and search.strip():
            statement = await service.matching(self.ctx, search, category=category, language=language)
        else:
            statement = service.listing(self.ctx, category=category, language=language)
        return await paginate(
            self.ctx,
            statement,
            order=service.ORDER,
            first=first,
            after=after,
            make=lambda row: make_item(self.ctx, row),
        )

    @field(visible=PUBLIC, description="One item; null if there is none (any more) with this id.")
    async def item(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="As other fields give it.")]
    ) -> NewsItem | None:
        rows = await service.by_ids(self.ctx, [str(id)])
        return make_item(self.ctx, rows[0]) if rows else None

    @field(visible=PUBLIC, description="The categories in use, the commonest first.")
    async def categories(self, language: Language = None) -> list[NewsCategory]:
        found = await service.categories(self.ctx, language)
        return [NewsCategory(name=name, count=count) for name, count in found]


def make_item(ctx: Context[NewsConfig], row: Item) -> NewsItem:
    """The row as readers of this city see it."""
    images = [_image(one) for one in row.images]
    published_at = ctx.localize(row.published_at)
    return NewsItem(
        id=strawberry.ID(row.id),
        title=row.title,
        module="news",
        date=published_at,
        published_at=published_at,
        updated_at=ctx.localize(row.updated_at) if row.updated_at else None,
        summary=row.summary,
        text=row.text,
        html=row.html,
        url=row.url,
        language=row.language,
        category=next(iter(row.categories), None),
        categories=list(row.categories),
        image=next(iter(images), None),
        images=images,
        source=_source(ctx, row.source),
    )


def _image(one: dict[str, Any]) -> Image:
    return Image(url=one["url"], alt=one.get("alt", ""), caption=one.get("caption"), credit=one.get("credit"))


def _source(ctx: Context[NewsConfig], id_: str) -> NewsSource | None:
    found = next((source for source in ctx.config.sources if source.id == id_), None)
    if found is None:
        return None
    return NewsSource(
        title=ctx.pick(found.title) or found.id,
        url=found.url or None,
        licence=found.licence or None,
        attribution=found.attribution or None,
    )


async def load_feed(ctx: Context[NewsConfig], before: datetime | None, first: int) -> Sequence[NewsItem]:
    """The news in the city's feed."""
    return [make_item(ctx, row) for row in await service.latest(ctx, first, before=before)]


async def load_hits(ctx: Context[NewsConfig], ids: Sequence[str]) -> Sequence[NewsItem]:
    """The news among what a search of the city has found."""
    return [make_item(ctx, row) for row in await service.by_ids(ctx, ids)]
