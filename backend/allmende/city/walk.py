"""Checks values against a msgspec type field by field, to name all mistakes where msgspec stops at the first.

It runs only after msgspec has refused the values, so it may take its time; what it misses, msgspec's own message tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, time
from difflib import get_close_matches
from functools import lru_cache
from re import search
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, inspect

from allmende.city.describe import describe, kind_of, shown
from allmende.city.positions import Path

T = TypeVar("T")


class Finding(Struct, frozen=True):
    """One thing wrong at a path inside the values."""

    path: Path
    message: str
    expected: str = ""


@lru_cache(maxsize=512)
def type_info(type: Any) -> inspect.Type:
    return inspect.type_info(type)


def walk(value: Any, type: Any, *, partial: bool = False) -> list[Finding]:
    """Everything that keeps `value` from being a `type`. `partial` allows required keys to be missing."""
    return list(_Walker(partial).check(value, type_info(type), ()))


def salvage(value: dict[str, Any], type: type[T]) -> tuple[T | None, list[Path]]:
    """What is left of a table without the values that are wrong, if that is enough for the type; and their paths."""
    left, wrong = value, [finding.path for finding in walk(value, type)]
    for path in wrong:
        left = _without(left, path)
    try:
        return msgspec.convert(left, type), wrong
    except msgspec.ValidationError:
        return None, wrong


def _without(table: dict[str, Any], path: Path) -> dict[str, Any]:
    """The table without the value at a path; of a list, nothing is left."""
    if not path or path[0] not in table:
        return table
    step, inner = str(path[0]), table[str(path[0])]
    rest = {key: item for key, item in table.items() if key != step}
    return {**rest, step: _without(inner, path[1:])} if path[1:] and isinstance(inner, dict) else rest


def follows(finding: Finding, wrong: Iterable[Path]) -> bool:
    """Whether it is about a table that something wrong was taken out of: it may be wrong only for that."""
    return any(path[: len(finding.path)] == finding.path for path in wrong)


def unknown(what: str, name: str, known: Iterable[str]) -> tuple[str, str]:
    """Message and expectation for a name that does not exist, with the nearest that does."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    hint = f" (did you mean `{near[0]}`?)" if near else ""
    return f"unknown {what} `{name}`{hint}", ("one of " if len(names) > 1 else "") + ", ".join(names) if names else ""


