"""Isolation: what a plugin's resolver raises, how long it takes, or how much it gives, stays the plugin's own matter.

Every field of every plugin type is wrapped on the composed graphql-core schema, so no plugin can step around it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLResolveInfo,
    GraphQLSchema,
)
from graphql.pyutils import is_awaitable

from allmende import metrics
from allmende.errors import AllmendeError, NotFound
from allmende.graphql.caps import fitting
from allmende.graphql.faults import plugin_fault, unavailable
from allmende.graphql.ownership import Ownership, prefix
from allmende.graphql.request import Info, RequestContext
from allmende.graphql.types import CityModule
from allmende.graphql.visibility import visibility_of
from allmende.isolation import bounded
from allmende.visibility import PUBLIC

Resolver = Callable[..., Any]
MAX_ITEMS = 1000
"""Items that a plugin's hook may give for one list in which plugins meet."""


def guard(schema: GraphQLSchema, ownership: Ownership, mutations: Mapping[str, type] = MappingProxyType({})) -> None:
    """Wrap the resolvers of all fields that belong to plugins; `mutations` are the plugins' types of them."""
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLObjectType):
            for field_name, field in kind.fields.items():
                plugin = ownership.of(name, field_name)
                if plugin is not None and field.resolve is not None:
                    resolve = _admitted(field)
                    if name == "City":
                        resolve = _gated(resolve, plugin)
                    elif name == "Mutation":
                        resolve = _entered(resolve, plugin, mutations[plugin])
                    field.resolve = _guarded(field, resolve, plugin)


def _admitted(field: GraphQLField) -> Resolver:
    """The resolver of an entry, which whoever may not see it does not reach."""
    resolve = field.resolve
    assert resolve is not None
    visible = visibility_of(field)
    if visible is None or visible == PUBLIC:
        return resolve

    def admitted(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        visible.check(source.ctx.reader)
        return resolve(source, info, **arguments)

    return admitted


def _entered(resolve: Resolver, plugin: str, kind: type) -> Resolver:
    """A mutation: its `self` is bound to the city of `input`, to the plugin and to whoever asks, like a module's."""

    def entered(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        context: RequestContext = info.context
        slug = arguments["input"]["city"]
        city = context.services.cities().by_slug.get(slug)
        if city is None:
            raise NotFound(f"input.city: there is no city {slug!r}")
        context.acting_in(slug)
        path = info.path.as_list()
        context.paths[tuple(path)] = slug
        ctx = context.plugin(city, plugin, context.language(city, None))
        if ctx is None:
            raise AllmendeError(f"{slug} does not offer {plugin} at the moment", code="MODULE_OFF")
        if not context.admit(slug, plugin):
            raise unavailable(plugin, path)
        if context.done is not None:
            return context.done.again()
        return resolve(kind(ctx=ctx), info, **arguments)

    return entered


def _gated(resolve: Resolver, plugin: str) -> Resolver:
    """`City.<plugin>`: null where the module is off, refused at once while its circuit breaker is open."""

    def gated(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        context: RequestContext = info.context
        module = resolve(source, info, **arguments)
        if module is not None:
            path = info.path.as_list()
            context.paths[tuple(path)] = source.model.slug
            if not context.admit(source.model.slug, plugin):
                raise unavailable(plugin, path)
        return module

    return gated


def _guarded(field: GraphQLField, resolve: Resolver, plugin: str) -> Resolver:
    required = isinstance(field.type, GraphQLNonNull)
    kind: GraphQLOutputType = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    many = isinstance(kind, GraphQLList)

    def fitted(value: Any, info: GraphQLResolveInfo[Any]) -> Any:
        if value is None:
            if required:
                raise TypeError(f"{info.parent_type.name}.{info.field_name} is non-null and gave None")
        elif many or type(value) in _HEAVY:
            return fitting(value, kind, info.context, plugin)
        return value

    def guarded(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        try:
            result = resolve(source, info, **arguments)
            if is_awaitable(result):
                return later(result, info, isinstance(source, CityModule))
            return fitted(result, info)
        except BaseException as error:
            raise plugin_fault(error, plugin, info.path.as_list()) from error

    async def later(result: Awaitable[Any], info: GraphQLResolveInfo[Any], is_entry: bool) -> Any:
        began = time.perf_counter()
        try:
            value = await bounded(result, info.context.seconds_left(plugin, _root(info)))
            return fitted(value, info)
        except Exception as error:
            raise plugin_fault(error, plugin, info.path.as_list()) from error
        finally:
            if is_entry:
                metrics.FIELD_SECONDS.labels(plugin, info.field_name).observe(time.perf_counter() - began)

    return guarded


_HEAVY = {str, bytes, list, tuple, dict}


def _root(info: GraphQLResolveInfo[Any]) -> str | int:
    path = info.path
    while path.prev is not None:
        path = path.prev
    return path.key


async def gathered(
    info: Info, city: str, work: Mapping[str, Callable[[], Awaitable[Sequence[Any]]]]
) -> dict[str, Sequence[Any]]:
    """What several plugins give for one list, at the same time; who fails is left out, with an error at this path."""
    context, path = info.context, info.path.as_list()
    context.paths[tuple(path)] = city

    async def attempt(plugin: str, load: Callable[[], Awaitable[Sequence[Any]]]) -> Sequence[Any]:
        try:
            if not context.admit(city, plugin, named=False):
                raise unavailable(plugin, path)
            return checked(info, plugin, await bounded(_called(load), context.seconds_left(plugin, path[0])))
        except GraphQLError as error:
            context.errors.append(error)
        except Exception as error:
            context.errors.append(plugin_fault(error, plugin, path))
        return ()

    parts = await asyncio.gather(*(attempt(plugin, load) for plugin, load in work.items()))
    return dict(zip(work, parts, strict=True))


async def _called(load: Callable[[], Awaitable[Sequence[Any]]]) -> Sequence[Any]:
    return await load()


def checked(info: Info, plugin: str, found: Any) -> Sequence[Any]:
    """The items, if they are what a list in which plugins meet can hold."""
    items = list(islice(found, MAX_ITEMS + 1))
    if len(items) > MAX_ITEMS:
        raise ValueError(f"{plugin} gave more than {MAX_ITEMS} items")
    for item in items:
        definition = getattr(type(item), "__strawberry_definition__", None)
        if definition is None or not str(definition.name).startswith(prefix(plugin)):
            raise TypeError(f"{plugin} gave an item that is no object of a type of its own: {type(item).__name__}")
        if definition.name not in info._raw_info.schema.type_map:
            raise TypeError(f"{definition.name} is not in the schema; name it in Plugin(types=…)")
        for name in ("id", "title"):
            if not isinstance(getattr(item, name, ""), str):
                raise TypeError(f"{plugin} gave an item whose {name} is no text")
    return items
