"""Isolation: what a plugin's resolver raises, or how long it takes, stays the plugin's own matter.

Every field of every plugin type is wrapped on the composed graphql-core schema, so no plugin can step around it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from graphql import GraphQLField, GraphQLNonNull, GraphQLObjectType, GraphQLResolveInfo, GraphQLSchema
from graphql.pyutils import is_awaitable

from allmende.graphql.faults import plugin_fault
from allmende.graphql.ownership import Ownership
from allmende.graphql.request import Info, RequestContext

Resolver = Callable[..., Any]


def guard(schema: GraphQLSchema, ownership: Ownership) -> None:
    """Wrap the resolvers of all fields that belong to plugins."""
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType):
            for field_name, field in kind.fields.items():
                plugin = ownership.of(name, field_name)
                if plugin is not None and field.resolve is not None:
                    field.resolve = _guarded(field, field.resolve, plugin)


def _guarded(field: GraphQLField, resolve: Resolver, plugin: str) -> Resolver:
    required = isinstance(field.type, GraphQLNonNull)

    def guarded(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        try:
            result = resolve(source, info, **arguments)
            if is_awaitable(result):
                return later(result, info)
            if result is None and required:
                raise TypeError(f"{info.parent_type.name}.{info.field_name} is non-null and gave None")
        except Exception as error:
            raise plugin_fault(error, plugin, info.path.as_list()) from error
        return result

    async def later(result: Awaitable[Any], info: GraphQLResolveInfo[Any]) -> Any:
        context: RequestContext = info.context
        try:
            async with context.time_limit(plugin):
                value = await result
            if value is None and required:
                raise TypeError(f"{info.parent_type.name}.{info.field_name} is non-null and gave None")
        except Exception as error:
            raise plugin_fault(error, plugin, info.path.as_list()) from error
        return value

    return guarded


async def gathered(info: Info, work: Mapping[str, Awaitable[Sequence[Any]]]) -> dict[str, Sequence[Any]]:
    """What several plugins give for one list, at the same time; who fails is left out, with an error at this path."""

    async def attempt(plugin: str, part: Awaitable[Sequence[Any]]) -> Sequence[Any]:
        try:
            async with info.context.time_limit(plugin):
                return await part
        except Exception as error:
            info.context.errors.append(plugin_fault(error, plugin, info.path.as_list()))
            return ()

    parts = await asyncio.gather(*(attempt(plugin, part) for plugin, part in work.items()))
    return dict(zip(work, parts, strict=True))
