"""cities/_shared/<key>/: defaults for all cities whose Regionalschlüssel begins with <key>, parsed once.

What lies in cities/_shared/ itself (city.toml, plugins/) is for the whole instance: every key begins with nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from msgspec import Struct

from allmende.city.checks import secret_errors
from allmende.city.files import CityFile
from allmende.city.model import Config, Strict
from allmende.city.read import Layer, read_toml
from allmende.city.report import problems
from allmende.city.walk import Finding, unknown, walk
from allmende.errors import Problem

SHARED = "_shared"
_PARTS = ("city.toml", "plugins")


def _is_key(name: str) -> bool:
    return name.isdigit() and len(name) <= 12


class Defaults(Struct, frozen=True, kw_only=True):
    """One folder of defaults. A file with a problem counts as empty, so that no city breaks by it."""

    key: str
    city: Layer | None = None
    plugins: Mapping[str, Layer] = {}
    problems: tuple[Problem, ...] = ()


class Shared:
    """The folders below _shared/, each read when a city first needs it."""

    def __init__(self, folder: Path, configs: Mapping[str, type[Config]], known: Collection[str]) -> None:
        self.folder = folder / SHARED
        self.configs = configs
        self.known = known
        names = (entry.name for entry in self.folder.iterdir()) if self.folder.is_dir() else iter(())
        found = {name for name in names if _is_key(name) or name in _PARTS}
        self.keys = frozenset("" if name in _PARTS else name for name in found)
        self._read: dict[str, Defaults] = {}

    def chain(self, ars: object) -> tuple[Defaults, ...]:
        """The defaults that apply to a Regionalschlüssel, the widest area first."""
        if not isinstance(ars, str):
            return ()
        return tuple(self.read(ars[:n]) for n in range(len(ars) + 1) if ars[:n] in self.keys)

    def all(self) -> Iterator[Defaults]:
        return map(self.read, sorted(self.keys))

    def strays(self) -> Iterator[Problem]:
        """What lies there and is read for nobody."""
        for folder in (self.folder / key for key in sorted({"", *self.keys})):
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                if path.name.startswith(".") or path.name.endswith(".md") or path.name in _PARTS:
                    continue
                if folder != self.folder or not _is_key(path.name):
                    expected = ", ".join(_PARTS)
                    if folder == self.folder:
                        expected = f"{expected}, or a folder named by the first digits of an ARS, such as 05"
                    yield Problem(file=str(path), message=f"unknown name `{path.name}`", expected=expected)

    def read(self, key: str) -> Defaults:
        if key not in self._read:
            self._read[key] = self._load(key)
        return self._read[key]

    def _load(self, key: str) -> Defaults:
        folder = self.folder / key
        wrong: list[Problem] = []
        city = self._file(folder / "city.toml", CityFile, wrong) if (folder / "city.toml").exists() else None
        plugins: dict[str, Layer] = {}
        for path in sorted((folder / "plugins").glob("*.toml")):
            if path.stem in self.configs:
                layer = self._file(path, self.configs[path.stem], wrong)
                if layer:
                    plugins[path.stem] = layer
            elif path.stem not in self.known:
                message, expected = unknown("plugin", path.stem, {*self.configs, *self.known})
                wrong.append(Problem(file=str(path), message=message, expected=expected))
        return Defaults(key=key, city=city, plugins=plugins, problems=tuple(wrong))

    def _file(self, path: Path, type: type[Strict], wrong: list[Problem]) -> Layer | None:
        layer = read_toml(path)
        if isinstance(layer, Problem):
            wrong.append(layer)
            return None
        findings = [*walk(layer.raw, type, partial=True), *secret_errors(layer.raw)]
        findings += [
            Finding((key,), "belongs to one city")
            for key in ("ags", "ars", "hosts", "maintainers")
            if type is CityFile and key in layer.raw
        ]
        wrong += problems(findings, [layer], layer.raw)
        return None if findings else layer
