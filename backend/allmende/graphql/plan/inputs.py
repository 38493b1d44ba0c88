"""Input objects from JSON in one pass: graphql-core coerces a variable, and Strawberry makes an object of the result.

What is there is read exactly as both would read it. msgspec checks it, and a function that is written for the input
type makes the object; for `input Part { name: ID!, weight: Float = 1.5, born: Date }` it is

    def made(it):
        return origin(name=it.f0, weight=it.f1, born=made2(it.f2))

Whatever is unusual, even if it is allowed (a number as an ID, one thing instead of a list of one), raises Unplannable:
the two may have a word on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING
from types import GenericAlias
from typing import Annotated, Any

import msgspec
from graphql import GraphQLInputObjectType, GraphQLList, GraphQLNonNull, GraphQLScalarType, GraphQLSchema, Undefined
from graphql.utilities.coerce_input_value import coerce_default_value
from msgspec import Meta
from strawberry.types.base import StrawberryList, StrawberryMaybe, StrawberryOptional

from allmende.db.direct.statement import Unplannable

Read = Callable[[Any], Any]
Shape = tuple[Any, Read | None]
"""The type that msgspec checks, and what is made of such a value; None where it is what a resolver gets."""
DEPTH = 5
"""Input objects in each other; one that holds itself has no end."""
_EXACT = float(2**53)
"""Whole numbers below it are floats without being rounded."""
_SCALARS: dict[str, Any] = {
    "String": str,
    "ID": str,
    "Boolean": bool,
    "Int": Annotated[int, Meta(ge=-(2**31), lt=2**31)],
    "Float": Annotated[float, Meta(gt=-_EXACT, lt=_EXACT)],
}
_PARSED = {"Date", "DateTime"}


def input_reader(schema: GraphQLSchema, kind: Any, python: Any) -> Read:
    """What makes of a value of this type what a resolver gets that declares `python` (a type of Strawberry)."""
    shape, made = _shape(schema, kind, python, 0)

    def read(value: Any) -> Any:
        try:
            checked = msgspec.convert(value, shape)
        except (msgspec.ValidationError, ValueError) as error:  # UnicodeEncodeError for half a surrogate pair in a name
            raise Unplannable("a value that graphql-core may refuse") from error
        return made(checked) if made else checked

    return read


def _shape(schema: GraphQLSchema, kind: Any, python: Any, depth: int) -> Shape:
    if isinstance(kind, GraphQLNonNull):
        return _value(schema, kind.of_type, python, depth)
    shape, made = _value(schema, kind, python.of_type if isinstance(python, StrawberryOptional) else python, depth)
    return shape | None, made and (lambda value: None if value is None else made(value))


def _value(schema: GraphQLSchema, kind: Any, python: Any, depth: int) -> Shape:
    if isinstance(python, StrawberryMaybe):
        raise Unplannable("an input that tells null from nothing")
    if isinstance(kind, GraphQLList):
        if not isinstance(python, StrawberryList):
            raise Unplannable("a list that is declared as something else")
        shape, made = _shape(schema, kind.of_type, python.of_type, depth)
        return GenericAlias(list, shape), made and (lambda value: [made(one) for one in value])
    if isinstance(kind, GraphQLScalarType):
        return _scalar(kind)
    if isinstance(kind, GraphQLInputObjectType):
        return _object(schema, kind, python, depth + 1)
    raise Unplannable(f"{kind} as an input")


def _scalar(kind: GraphQLScalarType) -> Shape:
    if kind.name in _SCALARS:
        return _SCALARS[kind.name], None
    if kind.name not in _PARSED:
        raise Unplannable(f"{kind.name} as an input")
    parse = kind.parse_value

    def parsed(value: str) -> Any:
        try:
            return parse(value)
        except Exception as error:
            raise Unplannable("a value that graphql-core refuses") from error

    return str, parsed


def _object(schema: GraphQLSchema, kind: GraphQLInputObjectType, python: Any, depth: int) -> Shape:
    definition = getattr(python, "__strawberry_definition__", None)
    if definition is None or not definition.is_input or definition.from_input is not None or depth > DEPTH:
        raise Unplannable(f"{kind.name} is no plain input of Strawberry's")
    if kind.is_one_of or kind.out_type is not GraphQLInputObjectType.out_type:
        raise Unplannable(f"{kind.name} is made into something else")
    names = schema._strawberry_schema.config.name_converter  # type: ignore[attr-defined]
    declared = {names.from_field(field): field for field in definition.fields}
    if set(declared) != set(kind.fields):
        raise Unplannable(f"{kind.name} is not as declared")
    members: list[tuple[Any, ...]] = []
    given: dict[str, Any] = {"origin": definition.origin}
    shown = []
    for number, (name, field) in enumerate(kind.fields.items()):
        one, member = declared[name], f"f{number}"
        if field.out_name:
            raise Unplannable(f"{kind.name}.{name} has another name inside")
        shape, made = _shape(schema, field.type, one.resolve_type(type_definition=definition), depth)
        default = _default(field, one)
        if made and default not in ((), (None,), ([],)):
            raise Unplannable("a default of which more is made")
        members.append((member, shape, *default))
        given[f"made{number}"] = made
        shown.append(f"{one.python_name}={f'made{number}(it.{member})' if made else f'it.{member}'}")
    renamed = {f"f{number}": name for number, name in enumerate(kind.fields)}
    checked = msgspec.defstruct(kind.name, members, rename=renamed, forbid_unknown_fields=True, kw_only=True, gc=False)
    exec(compile(f"def made(it):\n return origin({', '.join(shown)})", f"<input {kind.name}>", "exec"), given)
    return checked, given["made"]


def _default(field: Any, declared: Any) -> tuple[Any, ...]:
    """What a field is when it is left out, as the end of a member's declaration; nothing where it must not be."""
    default = coerce_default_value(field)
    if default is Undefined:
        if isinstance(field.type, GraphQLNonNull):
            return ()
        return (None if declared.default_value is MISSING else declared.default_value,)
    if default is not None and default != [] and type(default) not in (str, bool, int, float):
        raise Unplannable("a default that is more than a value")
    return (default,)
