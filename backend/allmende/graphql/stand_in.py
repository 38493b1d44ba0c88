"""Fields of plugins that could not be loaded, as they stand in the committed schema.

Apps that are out there send one operation for a whole screen. Without a field that it names, the operation would be
refused as a whole; with a stand-in, every other field answers, and this one is null with PLUGIN_UNAVAILABLE.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    validate_schema,
)

from allmende.graphql.faults import unavailable
from allmende.graphql.ownership import Ownership, mutation_owner, owner

log = structlog.get_logger(__name__)


def with_stand_ins(
    schema: GraphQLSchema, ownership: Ownership, committed: str, broken: Iterable[str], working: Iterable[str]
) -> tuple[GraphQLSchema, Ownership]:
    """The schema with the fields that the committed one has for the broken plugins; as it is where that fails."""
    missing = sorted(set(broken) - set(working))
    if not missing or not committed:
        return schema, ownership
    try:
        promised = build_schema(committed)
    except Exception as error:  # the file was edited by hand, or is none
        log.warning("committed_schema_unreadable", reason=str(error))
        return schema, ownership
    for name in missing:
        try:
            schema, ownership = _Adoption(schema, promised, name, {*missing, *working}).adopt(ownership)
        except Exception as error:  # the core has changed since: the plugin has no field then, and nothing else suffers
            log.warning("no_stand_in", plugin=name, reason=str(error))
    return schema, ownership


class _Adoption:
    """Takes what belongs to one plugin from one schema into another, types of the core staying those of the latter."""

    def __init__(self, schema: GraphQLSchema, promised: GraphQLSchema, plugin: str, plugins: set[str]) -> None:
        self.schema, self.promised, self.plugin, self.plugins = schema, promised, plugin, plugins
        self.made: dict[str, Any] = {}

    def adopt(self, ownership: Ownership) -> tuple[GraphQLSchema, Ownership]:
        fields = [("City", self.plugin)] if self.plugin in _fields(self.promised.type_map.get("City")) else []
        fields += [
            ("Mutation", name)
            for name in _fields(self.promised.mutation_type)
            if mutation_owner(name, self.plugins) == self.plugin
        ]
        for name in self.promised.type_map:
            if owner(name, self.plugins) == self.plugin and name not in self.schema.type_map:
                self._named(name)
        if not fields:
            return self.schema, ownership
        kwargs: dict[str, Any] = dict(self.schema.to_kwargs())
        parents = {"City": self.schema.type_map["City"], "Mutation": self.schema.mutation_type}
        if parents["Mutation"] is None and any(parent == "Mutation" for parent, _ in fields):
            parents["Mutation"] = kwargs["mutation"] = GraphQLObjectType(
                "Mutation", {}, description="Changes, one after the other."
            )
        added = [(parent, name) for parent, name in fields if name not in _fields(parents[parent])]
        try:
            for parent, name in added:
                stand_in = self._field(_fields(self.promised.type_map[parent])[name])
                stand_in.resolve = _module(self.plugin) if parent == "City" else _mutation(self.plugin)
                _fields(parents[parent])[name] = stand_in
            whole = GraphQLSchema(**{**kwargs, "types": (*kwargs["types"], *self.made.values())})
            if errors := validate_schema(whole):
                raise TypeError("; ".join(error.message for error in errors))
        except Exception:
            for parent, name in added:
                _fields(parents[parent]).pop(name, None)
            raise
        whole._strawberry_schema = self.schema._strawberry_schema  # type: ignore[attr-defined]
        return whole, Ownership(
            types={**ownership.types, **dict.fromkeys(self.made, self.plugin)},
            fields={**ownership.fields, **dict.fromkeys(added, self.plugin)},
        )

    def _type(self, kind: Any) -> Any:
        if isinstance(kind, GraphQLNonNull):
            return GraphQLNonNull(self._type(kind.of_type))
        return GraphQLList(self._type(kind.of_type)) if isinstance(kind, GraphQLList) else self._named(kind.name)

    def _named(self, name: str) -> Any:
        known = self.schema.type_map.get(name) or self.made.get(name)
        if known is None:
            kind = self.promised.type_map[name]
            kwargs: dict[str, Any] = dict(kind.to_kwargs())
            if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
                kwargs["fields"] = lambda: {key: self._field(field) for key, field in kind.fields.items()}
            if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
                kwargs["interfaces"] = lambda: [self._named(one.name) for one in kind.interfaces]
            if isinstance(kind, GraphQLUnionType):
                kwargs["types"] = lambda: [self._named(one.name) for one in kind.types]
            known = self.made[name] = type(kind)(**kwargs)
        return known

    def _field(self, field: Any) -> Any:
        kwargs = dict(field.to_kwargs()) | {"type_": self._type(field.type)}
        if isinstance(field, GraphQLInputField):
            return GraphQLInputField(**kwargs)
        kwargs["args"] = {
            name: GraphQLArgument(**{**dict(argument.to_kwargs()), "type_": self._type(argument.type)})
            for name, argument in field.args.items()
        }
        return GraphQLField(**kwargs)


def _fields(kind: Any) -> dict[str, Any]:
    fields: dict[str, Any] = kind.fields if kind is not None else {}
    return fields


def _module(plugin: str) -> Any:
    def resolve(source: Any, info: Any, **arguments: Any) -> None:
        """Null where the city does not offer the module, with an error where it does."""
        if plugin in info.context.services.cities().unavailable.get(source.model.slug, ()):
            raise unavailable(plugin, info.path.as_list())

    return resolve


def _mutation(plugin: str) -> Any:
    def resolve(source: Any, info: Any, **arguments: Any) -> None:
        raise unavailable(plugin, info.path.as_list())

    return resolve
