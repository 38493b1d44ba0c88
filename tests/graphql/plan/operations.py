"""Random operations of the composed schema, with all that GraphQL's syntax offers and with arguments that are wrong."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    Undefined,
    get_named_type,
    is_leaf_type,
)
from hypothesis import strategies as st

CITIES = ("beckum", "dortmund", "guetersloh", "muenster", "musterstadt", "rheda-wiedenbrueck", "nirgends")
MODULES = ("events", "news", "places", "reports", "warnings", "waste")
DECLARED = {
    "Events": ["upcoming", "on", "event", "between", "categories"],
    "News": ["latest", "item", "items", "categories"],
    "Places": ["in", "place", "near", "all", "categories"],
    "Warnings": ["active", "allClear", "warning"],
    "Waste": ["pickups", "fractions", "notices", "calendarUntil"],
}
"""Fields of the modules that plans know; the others are asked for less often."""
VALUES: dict[str, list[Any]] = {
    "String": ["Musik", "", "M", "Markt", "de", "en", "x'; --", "%", "Straße"],
    "Int": [0, 1, 2, 5, 30, 100, 101, -1],
    "Float": [51.96, 7.63, 0.0, 3, -91.5, 5000.0],
    "Boolean": [True, False],
    "Date": ["2026-11-23", "2026-12-24", "2026-11-29"],
    "DateTime": ["2026-11-23T12:00:00+01:00", "2026-06-01T00:00:00Z", "2026-12-24T00:00:00.5+00:00"],
}


@dataclass
class Writer:
    """Writes one operation; `draw` decides."""

    schema: GraphQLSchema
    draw: Any
    ids: list[str]
    streets: list[str]
    cursors: list[str]
    variables: dict[str, Any] = field(default_factory=dict)
    definitions: list[str] = field(default_factory=list)
    fragments: list[str] = field(default_factory=list)
    number: int = 0

    def chance(self, of: int) -> bool:
        return bool(self.draw(st.integers(0, of - 1)) == 0)

    def fresh(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}{self.number}"

    def document(self) -> tuple[str, dict[str, Any]]:
        cities = " ".join(
            self.directory() if self.chance(12) else self.city() for _ in range(self.draw(st.integers(1, 2)))
        )
        text = " ".join([cities, *self.fragments])
        used = [one for one in self.definitions if re.search(rf"{re.escape(one.partition(':')[0])}\b", text)]
        definitions = f"({', '.join(used)})" if used else ""
        return " ".join([f"query{definitions} {{ {cities} }}", *self.fragments]), self.variables

    def city(self) -> str:
        slug = self.value("String!", self.draw(st.sampled_from(CITIES)))
        language = ""
        if self.chance(2):
            language = f", language: {self.value('String', self.draw(st.sampled_from(['de', 'en', 'tr'])))}"
        city = self.schema.type_map["City"]
        assert isinstance(city, GraphQLObjectType)
        names = [*MODULES, *MODULES, "name", "slug", "position", "brand", "__typename"]
        if self.chance(3):
            names.append(self.draw(st.sampled_from(["modules", "feed", "map", "search"])))
        chosen = self.draw(st.lists(st.sampled_from(names), min_size=1, max_size=4))
        return (
            f"{self.fresh('c')}: city(slug: {slug}{language if self.chance(2) else ''}) {self.fields(city, chosen, 4)}"
        )

    def directory(self) -> str:
        """The cities of the instance; now and then with their modules."""
        query, city = self.schema.query_type, self.schema.type_map["City"]
        assert query is not None
        assert isinstance(city, GraphQLObjectType)
        node = self.fields(city, ["slug", "name", "position", "brand", *(["news"] if self.chance(6) else [])], 2)
        parts = self.draw(
            st.lists(
                st.sampled_from(
                    [
                        "totalCount",
                        "pageInfo { hasNextPage endCursor }",
                        f"edges {{ cursor node {node} }}",
                        "__typename",
                    ]
                ),
                max_size=3,
                unique=True,
            )
        )
        arguments = self.arguments(query.fields["cities"].args)
        return f"{self.fresh('d')}: cities{arguments} {{ nodes {node} {' '.join(parts)} }}"

    def selection(self, kind: GraphQLObjectType, depth: int) -> str:
        names = [name for name, one in kind.fields.items() if depth > 0 or is_leaf_type(get_named_type(one.type))]
        if kind.name in DECLARED and not self.chance(4):
            names = DECLARED[kind.name]
        chosen = self.draw(st.lists(st.sampled_from([*names, "__typename"]), min_size=1, max_size=6))
        return self.fields(kind, chosen, depth)

    def among(self, kind: GraphQLInterfaceType, depth: int) -> str:
        """What all have, and more of one of them."""
        one = self.draw(st.sampled_from(self.schema.get_possible_types(kind)))
        return f"{{ __typename id ... on {one.name} {self.selection(one, depth)} }}"

    def fields(self, kind: GraphQLObjectType, names: list[str], depth: int) -> str:
        return "{ " + " ".join(self.part(kind, self.field(kind, name, depth), name) for name in names) + " }"

    def field(self, kind: GraphQLObjectType, name: str, depth: int) -> str:
        if name == "__typename":
            return name
        one = kind.fields[name]
        inner = get_named_type(one.type)
        below = ""
        if isinstance(inner, GraphQLObjectType):
            below = f" {self.selection(inner, depth - 1)}"
        elif isinstance(inner, GraphQLInterfaceType):
            below = f" {self.among(inner, depth - 1)}"
        alias = f"{self.fresh(name)}: " if one.args or self.chance(4) else ""
        return f"{alias}{name}{self.arguments(one.args)}{self.directive()}{below}"

    def part(self, kind: GraphQLObjectType, text: str, name: str) -> str:
        """The field as it is, or in a fragment."""
        if not self.chance(5):
            return text
        above = [each for each in kind.interfaces if name in each.fields]
        on = self.draw(st.sampled_from([kind, *above])).name
        if self.chance(2):
            return f"... on {on}{self.directive()} {{ {text} }}"
        fragment = self.fresh("F")
        self.fragments.append(f"fragment {fragment} on {on} {{ {text} }}")
        return f"...{fragment}{self.directive()}"

    def directive(self) -> str:
        if not self.chance(10):
            return ""
        name, on = self.draw(st.sampled_from(["skip", "include"])), self.draw(st.booleans())
        if self.chance(2):
            return f" @{name}(if: {literal(on)})"
        switch = self.draw(st.sampled_from(["s1", "s2"]))
        if switch not in self.variables:
            self.variables[switch] = on
            self.definitions.append(f"${switch}: Boolean!")
        return f" @{name}(if: ${switch})"

    def arguments(self, declared: dict[str, GraphQLArgument]) -> str:
        given = []
        for name, argument in declared.items():
            optional = not isinstance(argument.type, GraphQLNonNull) or argument.default_value is not Undefined
            if optional and not self.chance(3):
                continue
            given.append(f"{name}: {self.value(str(argument.type), self.sample(name, argument.type))}")
        return f"({', '.join(given)})" if given else ""

    def sample(self, name: str, kind: Any) -> Any:
        if not isinstance(kind, GraphQLNonNull) and self.chance(12):
            return None
        if self.chance(60):
            return self.draw(st.sampled_from([None, "heute", -1, 5910205, True, {"x": 1}]))  # wrong
        if isinstance(kind, GraphQLNonNull):
            kind = kind.of_type
        if isinstance(kind, GraphQLList):
            return ["rest"] if self.chance(2) else [self.sample(name, kind.of_type)]
        if isinstance(kind, GraphQLInputObjectType):
            if kind.name == "BBoxInput" and not self.chance(4):
                return {"south": 51.0, "west": 6.5, "north": 53.0, "east": 9.5}
            return {key: self.sample(key, one.type) for key, one in kind.fields.items()}
        if kind.name == "ID" and name != "category":
            return self.draw(st.sampled_from([*self.ids, "0" * 32]))
        if name == "after" and not self.chance(8):
            return self.draw(st.sampled_from(self.cursors))
        if name == "street":
            return self.draw(st.sampled_from([*self.streets, "Nirgendsallee", ""]))
        if name in ("first", "days") and not self.chance(4):
            return self.draw(st.sampled_from([1, 3, 14]))
        return self.draw(st.sampled_from(VALUES.get(kind.name, ["rest"])))

    def value(self, kind: str, value: Any) -> str:
        """As a literal, or as a variable: with a default, given, or left out."""
        if not self.chance(2):
            return literal(value)
        name = self.fresh("v")
        if value is not None and self.chance(4):
            self.definitions.append(f"${name}: {kind.rstrip('!')} = {literal(value)}")
            if self.chance(2):
                self.variables[name] = value
            return f"${name}"
        self.definitions.append(f"${name}: {kind}")
        if kind.endswith("!") or not self.chance(4):
            self.variables[name] = value
        return f"${name}"


def literal(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {literal(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(literal, value)) + "]"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return "null" if value is None else str(value).lower()