class _Walker:
    def __init__(self, partial: bool) -> None:
        self.partial = partial

    def check(self, value: Any, node: inspect.Type, path: Path) -> Iterator[Finding]:
        if isinstance(node, inspect.Metadata):
            inner = list(self.check(value, node.type, path))
            meant = describe(node)
            yield from (msgspec.structs.replace(f, expected=meant) if f.path == path and meant else f for f in inner)
        elif isinstance(node, inspect.UnionType):
            yield from self.union(value, node, path)
        elif isinstance(node, inspect.StructType):
            yield from self.table(value, [node], path)
        elif isinstance(node, inspect.DictType):
            yield from self.mapping(value, node, path)
        elif isinstance(node, (inspect.ListType, inspect.VarTupleType, inspect.SetType, inspect.FrozenSetType)):
            yield from self.items(value, node, path)
        elif not _fits(value, node):
            yield Finding(path, f"{shown(value)} is {kind_of(value)}", describe(node))
        else:
            yield from _constraints(value, node, path)

    def union(self, value: Any, node: inspect.UnionType, path: Path) -> Iterator[Finding]:
        tables = [t for t in node.types if isinstance(t, inspect.StructType)]
        if tables and isinstance(value, dict):
            yield from self.table(value, tables, path)
            return
        tried = [list(self.check(value, option, path)) for option in node.types]
        if any(not findings for findings in tried):
            return
        nearer = [findings for findings in tried if all(f.path != path for f in findings)]
        yield from (
            nearer[0]
            if nearer
            else [
                Finding(path, f"{shown(value)} is {kind_of(value)}", describe(node))
                if not any(_fits(value, option) for option in node.types)
                else next(f[0] for f, option in zip(tried, node.types, strict=True) if _fits(value, option))
            ]
        )

    def table(self, value: Any, options: Sequence[inspect.StructType], path: Path) -> Iterator[Finding]:
        """A table of one type, or of one of several that a key (`kind`) tells apart."""
        if not isinstance(value, dict):
            yield Finding(path, f"{shown(value)} is {kind_of(value)}", "a table")
            return
        tag = options[0].tag_field
        kinds = {str(option.tag): option for option in options}
        if tag is None:
            yield from self.fields(value, options[0], path)
        elif tag not in value:
            if not self.partial:
                yield Finding((*path, tag), "is missing", "one of " + ", ".join(sorted(kinds)))
        elif str(value[tag]) not in kinds:
            yield Finding((*path, tag), *unknown(tag, str(value[tag]), kinds))
        else:
            yield from self.fields(value, kinds[str(value[tag])], path)

    def fields(self, value: dict[str, Any], node: inspect.StructType, path: Path) -> Iterator[Finding]:
        fields = {field.encode_name: field for field in node.fields}
        known = {*fields, node.tag_field} - {None}
        found = False
        for key in value:
            if key not in known:
                found = True
                yield Finding((*path, key), *unknown("key", key, [name for name in known if name]))
            elif key in fields:
                for finding in self.check(value[key], fields[key].type, (*path, key)):
                    found = True
                    yield finding
        if self.partial:
            return
        for name, field in fields.items():
            if field.required and name not in value:
                found = True
                yield Finding((*path, name), "is missing", describe(field.type))
        if not found:
            yield from self.whole(value, node.cls, path)

    def whole(self, value: dict[str, Any], type: type, path: Path) -> Iterator[Finding]:
        """What a struct says of itself when all its fields are fine (`__post_init__`)."""
        try:
            msgspec.convert(value, type)
        except msgspec.ValidationError as error:
            message = str(error).partition(" - at `")[0]
            named = message.partition(" ")[0].strip("`:")  # "event_title must contain …"
            yield Finding((*path, named) if named in value else path, message)

    def mapping(self, value: Any, node: inspect.DictType, path: Path) -> Iterator[Finding]:
        if not isinstance(value, dict):
            yield Finding(path, f"{shown(value)} is {kind_of(value)}", describe(node))
            return
        for key, item in value.items():
            for finding in self.check(key, node.key_type, (*path, key)):
                yield Finding(finding.path, f"the key {finding.message}", finding.expected)
            yield from self.check(item, node.value_type, (*path, key))

    def items(self, value: Any, node: Any, path: Path) -> Iterator[Finding]:
        if not isinstance(value, list):
            yield Finding(path, f"{shown(value)} is {kind_of(value)}", describe(node))
            return
        least, most = getattr(node, "min_length", None), getattr(node, "max_length", None)
        if least is not None and len(value) < least:
            yield Finding(path, f"has {len(value)} items", f"at least {least}")
        if most is not None and len(value) > most:
            yield Finding(path, f"has {len(value)} items", f"at most {most}")
        for index, item in enumerate(value):
            yield from self.check(item, node.item_type, (*path, index))


def _fits(value: Any, node: inspect.Type) -> bool:
    """Whether the value is of the kind that the node wants, limits aside."""
    if isinstance(node, inspect.Metadata):
        return _fits(value, node.type)
    if isinstance(node, inspect.LiteralType):
        return value in node.values
    if isinstance(node, inspect.EnumType):
        return value in [member.value for member in node.cls]
    if isinstance(node, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(node, (inspect.IntType, inspect.FloatType)):
        numbers = (int,) if isinstance(node, inspect.IntType) else (int, float)
        return isinstance(value, numbers) and not isinstance(value, bool)
    if isinstance(node, inspect.NoneType):
        return value is None
    for wanted, types, parse in (
        (inspect.StrType, (str,), None),
        (inspect.DateTimeType, (datetime,), datetime.fromisoformat),
        (inspect.DateType, (date,), date.fromisoformat),
        (inspect.TimeType, (time,), time.fromisoformat),
        (inspect.DictType, (dict,), None),
        (inspect.StructType, (dict,), None),
        (inspect.ListType, (list,), None),
        (inspect.VarTupleType, (list,), None),
    ):
        if isinstance(node, wanted):
            return isinstance(value, types) or (parse is not None and isinstance(value, str) and _parses(value, parse))
    return True


def _parses(value: str, parse: Any) -> bool:
    try:
        parse(value)
    except ValueError:
        return False
    return True


def _constraints(value: Any, node: inspect.Type, path: Path) -> Iterator[Finding]:
    if isinstance(node, (inspect.IntType, inspect.FloatType)):
        if (
            (node.ge is not None and value < node.ge)
            or (node.gt is not None and value <= node.gt)
            or (node.le is not None and value > node.le)
            or (node.lt is not None and value >= node.lt)
            or (node.multiple_of is not None and value % node.multiple_of)
            or (isinstance(value, float) and value != value)
        ):
            yield Finding(path, f"{shown(value)} is out of range", describe(node))
    elif isinstance(node, inspect.StrType) and (
        (node.min_length is not None and len(value) < node.min_length)
        or (node.max_length is not None and len(value) > node.max_length)
        or (node.pattern is not None and not search(node.pattern, value))
    ):
        yield Finding(path, f"{shown(value)} has the wrong form", describe(node))
