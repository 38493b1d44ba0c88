"""What is wrong with a plugin's name and declaration, judged before anything of it is used."""

from __future__ import annotations

import re
from collections.abc import Iterator

from allmende.casekind import kind_faults
from allmende.db.contract import check_tables
from allmende.db.table import CityTable, FeedTable
from allmende.plugin import Plugin
from allmende.topic import topic_faults
from allmende.visibility import PUBLIC, Visibility, visibility_fault

_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 40
"""Characters of a name; with a table's own name behind it, PostgreSQL must not cut it."""
RESERVED = {
    "alembic": "migrations keep their versions in tables of that name",
    "account": "tables of the core begin with it",
    "brand": "cities keep their logos at /<city>/brand",
    "case": "tables of the core begin with it",
    "changes": "tables of the core begin with it",
    "content": "tables of the core begin with it",
    "core": "the core's own migrations are called so",
    "desk": "the town hall's pages are at /<city>/desk",
    "feeds": "tables of the core begin with it",
    "file": "tables of the core begin with it",
    "files": "what is uploaded lies at /<city>/files",
    "jobs": "tables of the core begin with it",
    "login": "people sign in at /<city>/login",
    "notify": "tables of the core begin with it",
    "once": "tables of the core begin with it",
    "privacy": "each city's notice is at /<city>/privacy",
    "procrastinate": "tables of the job queue begin with it",
    "search": "tables of the core begin with it",
}
"""Names that no plugin may have, besides the fields of City, and why."""


def name_fault(name: str) -> str | None:
    """What is wrong with the name of a plugin, and what to call it instead. Looked at before it is imported."""
    if _NAME.fullmatch(name) is None or len(name) > LONGEST:
        return (
            f"{name!r} cannot be a plugin's name: rename the folder to small letters and digits, joined by single "
            f"underscores, beginning with a letter, at most {LONGEST} characters"
        )
    if name in RESERVED:
        return f"{name!r} is reserved ({RESERVED[name]}): rename the folder, to city_{name} for instance"
    return None


def declaration_faults(name: str, plugin: Plugin) -> list[str]:
    """What in the declaration breaks the contract: names, tables, what importers and searches refer to, visibility."""
    return [*_faults(name, plugin), *_visibility_faults(plugin)]


def _faults(name: str, plugin: Plugin) -> Iterator[str]:
    if plugin.name != name:
        yield f"Plugin(name={plugin.name!r}) differs from the folder's name {name!r}"
    own = set(plugin.tables)
    for table in plugin.tables:
        if not issubclass(table, CityTable):
            yield f"table {table.__name__} is no CityTable"
    yield from check_tables([table for table in plugin.tables if issubclass(table, CityTable)], name)
    kinds = [importer.kind for importer in plugin.importers]
    yield from (f"two importers for kind {kind!r}" for kind in _twice(kinds))
    for importer in plugin.importers:
        for table in importer.tables:
            if table not in own:
                yield f"importer {importer.kind!r} fills {table.__tablename__!r}, which is not in tables"
    for search in plugin.search:
        if search.table not in own or not issubclass(search.table, FeedTable):
            yield f"search names {search.table.__name__}, which is no FeedTable in tables"
    yield from (f"two cases {name!r}" for name in _twice([kind.name for kind in plugin.cases]))
    for kind in plugin.cases:
        yield from kind_faults(kind)
    yield from (f"two topics {name!r}" for name in _twice([topic.name for topic in plugin.topics]))
    yield from (fault for topic in plugin.topics for fault in topic_faults(topic))
    addresses = [route.path if route.method == "GET" else f"{route.method} {route.path}" for route in plugin.routes]
    yield from (f"two routes at {address!r}" for address in _twice(addresses))
    yield from _content_faults(plugin)


def _content_faults(plugin: Plugin) -> Iterator[str]:
    yield from (f"two types of content {name!r}" for name in _twice([type_.name for type_ in plugin.content]))
    for type_ in plugin.content:
        what, first = f"content type {type_.name!r}", type_.tables[0]
        names = [field.name for field in type_.fields]
        yield from (
            f"{what} fills {table.__name__}, which is not in tables"
            for table in type_.tables
            if table not in plugin.tables
        )
        yield from (f"{what} has two fields {name!r}" for name in _twice(names))
        for role, name in (("title", type_.title), ("category", type_.category or type_.title)):
            if name not in names:
                yield f"{what} has no field {name!r}, which it names as its {role}"
        for field in type_.fields:
            if field.translated and field.kind not in ("line", "text", "rich"):
                yield f"{what}: field {field.name!r} is translated, which a {field.kind} cannot be"
            if field.kind == "choice" and field.choices is None:
                yield f"{what}: field {field.name!r} is a choice without choices"
            for column in field.columns:
                if column not in first.__mapper__.column_attrs:
                    yield f"{what}: field {field.name!r} names the column {column!r}, which {first.__name__} has not"


def _visibility_faults(plugin: Plugin) -> list[str]:
    """The routes and hooks that do not say who may see what comes out of them. (Fields: graphql/visibility.py.)"""
    said = [
        *((f"the search of {one.table.__name__}", one.visible, "Search(visible=PUBLIC, …)") for one in plugin.search),
        *(
            (f"the hook {kind.lower()}", one.visible, f"{kind}(visible=PUBLIC, …)")
            for kind, one in (("Feed", plugin.feed), ("Map", plugin.map))
            if one is not None
        ),
    ]
    declared = plugin.permission_names
    routes = [(f"the route {one.path!r}", one.visible, "Route(visible=PUBLIC, …)") for one in plugin.routes]
    faults = [fault for one in routes if (fault := visibility_fault(*one, permissions=declared))]
    faults += [fault for one in said if (fault := visibility_fault(*one))]
    return faults + [
        f"{entry} is for everybody who sees the list in which plugins meet: write {fix}"
        for entry, visible, fix in said
        if isinstance(visible, Visibility) and visible != PUBLIC
    ]


def _twice(values: list[str]) -> list[str]:
    return sorted({value for value in values if values.count(value) > 1})
