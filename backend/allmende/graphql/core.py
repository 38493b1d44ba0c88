"""The core's own mutations: each room has a type of them here, under the same rules as plugins'.

A room adds its type to CORE_MUTATIONS (compose.py): the key begins the names, `account` and `revoke` make
`accountRevoke`. A mutation has one argument, `input`, with a field `city: str`, and says who may call it; one that
does not stops the start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import strawberry
from graphql import GraphQLResolveInfo, GraphQLSchema

from allmende.accounts.permissions import CORE_NAMES
from allmende.city.model import City
from allmende.errors import NotFound
from allmende.graphql.ownership import mutation_owner
from allmende.graphql.request import RequestContext
from allmende.graphql.visibility import field_faults, visibility_of
from allmende.reader import Reader
from allmende.visibility import Visibility


@strawberry.type
class CoreMutations:
    """Base of a room's mutations: `self` is bound to the city of `input`, and to who asks in it."""

    request: strawberry.Private[RequestContext]
    city: strawberry.Private[City]
    reader: strawberry.Private[Reader]


def check_policies(rooms: Mapping[str, type[CoreMutations]]) -> None:
    """TypeError that names every mutation which lacks a policy, names no permission of the core, or has no `input`."""
    faults = []
    for kind in rooms.values():
        faults += field_faults(kind, CORE_NAMES)
        for one in kind.__strawberry_definition__.fields:  # type: ignore[attr-defined]
            if one.base_resolver is not None and [a.python_name for a in one.arguments] != ["input"]:
                faults.append(f"{kind.__name__}.{one.python_name} needs one argument, `input`")
    if faults:
        raise TypeError("; ".join(faults))


def bind_rooms(schema: GraphQLSchema, rooms: Mapping[str, type[CoreMutations]]) -> None:
    """Let every mutation of the rooms be entered through its policy."""
    fields = schema.mutation_type.fields if schema.mutation_type else {}
    for name, field in fields.items():
        room, visible = mutation_owner(name, rooms), visibility_of(field)
        if room is not None and visible is not None and field.resolve is not None:
            field.resolve = _entered(field.resolve, rooms[room], visible, own=room != "account")


def _entered(
    resolve: Callable[..., Any], kind: type[CoreMutations], visible: Visibility, *, own: bool
) -> Callable[..., Any]:
    """A mutation of the core. It is for this city's `own` tokens, unless it is about getting one."""

    def entered(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        context: RequestContext = info.context
        slug = arguments["input"]["city"]
        city = context.services.cities().by_slug.get(slug)
        if city is None:
            raise NotFound(f"input.city: there is no city {slug[:80]!r}")
        context.language(city, None)
        reader = context.acting_in(slug) if own else context.reader_in(slug)
        visible.check(reader)
        return resolve(kind(request=context, city=city, reader=reader), info, **arguments)

    return entered
