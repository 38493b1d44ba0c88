"""What apps can ask of the news."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from datetime import datetime
from typing import Annotated, Any

import strawberry
from allmende import (
    DESK,
    PUBLIC,
    CityModule,
    Context,
    FeedItem,
    Image,
    Prepared,
    SearchHit,
    check_first,
    column,
    computed,
    field,
    paged,
    row,
    rows,
)

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


def _first(ctx: Context[Any], many: Sequence[Any]) -> Any:
    return next(iter(many), None)


def _all(ctx: Context[Any], many: Sequence[Any]) -> list[Any]:
    return list(many)


def _module(ctx: Context[Any]) -> str:
    return ctx.plugin


def _image(ctx: Context[Any], pictures: Sequence[dict[str, Any]]) -> Image | None:
    return next(iter(_images(ctx, pictures[:1])), None)


def _images(ctx: Context[Any], pictures: Sequence[dict[str, Any]]) -> list[Image]:
    return [
        Image(
            url=ctx.address(one["url"]),
            alt=one.get("alt", ""),
            caption=one.get("caption"),
            credit=one.get("credit"),
            focus_x=one.get("x"),
            focus_y=one.get("y"),
        )
        for one in pictures
    ]


def _source(ctx: Context[NewsConfig], id_: str) -> NewsSource | None:
    if id_ == DESK:
        return NewsSource(title=ctx.city.official_name or ctx.city.name, url=None, licence=None, attribution=None)
    found = next((source for source in ctx.config.sources if source.id == id_), None)
    if found is None:
        return None
    return NewsSource(
        title=ctx.pick(found.title) or found.id,
        url=found.url or None,
        licence=found.licence or None,
        attribution=found.attribution or None,
    )


@strawberry.type(description="One piece of news.")
class NewsItem(FeedItem, SearchHit):
    ctx: strawberry.Private[Context[NewsConfig]]
    row: strawberry.Private[Item]

    id: strawberry.ID = column(Item.id, description="Stable across imports, unique across cities.")
    title: str = column(Item.title, description="One line of plain text.")
    module: str = computed(_module, steady=True, description="Always `news`.")
    date: datetime = column(Item.published_at, description="The same as publishedAt.")
    published_at: datetime = column(
        Item.published_at,
        description="When it was published; if the source does not say when, when it was first seen.",
    )
    updated_at: datetime | None = column(Item.updated_at, description="When the source last changed it, if it says so.")
    summary: str = column(Item.summary, description="A few sentences of plain text; empty where the title says it all.")
    text: str = column(Item.text, description="The whole text, plain, with an empty line between paragraphs.")
    html: str = column(
        Item.html, description="The whole text as HTML without scripts, styles, frames and images; safe to embed."
    )
    url: str | None = column(Item.url, description="Where to read it on the web.")
    language: str = column(Item.language, description="Language of the texts, a primary subtag of BCP 47.")
    category: str | None = computed(_first, Item.categories, steady=True, description="The first of its categories.")
    categories: list[str] = computed(_all, Item.categories, steady=True, description="All of its categories.")
    image: Image | None = computed(_image, Item.images, steady=True, description="The picture to show in lists.")
    images: list[Image] = computed(_images, Item.images, steady=True, description="All pictures.")
    source: NewsSource | None = computed(_source, Item.source, steady=True, description="Where it comes from.")


@strawberry.type(description="A category of news.")
class NewsCategory:
    name: str = strawberry.field(description="As readers see it, and as `category` takes it.")
    count: int = strawberry.field(description="How many items have it.")


@strawberry.type(description="What the town hall and others publish.")
class News(CityModule):
    @rows(NewsItem, visible=PUBLIC, description="The newest items, for a home screen.")
    def latest(self, first: First = 10, category: Category = None, language: Language = None) -> Prepared:
        check_first(first)
        return service.latest(self.ctx, first, category=category, language=language)

    @paged(NewsItem, order=service.ORDER, visible=PUBLIC, description="All items, newest first, in pages.")
    def items(
        self,
        first: First = 20,
        after: Annotated[str | None, strawberry.argument(description="Cursor after which to go on.")] = None,
        category: Category = None,
        language: Language = None,
        search: Annotated[
            str | None, strawberry.argument(description="Only those that hold these words; among the 200 best hits.")
        ] = None,
    ) -> Prepared | Awaitable[Prepared]:
        if search and search.strip():
            return service.matching(self.ctx, search, category=category, language=language)
        return service.listing(self.ctx, category=category, language=language)

    @row(NewsItem, visible=PUBLIC, description="One item; null if there is none (any more) with this id.")
    def item(
        self, id: Annotated[strawberry.ID, strawberry.argument(description="As other fields give it.")]
    ) -> Prepared:
        return service.by_ids(self.ctx, [str(id)])

    @field(visible=PUBLIC, description="The categories in use, the commonest first.")
    async def categories(self, language: Language = None) -> list[NewsCategory]:
        found = await service.categories(self.ctx, language)
        return [NewsCategory(name=name, count=count) for name, count in found]
