"""Types and values in plain words, for messages that someone who does not program can act on."""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Any

from msgspec import inspect

_PLAIN: tuple[tuple[Any, str], ...] = (
    (inspect.BoolType, "true or false"),
    (inspect.DateTimeType, "a time such as 2026-12-31T18:00:00+01:00"),
    (inspect.DateType, "a date such as 2026-12-31"),
    (inspect.TimeType, "a time of day such as 18:00:00"),
    (inspect.NoneType, "nothing"),
    (inspect.StructType, "a table"),
)


def kind_of(value: object) -> str:
    """What a value is, in the words of someone who writes configuration."""
    for type, words in (
        (bool, "true or false"),
        (int, "a whole number"),
        (float, "a number"),
        (str, "text"),
        (list, "a list"),
        (dict, "a table"),
        (datetime, "a date with time"),
        (date, "a date"),
        (time, "a time of day"),
    ):
        if isinstance(value, type):
            return words
    return "nothing"


def shown(value: object) -> str:
    """The value as a reader finds it in the file, cut where it is long."""
    if isinstance(value, (dict, list)):
        return "this"
    text = f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def describe(node: inspect.Type) -> str:
    """What a type wants: a description given with it, or words made from its limits."""
    if isinstance(node, inspect.Metadata):
        return str((node.extra_json_schema or {}).get("description", "")) or describe(node.type)
    if isinstance(node, inspect.UnionType):
        return " or ".join(dict.fromkeys(describe(t) for t in node.types if not isinstance(t, inspect.NoneType)))
    if isinstance(node, inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in node.values)
    if isinstance(node, inspect.EnumType):
        return "one of " + ", ".join(str(member.value) for member in node.cls)
    if isinstance(node, inspect.IntType):
        return "a whole number" + _range(node)
    if isinstance(node, inspect.FloatType):
        return "a number" + _range(node)
    if isinstance(node, inspect.StrType):
        return "text" + _text(node)
    if isinstance(node, inspect.DictType):
        return f"a table with {describe(node.value_type)} for each key"
    if isinstance(node, (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)):
        return f"a list, each item {describe(node.item_type)}"
    return next((words for type, words in _PLAIN if isinstance(node, type)), "another kind of value")


def _range(node: inspect.IntType | inspect.FloatType) -> str:
    if node.ge is not None and node.le is not None:
        return f" from {node.ge:g} to {node.le:g}"
    limits = (("of at least", node.ge), ("above", node.gt), ("of at most", node.le), ("below", node.lt))
    words = " and ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)
    return f" {words}" if words else ""


def _text(node: inspect.StrType) -> str:
    if node.pattern is not None:
        return f" of the form {node.pattern}"
    if node.min_length:
        return f" of at least {node.min_length} characters"
    return f" of at most {node.max_length} characters" if node.max_length is not None else ""
