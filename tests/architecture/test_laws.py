"""The laws of the house that no linter knows: no city in the core, no plugin in the core, one shape for all plugins."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
CITIES = [folder for folder in sorted((ROOT / "cities").iterdir()) if (folder / "city.toml").exists()]
PLUGINS = [folder for folder in sorted((ROOT / "plugins").iterdir()) if (folder / "plugin.toml").exists()]
CODE = (".py", ".html", ".toml", ".css", ".sql", ".graphql", ".js")


def files(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.suffix in CODE and "__pycache__" not in path.parts]


def city_words() -> dict[str, str]:
    """Names, slugs, keys, hosts and web domains of the example cities → slug."""
    found = {}
    for folder in CITIES:
        city = tomllib.loads((folder / "city.toml").read_text())
        website = urlsplit(city.get("contact", {}).get("website", "")).hostname or ""
        hosts = [*city.get("hosts", ()), website.removeprefix("www.")]
        for word in (folder.name, city.get("name"), city.get("ags"), city.get("ars"), *hosts):
            if word:
                found[str(word)] = folder.name
    return found


def test_there_are_cities_and_plugins_to_check() -> None:
    assert (len(CITIES) >= 6, len(PLUGINS) >= 4) == (True, True)


def test_no_city_is_named_in_the_core_or_in_a_plugin_that_it_does_not_own() -> None:
    words = city_words()
    pattern = re.compile(
        r"(?<!\w)(" + "|".join(map(re.escape, sorted(words, key=len, reverse=True))) + r")(?!\w)", re.I
    )
    folded = {word.casefold(): slug for word, slug in words.items()}
    found = []
    for folder in [ROOT / "backend", *PLUGINS]:
        manifest = folder / "plugin.toml"
        owner = tomllib.loads(manifest.read_text())["owner"] if manifest.exists() else None
        for path in files(folder):
            for number, line in enumerate(path.read_text().splitlines(), 1):
                for match in pattern.finditer(line):
                    if folded[match.group(1).casefold()] != owner:
                        found.append(f"{path.relative_to(ROOT)}:{number}: {match.group(1)}")
    assert found == []


def test_the_core_does_not_name_a_plugin_in_its_code() -> None:
    names = "|".join(folder.name for folder in PLUGINS)
    pattern = re.compile(rf"""(plugins\.({names})\b|["']({names})["'])""")
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in files(ROOT / "backend" / "allmende")
        if path.suffix == ".py"
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if pattern.search(line)
    ]
    assert found == []


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda folder: folder.name)
def test_every_plugin_has_the_same_few_files_and_no_room_for_leftovers(plugin: Path) -> None:
    there = {path.name for path in plugin.iterdir() if path.name != "__pycache__"}
    assert {"__init__.py", "plugin.toml", "README.md", "texts"} - there == set()
    assert "schema.py" in there or "class" in (plugin / "__init__.py").read_text()
    assert there & {"utils.py", "helpers.py", "common.py", "misc.py", "utils", "helpers", "common"} == set()


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda folder: folder.name)
def test_every_plugin_speaks_german_and_english_with_the_same_keys(plugin: Path) -> None:
    def keys(language: str) -> set[str]:
        return flat(tomllib.loads((plugin / "texts" / f"{language}.toml").read_text()))

    assert keys("de") == keys("en")


def flat(table: dict[str, object], prefix: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in table.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key}
    return found
