"""Which plugin a type or a field of the composed schema belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct


class Ownership(Struct, frozen=True, kw_only=True):
    """Plugin types, and the single fields that plugins have on types of the core (City, Mutation)."""

    types: Mapping[str, str]
    """Type → plugin."""
    fields: Mapping[tuple[str, str], str]
    """(type, field) → plugin."""

    def of(self, type_name: str, field: str) -> str | None:
        return self.types.get(type_name) or self.fields.get((type_name, field))


def prefix(plugin: str) -> str:
    """What the names of a plugin's types begin with: `waste` → `Waste`, `oak_moth` → `OakMoth`."""
    return "".join(part.capitalize() for part in re.split(r"[-_]", plugin))


def owner(type_name: str, plugins: Iterable[str]) -> str | None:
    """The plugin whose prefix the type has; the longest wins, so `newsletter` keeps its types beside `news`."""
    matching = [name for name in plugins if type_name.startswith(prefix(name))]
    return max(matching, key=len, default=None)


def mutation_owner(field: str, plugins: Iterable[str]) -> str | None:
    """The plugin whose name, in camel case, the field of Mutation begins with; the longest wins."""
    matching = [name for name in plugins if field.startswith(prefix(name)[:1].lower() + prefix(name)[1:])]
    return max(matching, key=len, default=None)
