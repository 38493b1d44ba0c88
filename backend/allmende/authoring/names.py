"""Which names a plugin may have: it becomes a folder, a Python package, a GraphQL field and the prefix of tables."""

from __future__ import annotations

import keyword
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from allmende.db.branches import core_tables
from allmende.graphql.city import CityBase
from allmende.graphql.compose import compose
from allmende.graphql.ownership import prefix
from allmende.registry import Registry

FORM = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
LONGEST = 32
GRAPHQL = frozenset(
    {"directive", "enum", "extend", "false", "fragment", "implements", "input", "interface", "mutation", "null", "on"}
    | {"query", "repeatable", "scalar", "schema", "subscription", "true", "type", "union"}
)
HOUSE = MappingProxyType(
    {
        "allmende": "is the core's own name",
        "brand": "is a folder of every city",
        "core": "is the core's branch of migrations",
        "data": "is a folder of every city",
        "desk": "is the source of what editors enter",
        "health": "is an address of the server",
        "logo": "is an address of every city's pages",
        "plugins": "is the package that plugins live in",
        "static": "is an address of the server",
        "texts": "is a folder of every city",
    }
)
FIX = "another name; add what sets it apart, as in {name}_list"


def name_fault(name: str, *, cities: Mapping[str, object] = MappingProxyType({})) -> tuple[str, str] | None:
    """What keeps this from being a plugin's name, and what to take instead; None where nothing does."""
    if not FORM.fullmatch(name):
        return "has the wrong form", f"small letters and digits, words joined by _, as in {_near(name)}"
    if len(name) > LONGEST:
        return f"is {len(name)} letters long", f"at most {LONGEST}"
    other = FIX.format(name=name)
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "is a word of Python", other
    if name in GRAPHQL:
        return "is a word of GraphQL", other
    if name in HOUSE:
        return HOUSE[name], other
    camel = prefix(name)[:1].lower() + prefix(name)[1:]
    if name in CityBase.__annotations__ or hasattr(CityBase, name) or camel in _city_fields():
        return f"City already has a field {name!r}", other
    if name in cities:
        return "is a city; a module is called after what it does", "a name that every city could use"
    if tables := [table for table in core_tables() if table == name or table.startswith(f"{name}_")]:
        return f"the core's table {tables[0]!r} has this prefix", other
    if types := [kind for kind in _core_types() if kind.startswith(prefix(name))]:
        return f"the core's GraphQL type {types[0]} begins with {prefix(name)}", other
    return None


def taken(name: str, plugins: Path, registry: Registry) -> tuple[str, str] | None:
    """Whether a plugin of this name is there already, in the folder or installed as a package."""
    if (plugins / name).exists():
        return f"{plugins / name} is there already", "a name that is free, or work on in that folder"
    if name in registry.plugins or name in registry.broken:
        return "a plugin of this name is installed as a package", "a name that is free"
    return None


def _near(name: str) -> str:
    near = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_0123456789")
    return near or "benches"


def _core_types() -> list[str]:
    schema = compose(Registry(plugins={})).schema
    return sorted(kind for kind in schema.type_map if not kind.startswith("__"))


def _city_fields() -> set[str]:
    city = compose(Registry(plugins={})).schema.type_map["City"]
    return set(city.fields)  # type: ignore[attr-defined]
