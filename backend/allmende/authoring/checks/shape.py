"""What the plugin adds to the API: names and prefixes, descriptions, nullability, bounded lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
)

from allmende.authoring.subject import Subject
from allmende.db.contract import check_tables
from allmende.errors import Problem
from allmende.graphql.compose import Composed
from allmende.graphql.ownership import prefix

MADE = ("Connection", "Edge")
"""Ends of the names of types that the core makes, and bounds."""


def declaration(subject: Subject, composed: Composed) -> Iterator[Problem]:
    """Why it does not load, or does not fit into the schema; prefixes of tables and variables."""
    reason = subject.reason or (b.reason if (b := composed.registry.broken.get(subject.name)) else "")
    if reason and not reason.startswith("plugin.toml"):
        for line in reason.split("; "):
            yield subject.in_code((r"^plugin\b",), line, key="plugin")
    if subject.plugin is None:
        return
    for line in check_tables(subject.plugin.tables, subject.name):
        table, _, message = line.partition(": ")
        yield subject.in_code((rf'__tablename__ = "{table}"',), message, key=table)
    home = subject.plugin.home
    for variable in home.variables if home else ():
        if not variable.startswith(f"{subject.name}_"):
            message = "all modules share the operation's variables, so they begin with the plugin's name"
            yield subject.in_code((rf'"{variable}"',), message, f"{subject.name}_{variable}", key=f"${variable}")


def described(subject: Subject, composed: Composed) -> Iterator[Problem]:
    """Types, fields, arguments and enum values that say nothing of themselves."""
    for where, text in _public(subject, composed):
        if not (text or "").strip():
            yield _at(subject, where, "has no description", 'description="…", which app developers read')


def bounded(subject: Subject, composed: Composed) -> Iterator[Problem]:
    """The root field can be null; lists have `first`, are connections, or are declared to be small."""
    small = subject.facts.get("small_lists") or {}
    root = composed.schema.type_map["City"].fields.get(subject.name)  # type: ignore[attr-defined]
    if root is not None and isinstance(root.type, GraphQLNonNull):
        yield _at(subject, f"City.{subject.name}", "is never null", "a nullable field: null where the module is off")
    lists = dict(_lists(subject, composed))
    for where, field in lists.items():
        if "first" not in field.args and where not in small:
            expected = f'an argument `first`, a Connection, or in plugin.toml: [small_lists] "{where}" = "why it is"'
            yield _at(subject, where, "is a list without a bound", expected)
    for where in small if isinstance(small, Mapping) else ():
        if where not in lists:
            expected = f"one of {', '.join(sorted(lists))}" if lists else "none: there are no plain lists"
            yield subject.in_manifest(("small_lists", where), "is no list of this plugin", expected)


def _own(subject: Subject, composed: Composed) -> Iterator[tuple[str, object]]:
    for kind, owner in composed.ownership.types.items():
        if owner == subject.name:
            yield kind, composed.schema.type_map[kind]


def _public(subject: Subject, composed: Composed) -> Iterator[tuple[str, str | None]]:
    for name, kind in _own(subject, composed):
        if name.endswith(MADE):
            continue
        yield name, getattr(kind, "description", None)
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for key, field in kind.fields.items():
                yield f"{name}.{key}", field.description
                yield from ((f"{name}.{key}({arg})", value.description) for arg, value in field.args.items())
        elif isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{name}.{key}", field.description) for key, field in kind.fields.items())
        elif isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{key}", value.description) for key, value in kind.values.items())


def _lists(subject: Subject, composed: Composed) -> Iterator[tuple[str, GraphQLField]]:
    for name, kind in _own(subject, composed):
        if isinstance(kind, GraphQLObjectType) and not name.endswith(MADE):
            for key, field in kind.fields.items():
                inner = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
                if isinstance(inner, GraphQLList):
                    yield f"{name}.{key}", field


def _at(subject: Subject, where: str, message: str, expected: str) -> Problem:
    """The line in which a part of the schema is written: `NewsItem.publishedAt` is `published_at` in its class."""
    kind, _, rest = where.partition(".")
    field, _, argument = rest.rstrip(")").partition("(")
    bare = kind.removeprefix(prefix(subject.name)) or kind
    patterns = [rf"^class ({kind}|{bare})\b"]
    for part in filter(None, (field, argument)):
        snake = re.sub(r"(?<!^)(?=[A-Z])", "_", part).lower()
        patterns.append(rf"\b({snake}|{part})\b")
    return subject.in_code(tuple(patterns), message, expected, key=where)
