"""The operations of released app versions (clients/<app>/<version>/): what becomes of them with the new schema."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from graphql import DocumentNode, FieldNode, GraphQLError, OperationDefinitionNode, build_schema, parse, validate
from msgspec import Struct

from allmende.impact.picture import Finding, Picture
from allmende.impact.schema import owner

META = "meta.toml"


class Release(Struct, frozen=True, kw_only=True):
    """One folder: the operations that a version of an app sends, and until when they must be answered."""

    name: str
    """`allmende-app/1.0`."""
    folder: Path
    supported_until: date
    operations: dict[str, str]
    """File name without its ending (the operation's name) → document."""


def releases(folder: Path) -> list[Release]:
    """All releases below clients/, by name."""
    found = []
    for meta in sorted(folder.glob(f"*/*/{META}")):
        facts = tomllib.loads(meta.read_text(encoding="utf-8"))
        found.append(
            Release(
                name="/".join(meta.parent.parts[-2:]),
                folder=meta.parent,
                supported_until=facts["supported_until"],
                operations={path.stem: path.read_text("utf-8") for path in sorted(meta.parent.glob("*.graphql"))},
            )
        )
    return found


def app_findings(
    before: Picture, after: Picture, old: list[Release], new: list[Release], today: date
) -> Iterator[Finding]:
    """Operations that are gone or altered before their time, and operations that the new schema refuses."""
    now = {release.name: release for release in new}
    for release in old:
        if release.supported_until < today:
            continue
        there = now[release.name].operations if release.name in now else {}
        for name, document in release.operations.items():
            if there.get(name) != document:
                what = "is altered" if name in there else "is gone"
                text = f"{release.name}/{name} {what}, but is supported until {release.supported_until}"
                yield Finding(level="breaking", about="app", text=text, cities=after.using(""))
    if not after.schema:
        return
    schema = build_schema(after.schema)
    plugins = before.plugins.keys() | after.plugins.keys()
    for release in new:
        for name, document in release.operations.items():
            parsed = parse(document)
            for error in validate(schema, parsed) if release.supported_until >= today else ():
                plugin = _below(parsed, error, set(plugins)) or owner(error.message, before, after)
                text = f"{release.name}/{name} is refused: {error.message}"
                cities = tuple(dict.fromkeys((*before.using(plugin), *after.using(plugin))))
                yield Finding(level="breaking", about="app", text=text, plugin=plugin, cities=cities)


def _below(document: DocumentNode, error: GraphQLError, plugins: set[str]) -> str:
    """The plugin whose field of City the faulty place lies in."""
    position = next(iter(error.positions or ()), -1)
    for definition in document.definitions:
        for root in definition.selection_set.selections if isinstance(definition, OperationDefinitionNode) else ():
            inner = root.selection_set.selections if isinstance(root, FieldNode) and root.selection_set else ()
            for field in inner:
                if isinstance(field, FieldNode) and field.loc and field.loc.start <= position < field.loc.end:
                    return field.name.value if field.name.value in plugins else ""
    return ""
