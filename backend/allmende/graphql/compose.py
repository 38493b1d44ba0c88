"""One schema from all installed plugins; each is tried alone first, so that a bad one is left out by itself."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Optional

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    print_schema,
)
from graphql.utilities import lexicographic_sort_schema
from msgspec import Struct
from strawberry.schema.config import StrawberryConfig

from allmende.city.model import pick
from allmende.graphql.account import AccountMutations
from allmende.graphql.cases.mutations import CaseMutations
from allmende.graphql.city import CityBase
from allmende.graphql.core import CoreMutations, bind_rooms, check_policies
from allmende.graphql.guard import guard
from allmende.graphql.live.subscription import Subscription
from allmende.graphql.notify import NotifyMutations
from allmende.graphql.ownership import Ownership, mutation_owner, owner, prefix
from allmende.graphql.personal import PrivacyMutations
from allmende.graphql.query import query_type
from allmende.graphql.request import Info
from allmende.graphql.scalars import SCALARS
from allmende.graphql.stand_in import with_stand_ins
from allmende.graphql.types import CityModule, Image
from allmende.graphql.visibility import field_faults
from allmende.registry import Installed, Registry

SHARED = {"Boolean", "Date", "DateTime", "Decimal", "Float", "ID", "Int", "JSON", "Mutation", "String", "Time", "UUID"}
"""Types that any plugin may bring into the schema without owning them."""
CORE_MUTATIONS: Mapping[str, type[CoreMutations]] = {
    "account": AccountMutations,
    "notify": NotifyMutations,
    "case": CaseMutations,
    "privacy": PrivacyMutations,
}
"""Room of the core → its mutations; the key begins their names."""


class Composed(Struct, frozen=True):
    """The schema, the plugins that are in it, and which of its parts belongs to whom."""

    schema: GraphQLSchema
    registry: Registry
    """Without the plugins whose types do not fit; those are in `registry.broken`, with the reason."""
    ownership: Ownership

    @property
    def sdl(self) -> str:
        return sdl(self.schema)


def compose(registry: Registry, committed: str = "") -> Composed:
    """The schema of all plugins that fit together. A plugin that does not fit is quarantined, never the others.

    With the `committed` schema, fields of quarantined plugins stay as that has them, see stand_in.py.
    """
    check_policies(CORE_MUTATIONS)
    core = {name for name in _build({}).type_map if not name.startswith("__")}
    taken: dict[str, str] = {}
    for name, installed in list(registry.plugins.items()):
        types, faults = _examine(name, installed, core, registry.plugins)
        if faults:
            registry = registry.without(name, "; ".join(faults))
        else:
            taken |= dict.fromkeys(types, name)
    schema = _build(registry.plugins)
    ownership = Ownership(types=taken, fields=_owned_fields(schema, registry.plugins))
    guard(schema, ownership, _mutation_types(registry.plugins))
    bind_rooms(schema, CORE_MUTATIONS)
    broken = {one.name for one in registry.broken.values()}
    schema, ownership = with_stand_ins(schema, ownership, committed, broken, registry.plugins)
    return Composed(schema, registry, ownership)


def sdl(schema: GraphQLSchema) -> str:
    """The schema as text, sorted, so that it can be committed and compared."""
    return print_schema(lexicographic_sort_schema(schema)) + "\n"


def undescribed(schema: GraphQLSchema) -> list[str]:
    """Types, fields, arguments and enum values that lack a description: `NewsItem.title`."""
    missing = []
    for name, kind in schema.type_map.items():
        if name.startswith("__") or (name in ("Query", "Mutation") and kind.description is None):
            continue
        if not kind.description:
            missing.append(name)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            missing += [f"{name}.{key}" for key, field in kind.fields.items() if not field.description]
        if isinstance(kind, GraphQLEnumType):
            missing += [f"{name}.{key}" for key, value in kind.values.items() if not value.description]
    return sorted(missing)


def _examine(
    name: str, installed: Installed, core: set[str], plugins: Mapping[str, Installed]
) -> tuple[set[str], list[str]]:
    """The types that the plugin brings, and what is wrong with them."""
    if name in CityBase.__annotations__ or hasattr(CityBase, name):
        return set(), [f"City already has a field {name!r}; the plugin needs another name"]
    faults = [
        f"the plugin's name claims the core's type {kind}" for kind in sorted(core) if kind.startswith(prefix(name))
    ]
    field, mutations = installed.plugin.city_field, installed.plugin.mutations
    permissions = installed.plugin.permission_names
    if field is not None:
        faults += _field_faults(field, permissions)
    if mutations is not None:
        faults += _mutation_faults(mutations, permissions)
    if faults:
        return set(), faults
    try:
        alone = _build({name: installed})
    except Exception as error:  # whatever a plugin's types make Strawberry raise
        return set(), [f"its types make no schema: {type(error).__name__}: {error}"]
    types = {kind for kind in alone.type_map if not kind.startswith("__")} - core - SHARED
    return types, [
        f"type {kind} does not begin with {prefix(name)}" + (f" (it reads as one of {other!r})" if other else "")
        for kind in sorted(types)
        if (other := owner(kind, plugins)) != name
    ]


def _field_faults(field: type, permissions: frozenset[str]) -> list[str]:
    if not (isinstance(field, type) and issubclass(field, CityModule)):
        return [f"city_field {field!r} is no CityModule"]
    faults = _type_faults("city_field", field, permissions)
    needed = [
        f.name
        for f in dataclasses.fields(field)
        if f.init and f.name != "ctx" and f.default is f.default_factory is dataclasses.MISSING
    ]
    return faults + [f"city_field {field.__name__}.{key} has neither a default nor a resolver" for key in needed]


def _mutation_faults(kind: Any, permissions: frozenset[str]) -> list[str]:
    if not (isinstance(kind, type) and issubclass(kind, CityModule)):
        return [f"mutations {getattr(kind, '__name__', kind)!s} is no CityModule: write class …(CityModule)"]
    faults = _type_faults("mutations", kind, permissions)
    for one in [] if faults else _resolvers(kind):
        given = {argument.python_name: argument.type for argument in one.arguments}
        fields = getattr(getattr(given.get("input"), "__strawberry_definition__", None), "fields", ())
        if set(given) != {"input"} or not any(part.python_name == "city" and part.type is str for part in fields):
            faults.append(f"{kind.__name__}.{one.python_name} needs one argument, `input`, with a field `city: str`")
    return faults


def _type_faults(what: str, kind: Any, permissions: frozenset[str]) -> list[str]:
    definition = getattr(kind, "__strawberry_definition__", None)
    if definition is None or definition.origin is not kind:
        return [f"{what} {getattr(kind, '__name__', kind)!s} lacks @strawberry.type"]
    return field_faults(kind, permissions)


def _build(plugins: Mapping[str, Installed]) -> GraphQLSchema:
    fields: dict[str, Any] = {
        name: strawberry.field(
            resolver=_module(name, installed.plugin.city_field),
            name=name,
            graphql_type=Optional[installed.plugin.city_field],  # noqa: UP045 (a value, not an annotation)
            description=f"{pick(installed.manifest.summary, 'en', 'en')} Null where the city does not offer it.",
        )
        for name, installed in plugins.items()
        if installed.plugin.city_field is not None
    }
    city = strawberry.type(type("City", (CityBase,), fields), name="City", description=_description(CityBase))
    schema = strawberry.Schema(
        query=query_type(city),
        mutation=_mutation(plugins),
        subscription=Subscription,
        types=[city, Image, *_types(plugins.values())],
        config=StrawberryConfig(scalar_map=SCALARS),
    )
    return schema._schema


def _module(name: str, field: Any) -> Callable[..., Any]:
    def module(self: CityBase, info: Info) -> Any:
        ctx = info.context.plugin(self.model, name, self.language_)
        return None if ctx is None else field(ctx=ctx)

    return module


def _mutation(plugins: Mapping[str, Installed]) -> type:
    fields = {}
    for name, kind in {**CORE_MUTATIONS, **_mutation_types(plugins)}.items():
        for declared in _resolvers(kind):
            field = copy.copy(declared)
            field.python_name = f"{name}_{declared.python_name}"
            fields[field.python_name] = field
    return strawberry.type(type("Mutation", (), fields), name="Mutation", description="Changes, one after the other.")


def _resolvers(kind: Any) -> list[Any]:
    """The fields of a type of mutations; what it is bound to is none of them."""
    return [one for one in kind.__strawberry_definition__.fields if one.base_resolver is not None]


def _mutation_types(plugins: Mapping[str, Installed]) -> dict[str, type]:
    declared = ((name, installed.plugin.mutations) for name, installed in plugins.items())
    return {name: kind for name, kind in declared if kind is not None}


def _types(installed: Iterable[Installed]) -> list[Any]:
    return [kind for one in installed for kind in one.plugin.shown]


def _description(kind: Any) -> str:
    return str(kind.__strawberry_definition__.description)


def _owned_fields(schema: GraphQLSchema, plugins: Mapping[str, Installed]) -> dict[tuple[str, str], str]:
    owned = {("City", name): name for name in plugins}
    for field in schema.mutation_type.fields if schema.mutation_type else ():
        if name := mutation_owner(field, plugins):
            owned["Mutation", field] = name
    return owned
