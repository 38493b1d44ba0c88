"""What changes in the contract with the apps, and whether what goes was announced long enough."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    build_schema,
    find_schema_changes,
    get_named_type,
)
from graphql.utilities import BreakingChange, DangerousChange

from allmende.impact.picture import Finding, Level, Picture

_PLACE = re.compile(r"([_A-Za-z]\w*)\.([_A-Za-z]\w*)(?:\(([_A-Za-z]\w*):\))?")
_WORD = re.compile(r"[_A-Za-z]\w*")
_REMOVALS = ("TYPE_REMOVED", "FIELD_REMOVED", "ARG_REMOVED", "VALUE_REMOVED_FROM_ENUM")
_UNTIL = re.compile(r"\buntil (\d{4}-\d{2}-\d{2})\b", re.I)


def schema_findings(before: Picture, after: Picture, today: date) -> Iterator[Finding]:
    """Every change, with the cities that have the plugin on to which it belongs (all, where it is the core's)."""
    if not before.schema or not after.schema:
        return
    old, new = build_schema(before.schema), build_schema(after.schema)
    announced = Announced(old, today)
    for change in find_schema_changes(old, new):
        text = change.description
        if text.startswith("Description of "):
            continue
        plugin = owner(text, before, after)
        level: Level = "dangerous" if isinstance(change, DangerousChange) else "safe"
        if isinstance(change, BreakingChange):
            level, note = announced.judge(change.type.name, text)
            text = f"{text} ({note})"
        cities = dict.fromkeys(before.using(plugin) if level == "breaking" else after.using(plugin))
        yield Finding(level=level, about="schema", text=text, plugin=plugin, cities=tuple(cities))
    for place, reason in _deprecated(new).items() - _deprecated(old).items():
        plugin = owner(place, before, after)
        until = _UNTIL.search(reason)
        text = f"{place} is deprecated" + (f" until {until[1]}" if until else ", without a date: it cannot be removed")
        yield Finding(level="safe", about="schema", text=text, plugin=plugin, cities=after.using(plugin))


def owner(text: str, *pictures: Picture) -> str:
    """The plugin that a message about the schema is about; empty for the core."""
    plugins = {name for picture in pictures for name in picture.plugins}
    types = {name: plugin for picture in reversed(pictures) for name, plugin in picture.types.items()}
    for kind, field, _ in _PLACE.findall(text):
        if kind == "City" and field in plugins:
            return str(field)
        if kind == "Mutation":
            named = [name for name in plugins if field.lower().startswith(re.sub("[-_]", "", name).lower())]
            if named:
                return max(named, key=len)
        if kind in types:
            return types[kind]
    return next((types[word] for word in _WORD.findall(text) if word in types), "")


class Announced:
    """Whether a removal went through `@deprecated(reason: "… until YYYY-MM-DD")`, and that day is over."""

    def __init__(self, schema: GraphQLSchema, today: date) -> None:
        self.reasons = _deprecated(schema)
        self.users = _users(schema)
        self.today = today

    def judge(self, change: str, text: str) -> tuple[Level, str]:
        """The level of a breaking change, and why."""
        if change in _REMOVALS:
            return self.removal(text)
        return "breaking", "such a change cannot be announced: add something new, deprecate this"

    def removal(self, text: str) -> tuple[Level, str]:
        found = _PLACE.search(text)
        if found is None:
            return self.type(text.split(" ", 1)[0])
        reason = self.reasons.get(found[0]) or self.reasons.get(f"{found[1]}.{found[2]}")
        return self.reason(reason)

    def reason(self, reason: str | None) -> tuple[Level, str]:
        if reason is None:
            return "breaking", "it was never deprecated"
        until = _UNTIL.search(reason)
        try:
            last = date.fromisoformat(until[1]) if until else None
        except ValueError:
            last = None
        if last is None:
            return "breaking", "it was deprecated without a date: “… until YYYY-MM-DD”"
        if last >= self.today:
            return "breaking", f"it is promised until {last}"
        return "safe", f"it was promised until {last}"

    def type(self, name: str) -> tuple[Level, str]:
        """A type may go when everything that led to it may."""
        seen: set[str] = set()

        def gone(kind: str) -> bool:
            if kind in seen:
                return True
            seen.add(kind)
            users = self.users.get(kind, ())
            free = (self.reason(self.reasons.get(place))[0] == "safe" or gone(user) for user, place in users)
            return bool(users) and all(free)

        if gone(name):
            return "safe", "everything that led to it was announced to go"
        return "breaking", "what led to it was not announced to go"


def _fields(schema: GraphQLSchema) -> Iterator[tuple[str, str, Any]]:
    for name, kind in schema.type_map.items():
        if not name.startswith("__") and isinstance(
            kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType
        ):
            for key, field in kind.fields.items():
                yield name, key, field


def _deprecated(schema: GraphQLSchema) -> dict[str, str]:
    """`Type.field`, `Type.field(argument:)` or `Enum.VALUE` → the reason given."""
    found: dict[str, str] = {}
    for name, key, field in _fields(schema):
        found[f"{name}.{key}"] = field.deprecation_reason
        for argument, value in getattr(field, "args", {}).items():
            found[f"{name}.{key}({argument}:)"] = value.deprecation_reason
    for name, kind in schema.type_map.items():
        if isinstance(kind, GraphQLEnumType):
            found |= {f"{name}.{key}": value.deprecation_reason for key, value in kind.values.items()}
    return {place: reason for place, reason in found.items() if reason is not None}


def _users(schema: GraphQLSchema) -> dict[str, list[tuple[str, str]]]:
    """Type → the types that lead to it, each with the place where it does."""
    users: dict[str, list[tuple[str, str]]] = {}
    for name, key, field in _fields(schema):
        users.setdefault(get_named_type(field.type).name, []).append((name, f"{name}.{key}"))
        for argument, value in getattr(field, "args", {}).items():
            place = f"{name}.{key}({argument}:)"
            users.setdefault(get_named_type(value.type).name, []).append((name, place))
    for name, kind in schema.type_map.items():
        members = kind.types if isinstance(kind, GraphQLUnionType) else ()
        if isinstance(kind, GraphQLInterfaceType):
            members = tuple(schema.get_implementations(kind).objects)
        for member in members:
            users.setdefault(member.name, []).append((name, f"{name} as {member.name}"))
    return users
