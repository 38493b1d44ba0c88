"""City.changes: what is new, different or gone since an app last asked, in pages."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, get_args, get_type_hints

import strawberry

from allmende.changes.read import Changed, Position, read_changes
from allmende.city.model import City
from allmende.context import Context
from allmende.errors import InputError
from allmende.graphql.guard import gathered
from allmende.graphql.meeting import ids_for, objects
from allmende.graphql.pages import check_first, decode_cursor, encode_cursor
from allmende.graphql.request import Info
from allmende.graphql.types import SearchHit
from allmende.plugin import Plugin, Search

CAP = 500
CURSOR = "changes"
Module = tuple[Plugin, Context[Any]]


class _Nodes:
    """The items of one page, loaded together when the first of them is wanted: one statement per table."""

    def __init__(self, city: City, modules: Sequence[Module], changed: Sequence[Changed]) -> None:
        self.city, self.modules = city, modules
        self.changed = [one for one in changed if not one.deleted]
        self._loading: asyncio.Task[dict[str, Any]] | None = None

    async def get(self, info: Info, id_: str) -> Any:
        if self._loading is None:
            self._loading = asyncio.ensure_future(self._load(info))
        return (await self._loading).get(id_)

    async def _load(self, info: Info) -> dict[str, Any]:
        work = {}
        for plugin, ctx in self.modules:
            wanted = [
                (search, ids)
                for search in plugin.search
                if (ids := [one.id for one in self.changed if one.kind == search.table.__tablename__])
            ]
            if wanted:
                work[plugin.name] = partial(_load, ctx, wanted)
        loaded = await gathered(info, self.city.slug, work)
        return {str(item.id): item for items in loaded.values() for item in items}


async def _load(ctx: Context[Any], wanted: list[tuple[Search, list[str]]]) -> Sequence[Any]:
    return [item for search, ids in wanted for item in await objects(search, ctx, ids_for(search, ids))]


@strawberry.type(description="An item that is new, different or gone.")
class CityChangedItem:
    found: strawberry.Private[Changed]
    nodes: strawberry.Private[_Nodes]
    module: str = strawberry.field(description="Name of the module that it belongs to.")
    type: str | None = strawberry.field(
        description="Name of the type of `node`; null where the module shows its items by fields of its own only."
    )
    id: strawberry.ID = strawberry.field(description="Of the item; the same as in the module's own fields.")
    deleted: bool = strawberry.field(description="Whether it is gone.")

    @strawberry.field(
        description="The item as it is now. Null where it is gone, is not shown at present, or has no `type`."
    )
    async def node(self, info: Info) -> SearchHit | None:
        if self.deleted or self.type is None:
            return None
        node: SearchHit | None = await self.nodes.get(info, self.found.id)
        return node


@strawberry.type(description="What has changed in a city, in the order of the changes.")
class CityChanges:
    items: list[CityChangedItem] = strawberry.field(
        description="Each changed item once, as it last changed; also where only parts of it did (dates, pickups)."
    )
    cursor: str = strawberry.field(description="Keep it, and give it as `since` the next time.")
    has_more: bool = strawberry.field(description="Whether to ask for the next page at once.")
    reset: bool = strawberry.field(
        description="Whether to drop all items of these modules first: `since` is too old, or other modules are on."
    )


async def changes(info: Info, city: City, modules: Sequence[Module], since: str | None, first: int) -> CityChanges:
    """One page; two statements, and one more per table for the nodes if they are asked for."""
    check_first(first, CAP)
    types = {search.table.__tablename__: _type_name(search) for plugin, _ in modules for search in plugin.search}
    names = [plugin.name for plugin, _ in modules]
    page = await read_changes(info.context.services.database, city.slug, names, _position(since), first)
    nodes = _Nodes(city, modules, page.items)
    items = [
        CityChangedItem(
            found=one,
            nodes=nodes,
            module=one.plugin,
            type=types.get(one.kind),
            id=strawberry.ID(one.id),
            deleted=one.deleted,
        )
        for one in page.items
    ]
    at = page.position
    cursor = encode_cursor(CURSOR, [at.epoch, at.modules, at.head, at.version, at.id])
    return CityChanges(items=items, cursor=cursor, has_more=page.more, reset=page.reset)


def _position(since: str | None) -> Position | None:
    if since is None:
        return None
    epoch, modules, head, version, id_ = decode_cursor(since, CURSOR, 5)
    texts = all(isinstance(one, str) for one in (epoch, modules, id_))
    if not texts or any(type(one) is not int or not 0 <= one < 2**60 for one in (head, version)):
        raise InputError("since: not a cursor of `changes`; leave it out to begin anew", code="BAD_CURSOR")
    return Position(epoch, modules, head, version, id_)


@lru_cache(maxsize=1000)
def _type_name(search: Search) -> str | None:
    """The GraphQL type of what a Search shows, or that its function says it gives."""
    kinds: Sequence[Any] = (search.shows,)
    if search.shows is None:
        try:
            kinds = get_args(get_type_hints(search.load).get("return"))
        except (NameError, TypeError):
            return None
    for kind in kinds:
        definition = getattr(kind, "__strawberry_definition__", None)
        if definition is not None:
            return str(definition.name)
    return None
