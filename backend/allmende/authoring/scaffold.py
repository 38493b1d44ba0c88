"""Writes a new plugin that runs, with its tests, from the templates beside this module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from allmende.authoring.names import name_fault, taken
from allmende.city.load import Cities
from allmende.city.walk import unknown
from allmende.db.authoring import revision
from allmende.db.branches import Branch
from allmende.errors import InputError
from allmende.graphql.ownership import prefix
from allmende.registry import Registry, load_registry
from allmende.settings import Settings

TEMPLATES = Path(__file__).parent / "templates"
JOINT = "allmende"
"""Owner of the plugins that are maintained jointly."""


def check_owner(owner: str, cities: Cities) -> str:
    """The owner as it is given, if it is `allmende` or a city of this instance."""
    if owner not in (JOINT, *cities.entries):
        raise InputError("--owner: " + "; expected ".join(unknown("city", owner, (JOINT, *cities.entries))))
    return owner


def scaffold(
    settings: Settings, registry: Registry, cities: Cities, name: str, owner: str, tests: Path, *, minimal: bool
) -> list[Path]:
    """Write the plugin and its tests; the files that were written. InputError where the name or owner will not do."""
    if fault := name_fault(name, cities=cities.entries) or taken(name, settings.plugins, registry):
        raise InputError("{!r}: {}; expected {}".format(name, *fault))
    check_owner(owner, cities)
    words = {"@name@": name, "@Type@": prefix(name), "@owner@": owner, "@Title@": name.replace("_", " ").capitalize()}
    folder = settings.plugins / name
    parts = (("minimal", folder), ("minimal_tests", tests)) if minimal else (("full", folder), ("tests", tests))
    files = {target / file: text for part, target in parts for file, text in _rendered(part, words)}
    if there := [path for path in files if path.exists()]:
        raise InputError(f"{there[0]} is there already; move it away, or choose another name")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [*files, *_migrate(settings, name, folder)]


def _rendered(part: str, words: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Path in the target folder and content of each template."""
    for path in sorted((TEMPLATES / part).rglob("*.in")):
        file, text = str(path.relative_to(TEMPLATES / part)).removesuffix(".in"), path.read_text(encoding="utf-8")
        for token, word in words.items():
            file, text = file.replace(token, word), text.replace(token, word)
        yield file, text


def _migrate(settings: Settings, name: str, folder: Path) -> list[Path]:
    """The first migration, from the tables that were just written, in the way that every later one is made."""
    installed = load_registry(settings).plugins[name]
    if not installed.plugin.tables:
        return []
    path = revision(Branch(name, folder.resolve() / "migrations"), "Items.")
    return [folder / "migrations" / path.name] if path else []
