"""A folder to write plugins in, with the example cities, and the command that works on it."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from allmende.authoring.check import check
from allmende.authoring.scaffold import scaffold
from allmende.city.load import Cities, load_cities
from allmende.errors import Problem
from allmende.registry import Registry, load_registry
from allmende.settings import Settings

from tests.server import clean_environment
from tests.warm import ROOT, allmende


class Workshop:
    """What a city's developer has: cities/, plugins/ and tests/."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(cities=folder / "cities", plugins=folder / "plugins")
        shutil.copytree(ROOT / "cities", folder / "cities", ignore=shutil.ignore_patterns("plugins", "texts"))
        (folder / "plugins").mkdir()

    def run(self, *command: str) -> tuple[int, str]:
        """Exit code and output of `allmende …`, called from this folder."""
        done = allmende(*command, cwd=self.folder, environ=clean_environment(COLUMNS="200"))
        return done.returncode, done.stdout + done.stderr

    def registry(self) -> Registry:
        """The plugins as their files are now."""
        for name in [name for name in sys.modules if name.startswith("plugins.")]:
            if str(self.folder) in str(sys.modules[name].__file__):
                del sys.modules[name]
        return load_registry(self.settings)

    def minimal(self, name: str) -> Path:
        """A minimal plugin, which can be loaded many times in one process since it has no tables."""
        tests = self.folder / "tests/plugins" / name
        registry = self.registry()
        scaffold(self.settings, registry, self.cities(registry), name, "beckum", tests, minimal=True)
        return self.settings.plugins / name

    def cities(self, registry: Registry) -> Cities:
        return load_cities(self.settings.cities, registry.configs, environ={})

    def check(self, name: str) -> list[Problem]:
        registry = self.registry()
        return check(name, registry, self.cities(registry), self.folder / "tests/plugins" / name)

    def change(self, file: str, old: str, new: str) -> None:
        path = self.settings.plugins / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} does not hold {old!r}"
        path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)
