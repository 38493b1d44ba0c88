"""Operations that ask for everything a composed schema has, made from the schema alone.

Every field is asked for with all that can be selected below it, and every argument is given everything that another
city's ids, cursors and texts could be: a new plugin is asked without a line of it being written here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from allmende.graphql.compose import Composed
from allmende.graphql.visibility import visibility_of
from allmende.testing import NOON
from allmende.visibility import PUBLIC, Visibility
from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    get_named_type,
    is_required_argument,
    is_required_input_field,
)

DEPTH = 7
MANY = 8


class Probe(NamedTuple):
    """One field that is asked for: its document, and the arguments that can be given to it."""

    name: str
    """`City.news.item`, `Query.cities`, `Mutation.towerBuildUp`."""
    document: str
    arguments: Mapping[str, GraphQLArgument]
    visible: Visibility = PUBLIC

    def calls(self, slug: str, pool: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Variables: what is required and nothing else, then every value of the pool in every argument for itself."""
        fixed = {"city_": slug} if "$city_" in self.document else {}
        base = fixed | {
            name: value_for(argument.type, pool[0], name)
            for name, argument in self.arguments.items()
            if is_required_argument(argument) or name == "first"
        }
        for variables in self._variants(base, pool):
            if isinstance(variables.get("input"), dict) and "city" in variables["input"]:
                variables["input"]["city"] = (
                    slug  # every text of the input is the other city's, but not where it is sent
                )
            yield variables

    def _variants(self, base: dict[str, Any], pool: Sequence[str]) -> Iterator[dict[str, Any]]:
        yield base
        for name, argument in self.arguments.items():
            if takes_text(argument.type):
                for text in pool:
                    yield base | {name: value_for(argument.type, text)}
            elif isinstance(kind := get_named_type(argument.type), GraphQLEnumType):
                yield from (base | {name: value_for(argument.type, value)} for value in kind.values)
            elif name != "first":
                yield base | {name: value_for(argument.type, pool[0], name)}


def probes(composed: Composed) -> list[Probe]:
    """Every way to read: the fields of City, of its modules, and of Query."""
    schema, city = composed.schema, composed.schema.type_map["City"]
    assert isinstance(city, GraphQLObjectType)
    assert schema.query_type is not None
    made = []
    for name, field in city.fields.items():
        if composed.ownership.of("City", name) is None:
            made.append(_probe(schema, ("city(slug: $city_)",), "City", name, field))
        else:
            for entry, below in get_named_type(field.type).fields.items():  # type: ignore[union-attr]
                made.append(_probe(schema, ("city(slug: $city_)", name), f"City.{name}", entry, below))
    for name, field in schema.query_type.fields.items():
        if name != "city":
            made.append(_probe(schema, (), "Query", name, field))
    return made


def mutations(composed: Composed) -> list[Probe]:
    """Every way to write."""
    schema = composed.schema
    fields = schema.mutation_type.fields if schema.mutation_type else {}
    return [_probe(schema, (), "Mutation", name, field, "mutation") for name, field in fields.items()]


def _probe(
    schema: GraphQLSchema, path: tuple[str, ...], parent: str, name: str, field: GraphQLField, verb: str = "query"
) -> Probe:
    declared = ["$city_: String!"] if path else []
    declared += [f"${key}: {_declared(argument)}" for key, argument in field.args.items()]
    given = ", ".join(f"{key}: ${key}" for key in field.args)
    body = f"{name}{f'({given})' if given else ''} {selection(schema, field.type)}"
    for step in reversed(path):
        body = f"{step} {{ {body} }}"
    head = f"({', '.join(declared)})" if declared else ""
    return Probe(f"{parent}.{name}", f"{verb}{head} {{ {body} }}", field.args, visibility_of(field) or PUBLIC)


def _declared(argument: GraphQLArgument) -> str:
    optional = argument.default_value is not Undefined and isinstance(argument.type, GraphQLNonNull)
    return str(argument.type.of_type if optional else argument.type)  # type: ignore[union-attr]


def selection(schema: GraphQLSchema, kind: Any, above: tuple[str, ...] = (), renamed: Collection[str] = ()) -> str:
    """All that can be selected of a type, down to where it repeats."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLInterfaceType | GraphQLUnionType):
        kinds = schema.get_possible_types(named)
        differing = _differing(kinds)
        return (
            "{ __typename "
            + " ".join(f"... on {k.name} {selection(schema, k, above, differing)}" for k in kinds)
            + " }"
        )
    if not isinstance(named, GraphQLObjectType):
        return ""
    if named.name == "City":  # found by way of a list of cities: whatever belongs to it is asked for in its own right
        return "{ slug name }"
    parts = ["__typename"]
    for name, field in named.fields.items():
        below = get_named_type(field.type)
        if below.name in above or below is named or len(above) >= DEPTH:
            continue
        given = ", ".join(
            f"{key}: {literal(argument.type)}" for key, argument in field.args.items() if is_required_argument(argument)
        )
        alias = f"{named.name}_{name}: " if name in renamed else ""
        inner = selection(schema, below, (*above, named.name))
        parts.append(f"{alias}{name}{f'({given})' if given else ''} {inner}")
    return "{ " + " ".join(parts) + " }"


def _differing(kinds: Iterable[GraphQLObjectType]) -> set[str]:
    """Fields that several types have with types of their own: under one name, they cannot be asked for together."""
    seen: dict[str, set[str]] = {}
    for kind in kinds:
        for name, field in kind.fields.items():
            seen.setdefault(name, set()).add(str(field.type))
    return {name for name, types in seen.items() if len(types) > 1}


def takes_text(kind: Any) -> bool:
    """Whether an argument of this type can carry a text, itself or somewhere in an input object."""
    named = get_named_type(kind)
    if isinstance(named, GraphQLInputObjectType):
        return any(takes_text(field.type) for field in named.fields.values())
    return named.name in ("ID", "String")


def value_for(kind: Any, text: str, name: str = "") -> Any:
    """A value of any type, in which every text is the given one; numbers and days are such that all is in reach."""
    if isinstance(kind, GraphQLNonNull):
        return value_for(kind.of_type, text, name)
    if isinstance(kind, GraphQLList):
        return [value_for(kind.of_type, text)]
    if name in _REACH:
        return _REACH[name]
    if isinstance(kind, GraphQLInputObjectType):
        return {
            name: value_for(field.type, text, name)
            for name, field in kind.fields.items()
            if is_required_input_field(field) or takes_text(field.type)
        }
    if isinstance(kind, GraphQLEnumType):
        return text if text in kind.values else next(iter(kind.values))
    return _SCALARS.get(kind.name, text)


_REACH: dict[str, Any] = {
    "south": 47.0, "west": 5.0, "north": 55.5, "east": 15.5, "lat": 51.35, "lon": 8.2, "metres": 90_000.0,
    "to": "2027-12-31", "days": 400,
}  # fmt: skip
"""Germany, the middle of the cities under test, a long time: whoever looks here would see both."""
_SCALARS: dict[str, Any] = {
    "Int": MANY,
    "Float": 51.0,
    "Boolean": True,
    "Date": NOON.date().isoformat(),
    "DateTime": (NOON - dt.timedelta(days=400)).isoformat(),
}


def literal(kind: Any) -> str:
    """The same as text in a document."""
    value = value_for(kind, "x")
    match value:
        case bool():
            return str(value).lower()
        case str():
            return value if isinstance(get_named_type(kind), GraphQLEnumType) else f'"{value}"'
        case dict():
            return "{" + ", ".join(f"{key}: {inner}" for key, inner in value.items()) + "}"
    return str(value)
