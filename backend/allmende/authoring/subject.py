"""What a check is given: one plugin as its files are, as it was loaded, and where in the files a thing stands."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from allmende.city.load import Cities
from allmende.city.positions import Path as Keys
from allmende.city.positions import positions
from allmende.city.read import Layer, read_toml
from allmende.errors import Problem
from allmende.plugin import Plugin
from allmende.registry import Installed, Registry

CODE = (".py", ".html", ".toml", ".css", ".sql")


class Subject:
    """One plugin under examination. `installed` is None where it could not be loaded, and `reason` says why."""

    def __init__(self, name: str, registry: Registry, cities: Cities, tests: Path) -> None:
        self.name, self.registry, self.cities, self.tests = name, registry, cities, tests
        self.installed: Installed | None = registry.plugins.get(name)
        broken = registry.broken.get(name)
        self.reason = broken.reason if broken else ""
        self.folder = _shown(self.installed.folder if self.installed else broken.folder if broken else Path(name))

    @property
    def plugin(self) -> Plugin | None:
        return self.installed.plugin if self.installed else None

    @cached_property
    def manifest(self) -> Layer | Problem:
        """plugin.toml as it is written, also where it is wrong."""
        return read_toml(self.folder / "plugin.toml")

    @property
    def facts(self) -> Mapping[str, Any]:
        return self.manifest.raw if isinstance(self.manifest, Layer) else {}

    @cached_property
    def _places(self) -> Mapping[Keys, tuple[int, int]]:
        return positions(self.manifest.text) if isinstance(self.manifest, Layer) else {}

    def in_manifest(self, keys: Keys, message: str, expected: str = "") -> Problem:
        """A problem in plugin.toml, at the key or the nearest table around it."""
        near = next((keys[:end] for end in range(len(keys), 0, -1) if keys[:end] in self._places), ())
        line, column = self._places.get(near, (1, 1))
        return Problem(
            file=str(self.folder / "plugin.toml"),
            line=line,
            column=column,
            key=".".join(map(str, keys)),
            message=message,
            expected=expected,
        )

    def at(self, file: Path | str, message: str, expected: str = "", *, key: str = "", line: int = 1) -> Problem:
        """A problem in a file of the plugin (named relative to its folder)."""
        return Problem(file=str(self.folder / file), line=line, key=key, message=message, expected=expected)

    def in_code(self, patterns: tuple[str, ...], message: str, expected: str = "", *, key: str = "") -> Problem:
        """A problem where the patterns are found one after the other in a Python file; in __init__.py if nowhere."""
        file, line = next((place for path in self.files(".py") if (place := _find(path, patterns))), (None, 1))
        where = file or self.folder / "__init__.py"
        return Problem(file=str(where), line=line, key=key, message=message, expected=expected)

    def files(self, *suffixes: str) -> list[Path]:
        """The plugin's files with these endings, without what Python or a demo leaves there."""
        return [
            path
            for path in sorted(self.folder.rglob("*"))
            if path.suffix in suffixes and not {"__pycache__", "demo"} & set(path.relative_to(self.folder).parts)
        ]

    def test_files(self) -> list[Path]:
        return sorted(self.tests.rglob("*.py")) if self.tests.is_dir() else []

    def lines(self, *suffixes: str) -> Iterator[tuple[Path, int, str]]:
        for path in self.files(*suffixes):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
                yield path.relative_to(self.folder), number, line


def _find(path: Path, patterns: tuple[str, ...]) -> tuple[Path, int] | None:
    """File and line of the last pattern, looked for behind the ones before it; the first must be there."""
    text = path.read_text(encoding="utf-8")
    at = None
    for pattern in patterns:
        match = re.compile(pattern, re.M).search(text, at or 0)
        if match is None:
            break
        at = match.start()
    return None if at is None else (path, text.count("\n", 0, at) + 1)


def _shown(folder: Path) -> Path:
    """The folder as people write it: relative to where they are, if it is below."""
    folder, here = folder.resolve(), Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder
