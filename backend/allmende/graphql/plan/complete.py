"""From what a method gives to the answer: objects, lists and values are shown as graphql-core would show them.

What does not come out as declared raises Unplannable, as in `encode.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
from graphql import (
    GraphQLEnumType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLScalarType,
)

from allmende.db.direct.statement import Unplannable
from allmende.graphql.caps import MAX_LIST
from allmende.graphql.plan.fields import Case, Selected

Complete = Callable[[Any], Any]


def completed(kind: GraphQLOutputType, selected: Selected, case: Case) -> Complete:
    """What makes of a resolver's result its part of the answer, as graphql-core would."""
    if isinstance(kind, GraphQLNonNull):
        inner = completed(kind.of_type, selected, case)

        def required(value: Any) -> Any:
            return bad() if (result := inner(value)) is None else result

        return required
    if isinstance(kind, GraphQLList):
        item = completed(kind.of_type, selected, case)

        def many(value: Any) -> Any:
            if value is None:
                return None
            fits = isinstance(value, list | tuple) and len(value) <= MAX_LIST
            return [item(one) for one in value] if fits else bad()

        return many
    if isinstance(kind, GraphQLScalarType | GraphQLEnumType):
        serialize = kind.serialize

        def leaf(value: Any) -> Any:
            return value if value is None or (type(value) is str and kind.name == "String") else serialize(value)

        return leaf
    if isinstance(kind, GraphQLObjectType):
        return _object(kind, selected, case)
    makes = dict(_possible(kind, selected, case))
    return lambda value: None if value is None else makes.get(type(value), _bad_value)(value)


def _possible(kind: Any, selected: Selected, case: Case) -> Iterator[tuple[type, Complete]]:
    """The types behind an abstract one that can be shown here; of the others, graphql-core shows the answer."""
    for each in case.schema.get_possible_types(kind):
        try:
            yield origin_of(each), _object(each, selected, case)
        except Unplannable:
            continue


def _object(kind: GraphQLObjectType, selected: Selected, case: Case) -> Complete:
    """A function written for the selection, as for rows; it only calls others where an attribute is no plain text."""
    names: dict[str, Any] = {"origin": origin_of(kind), "bad": bad}
    values = []
    fields = case.select(kind, selected.nodes)
    for number, each in enumerate(fields):
        names[f"part{number}"] = value_of(kind, each, case)
        text = _text_attribute(kind, each)
        plain = f"(y if type(y := value.{text}) is str else part{number}(value))"
        values.append(plain if text else f"part{number}(value)")
    names["made"] = struct_of(kind.name, [each.key for each in fields])
    source = f"""def make(value):
    if value is None:
        return None
    return made({", ".join(values)}){" if type(value) is origin else bad()" if kind.is_type_of else ""}"""
    exec(compile(source, f"<plan of {kind.name}>", "exec"), names)
    make: Complete = names["make"]
    return make


def _text_attribute(kind: GraphQLObjectType, selected: Selected) -> str:
    """The attribute of an object that is shown as it is, where it is a text; empty for anything else."""
    if selected.name == "__typename" or str(kind.fields[selected.name].type).rstrip("!") != "String":
        return ""
    declared = declaration(kind.fields[selected.name])
    return declared.python_name if declared.base_resolver is None else ""


def struct_of(kind: str, keys: Sequence[str]) -> type[msgspec.Struct]:
    """A struct with these keys. They are renamed, as a key may be a word of Python."""
    fields = [f"f{number}" for number in range(len(keys))]
    renamed = dict(zip(fields, keys, strict=True))
    return msgspec.defstruct(kind, [(field, Any) for field in fields], rename=renamed, gc=False)


def value_of(kind: GraphQLObjectType, selected: Selected, case: Case) -> Complete:
    """A field of an object: an attribute, or a resolver that needs nothing but the object."""
    if selected.name == "__typename":
        return lambda value: kind.name
    field = kind.fields[selected.name]
    declared = declaration(field)
    done = completed(field.type, selected, case)
    if declared.base_resolver is None:
        name = declared.python_name
        return lambda value: done(getattr(value, name))
    resolver = declared.base_resolver
    if field.args or resolver.is_async or resolver.info_parameter or not resolver.self_parameter:
        raise Unplannable(f"{kind.name}.{selected.name} has a resolver of its own")
    ask = resolver.wrapped_func
    return lambda value: done(ask(value))


def origin_of(kind: GraphQLObjectType) -> type:
    """The class behind a type. A module that could not be loaded has none."""
    definition = kind.extensions.get("strawberry-definition")
    if definition is None:
        raise Unplannable(f"{kind.name} is no Strawberry type")
    origin: type = definition.origin
    return origin


def declaration(field: Any) -> Any:
    declared = field.extensions.get("strawberry-definition")
    if declared is None or declared.extensions or declared.permission_classes:
        raise Unplannable("a field that is no plain Strawberry field")
    return declared


def _bad_value(value: Any) -> Any:
    return bad()


def bad() -> Any:
    raise Unplannable("a value that is not as declared")
