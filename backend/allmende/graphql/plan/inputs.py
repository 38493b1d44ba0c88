"""Input objects from JSON in one pass: graphql-core coerces a variable, and Strawberry makes an object of the result.

What is there is read exactly as both would read it. Whatever is unusual, even if it is allowed (a number as an ID, one
thing instead of a list of one), raises Unplannable: the two may have a word on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from math import isfinite
from typing import Any

from graphql import GraphQLInputObjectType, GraphQLList, GraphQLNonNull, GraphQLScalarType, GraphQLSchema, Undefined
from graphql.utilities.coerce_input_value import coerce_default_value
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional

from allmende.db.direct.statement import Unplannable

Read = Callable[[Any], Any]
DEPTH = 5
"""Input objects in each other; one that holds itself has no end."""
_INT = range(-(2**31), 2**31)
_EXACT = 2**53
"""Whole numbers below it are floats without being rounded."""
_PARSED = {"Date", "DateTime"}


def input_reader(schema: GraphQLSchema, kind: Any, python: Any, depth: int = 0) -> Read:
    """What makes of a value of this type what a resolver gets that declares `python` (a type of Strawberry)."""
    if isinstance(kind, GraphQLNonNull):
        return _value_reader(schema, kind.of_type, python, depth)
    inner = _value_reader(schema, kind, python.of_type if isinstance(python, StrawberryOptional) else python, depth)
    return lambda value: None if value is None else inner(value)


def _value_reader(schema: GraphQLSchema, kind: Any, python: Any, depth: int) -> Read:
    if isinstance(python, StrawberryMaybe):
        raise Unplannable("an input that tells null from nothing")
    if isinstance(kind, GraphQLList):
        if not isinstance(python, StrawberryList):
            raise Unplannable("a list that is declared as something else")
        item = input_reader(schema, kind.of_type, python.of_type, depth)

        def many(value: Any) -> Any:
            return [item(one) for one in value] if type(value) is list else _strange()

        return many
    if isinstance(kind, GraphQLScalarType):
        return _scalar(kind)
    if isinstance(kind, GraphQLInputObjectType):
        return _object(schema, kind, python, depth + 1)
    raise Unplannable(f"{kind} as an input")


def _scalar(kind: GraphQLScalarType) -> Read:
    if kind.name in ("String", "ID"):
        return lambda value: value if type(value) is str else _strange()
    if kind.name == "Boolean":
        return lambda value: value if type(value) is bool else _strange()
    if kind.name == "Int":
        return lambda value: value if type(value) is int and value in _INT else _strange()
    if kind.name == "Float":
        return _float
    if kind.name not in _PARSED:
        raise Unplannable(f"{kind.name} as an input")
    parse = kind.parse_value

    def parsed(value: Any) -> Any:
        try:
            return parse(value)
        except Exception as error:
            raise Unplannable("a value that graphql-core refuses") from error

    return parsed


def _float(value: Any) -> float:
    if type(value) is float and isfinite(value):
        return value
    return float(value) if type(value) is int and abs(value) < _EXACT else _strange()


def _object(schema: GraphQLSchema, kind: GraphQLInputObjectType, python: Any, depth: int) -> Read:
    definition = getattr(python, "__strawberry_definition__", None)
    if definition is None or not definition.is_input or definition.from_input is not None or depth > DEPTH:
        raise Unplannable(f"{kind.name} is no plain input of Strawberry's")
    if kind.is_one_of or kind.out_type is not GraphQLInputObjectType.out_type:
        raise Unplannable(f"{kind.name} is made into something else")
    names = schema._strawberry_schema.config.name_converter  # type: ignore[attr-defined]
    declared = {names.from_field(field): field for field in definition.fields}
    if set(declared) != set(kind.fields):
        raise Unplannable(f"{kind.name} is not as declared")
    fields: list[tuple[str, str, Read, Callable[[], Any] | None]] = []
    for name, field in kind.fields.items():
        one = declared[name]
        if field.out_name:
            raise Unplannable(f"{kind.name}.{name} has another name inside")
        read = input_reader(schema, field.type, one.resolve_type(type_definition=definition), depth)
        fields.append((name, one.python_name, read, _missing(field, one)))
    make = definition.origin

    def made(value: Any) -> Any:
        if type(value) is not dict:
            return _strange()
        given, known = {}, 0
        for name, attribute, read, missing in fields:
            if name in value:
                given[attribute] = read(value[name])
                known += 1
            elif missing is not None:
                given[attribute] = missing()
        return make(**given) if known == len(value) else _strange()

    return made


def _missing(field: Any, declared: Any) -> Callable[[], Any] | None:
    """What a field is when it is left out; None where its class says it."""
    default = coerce_default_value(field)
    if isinstance(field.type, GraphQLNonNull) and default is Undefined:
        return _strange
    if default is Undefined:
        has_own = declared.default_value is not MISSING or declared.default_factory is not MISSING
        return None if has_own else lambda: None
    if default == []:
        return list
    if default is not None and type(default) not in (str, bool, int, float):
        raise Unplannable("a default that is more than a value")
    return lambda: default


def _strange() -> Any:
    raise Unplannable("a value that graphql-core may refuse")
