"""Where plugins meet without knowing each other: `City.feed`, `City.search` and `City.map`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from inspect import isawaitable
from itertools import chain, islice, zip_longest
from typing import Any

import strawberry
from msgspec import Struct

from allmende.city.model import BBox, City
from allmende.context import Context
from allmende.errors import InputError
from allmende.graphql.guard import MAX_ITEMS, gathered
from allmende.graphql.pages import as_instant, check_first, decode_cursor, encode_cursor
from allmende.graphql.plan.declare import made_of
from allmende.graphql.plan.kin import padded
from allmende.graphql.request import Info
from allmende.graphql.types import FeedItem, PageInfo
from allmende.plugin import Feed, Map, Plugin, Search
from allmende.search.index import Found, search_all

FEED_CURSOR = "feed"


@strawberry.type(description="One item of a city's feed, with its cursor.")
class FeedItemEdge:
    cursor: str = strawberry.field(description="Opaque position of this item; give it as `after`.")
    node: FeedItem | None = strawberry.field(description="The item; null, with an error, where its module failed.")


@strawberry.type(description="A page of a city's feed (Relay Cursor Connections).")
class FeedItemConnection:
    edges: list[FeedItemEdge] = strawberry.field(description="The items of this page, with cursors.")
    page_info: PageInfo = strawberry.field(description="How to go on.")

    @strawberry.field(description="The items of this page; null, with an error, where an item's module failed.")
    def nodes(self) -> list[FeedItem | None]:
        return [edge.node for edge in self.edges]


def enabled(info: Info, city: City, language: str, only: Sequence[str] | None) -> list[tuple[Plugin, Context[Any]]]:
    """The plugins that the city has on (of those asked for), each with its context."""
    registry = info.context.services.registry
    unknown = sorted(set(only or ()) - registry.plugins.keys() - registry.broken.keys())
    if unknown:
        raise InputError(f"modules: no module is called {unknown[0]!r}")
    names = [name for name in registry.plugins if only is None or name in only]
    found = ((registry.plugins[name].plugin, info.context.plugin(city, name, language)) for name in names)
    return [(plugin, ctx) for plugin, ctx in found if ctx is not None]


async def feed(
    info: Info, city: City, plugins: list[tuple[Plugin, Context[Any]]], first: int, after: str | None
) -> FeedItemConnection:
    """The plugins' items merged, newest first, ties by id.

    The cursor is (date, id, how many of that date were shown): as many are asked for on top, so that items with one
    timestamp across a page's border are neither lost nor shown twice.
    """
    position = beginning(first, after)
    before, most = wanted(first, position)

    async def load(plugin: Plugin, ctx: Context[Any]) -> Sequence[Any]:
        assert plugin.feed is not None
        items = list(islice(await objects(plugin.feed, ctx, before, most), MAX_ITEMS + 1))
        check_dates(plugin.name, items)
        return items

    work = {plugin.name: partial(load, plugin, ctx) for plugin, ctx in plugins if plugin.feed}
    parts = await gathered(info, city.slug, work)
    found = page([(item.date, item.id, item) for item in chain.from_iterable(parts.values())], first, position)
    edges = [FeedItemEdge(cursor=cursor, node=item) for cursor, item in found.edges]
    return FeedItemConnection(edges=edges, page_info=found.info)


Place = tuple[datetime, str, int]


class Page(Struct, frozen=True):
    """A page of a feed."""

    edges: list[tuple[str, Any]]
    """Cursor and item."""
    info: PageInfo


def beginning(first: int, after: str | None) -> Place | None:
    """Where a page begins; None is the very beginning. InputError for what is no page."""
    check_first(first)
    return _position(after)


def wanted(first: int, position: Place | None) -> tuple[datetime | None, int]:
    """Before which instant each plugin is asked for items, and for how many."""
    if position is None:
        return None, first + 1
    return position[0] + timedelta(microseconds=1), first + 1 + position[2]


def check_dates(plugin: str, items: Sequence[Any]) -> None:
    for item in items:
        if not isinstance(item.date, datetime) or item.date.tzinfo is None or not isinstance(item.id, str):
            raise TypeError(f"Feed.load of {plugin} gave an item without id or date: {item!r}")


def page(dated: Sequence[tuple[datetime, str, Any]], first: int, position: Place | None) -> Page:
    """A page of items, each with its date and id."""
    dated = sorted(dated, key=lambda one: (-one[0].timestamp(), one[1]))
    if position is not None:
        begin, last, _ = position
        dated = [(date, id_, item) for date, id_, item in dated if date < begin or (date == begin and id_ > last)]
    edges: list[tuple[str, Any]] = []
    shown, same = (position[0], position[2]) if position else (None, 0)
    for date, id_, item in dated[:first]:
        same = same + 1 if date == shown else 1
        shown = date
        edges.append((encode_cursor(FEED_CURSOR, [date.astimezone(UTC), id_, same]), item))
    info = PageInfo(
        has_next_page=len(dated) > first,
        has_previous_page=position is not None,
        start_cursor=edges[0][0] if edges else None,
        end_cursor=edges[-1][0] if edges else None,
    )
    return Page(edges, info)


async def objects(hook: Feed | Map | Search, ctx: Context[Any], *asked: Any) -> Sequence[Any]:
    """What a hook has, as objects: those that it gives, or those that show the rows of its statement."""
    found = hook.load(ctx, *asked)
    given: Any = await found if isawaitable(found) else found
    if hook.shows is not None:
        given = made_of(hook.shows, None, ctx, await given.scalars(ctx), given.shared) if given is not None else ()
    items: Sequence[Any] = given
    return items


def ids_for(hook: Search, ids: list[str]) -> list[str]:
    """The ids that a hook is asked for. Those of a statement are filled up, so that there are few statements."""
    return ids if hook.shows is None else padded(ids)


def _position(after: str | None) -> Place | None:
    if after is None:
        return None
    try:
        date, last, same = decode_cursor(after, FEED_CURSOR, 3)
        moment = as_instant(datetime.fromisoformat(date))
        if not isinstance(last, str) or type(same) is not int or not 0 < same < 10_000:
            raise ValueError
    except (ValueError, OverflowError, TypeError) as error:
        raise InputError("after: not a cursor of this feed; leave it out to begin anew", code="BAD_CURSOR") from error
    return moment, last, same


async def search(
    info: Info, city: City, plugins: list[tuple[Plugin, Context[Any]]], text: str, first: int
) -> list[Any]:
    """One statement on the index, then one load per table that was hit; best first."""
    check_first(first, 50)
    searched = {
        (plugin.name, part.table.__tablename__): (part, ctx) for plugin, ctx in plugins for part in plugin.search
    }
    found = await search_all(info.context.services.database, city.slug, {name for name, _ in searched}, text, first)
    wanted: dict[str, list[tuple[Search, Context[Any], list[str]]]] = {}
    for (name, kind), (part, ctx) in searched.items():
        ids = [hit.id for hit in found if (hit.plugin, hit.kind) == (name, kind)]
        if ids:
            wanted.setdefault(name, []).append((part, ctx, ids))

    async def load(parts: list[tuple[Search, Context[Any], list[str]]]) -> Sequence[Any]:
        return [hit for part, ctx, ids in parts for hit in await objects(part, ctx, ids_for(part, ids))]

    loaded = await gathered(info, city.slug, {name: partial(load, parts) for name, parts in wanted.items()})
    return _ranked(found, loaded)


def _ranked(found: list[Found], loaded: dict[str, Sequence[Any]]) -> list[Any]:
    by_id = {(name, getattr(hit, "id", None)): hit for name, hits in loaded.items() for hit in hits}
    return [by_id[hit.plugin, hit.id] for hit in found if (hit.plugin, hit.id) in by_id]


async def features(
    info: Info, city: City, plugins: list[tuple[Plugin, Context[Any]]], bbox: BBox, first: int
) -> list[Any]:
    """What lies in the box, in turns from each module, so that none crowds out the others."""
    check_first(first, 1000)
    work = {plugin.name: partial(objects, plugin.map, ctx, bbox, first) for plugin, ctx in plugins if plugin.map}
    loaded = await gathered(info, city.slug, work)
    turns = chain.from_iterable(zip_longest(*loaded.values()))
    return [feature for feature in turns if feature is not None][:first]
