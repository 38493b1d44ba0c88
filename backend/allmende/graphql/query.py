"""The root of the schema: a city, or many."""

from __future__ import annotations

from typing import Annotated, Any, Optional

import strawberry

from allmende.city.model import City
from allmende.errors import InputError
from allmende.graphql.account import Me, me
from allmende.graphql.arguments import After, First, Language
from allmende.graphql.city import CityBase
from allmende.graphql.inputs import PositionInput
from allmende.graphql.pages import check_first, connection, decode_cursor, encode_cursor
from allmende.graphql.request import Info, RequestContext
from allmende.graphql.types import Connection, Edge

Which = Annotated[str | None, strawberry.argument(description="Its slug; without it, that of the host name.")]
Search = Annotated[
    str, strawberry.argument(description="Beginning of a word of its name or Kreis, or of its AGS or ARS.")
]
Near = Annotated[PositionInput | None, strawberry.argument(description="Where the reader is: the nearest first.")]


def find_city(context: RequestContext, slug: str | None = None, language: str | None = None) -> tuple[City, str] | None:
    """The city that is asked for, and the language in which it is answered for; None where there is no such city."""
    if slug is not None:
        found = context.services.cities().by_slug.get(slug)
    else:
        found = context.city_of_host()
        if found is None:
            raise InputError("slug: say which city; this host name belongs to none")
    return (found, context.language(found, language)) if found is not None else None


def query_type(city_type: type[CityBase]) -> type:
    """The type Query for this composed type City."""

    def city(info: Info, slug: Which = None, language: Language = None) -> Any:
        found = find_city(info.context, slug, language)
        return city_type(model=found[0], language_=found[1]) if found else None

    def cities(
        info: Info,
        search: Search = "",
        near: Near = None,
        first: First = 20,
        after: After = None,
        language: Language = None,
    ) -> Any:
        check_first(first)
        directory = info.context.services.directory
        tag = "near" if near else "name"
        key = None
        if after is not None:
            value, slug = decode_cursor(after, tag, 2)
            if not isinstance(slug, str) or not isinstance(value, float | int if near else str):
                raise InputError("after: not a cursor of this list; leave it out to begin anew", code="BAD_CURSOR")
            key = (value, slug)
        found, more = directory.page(search, near.checked("near") if near else None, first, key)

        def node(city: City) -> CityBase:
            return city_type(model=city, language_=info.context.language(city, language, listed=True))

        edges = [Edge(cursor=encode_cursor(tag, key), node=node(city)) for key, city in found]

        async def count() -> int:
            return directory.count(search)

        return connection(edges, more=more, after=after, counter=count)

    fields = {
        "me": strawberry.field(
            resolver=me,
            graphql_type=Optional[Me],  # noqa: UP045 (a value, not an annotation)
            description="Who asks, by the token of the request; null without one.",
        ),
        "city": strawberry.field(
            resolver=city,
            graphql_type=Optional[city_type],  # noqa: UP045 (a value, not an annotation)
            description="A city by its slug, or the one that this host name belongs to; null where there is none.",
        ),
        "cities": strawberry.field(
            resolver=cities,
            graphql_type=Connection[city_type],  # type: ignore[valid-type]
            description="The cities of this instance by name, or by distance from `near`; `search` finds beginnings.",
        ),
    }
    return strawberry.type(type("Query", (), fields), name="Query", description="What can be asked.")
