"""Reads one city's folder into a City, or into everything that is wrong with it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from sys import intern
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, structs

from allmende.city import checks
from allmende.city.files import CityFile
from allmende.city.layers import from_environment, merge_all, variable
from allmende.city.model import Brand, City, Config, Slug, Strict
from allmende.city.positions import Path as Keys
from allmende.city.read import Layer, Raw, parse, read_bytes
from allmende.city.report import problems
from allmende.city.shared import Defaults, Shared
from allmende.city.walk import Finding, follows, salvage, unknown, walk
from allmende.errors import Problem

T = TypeVar("T", bound=Strict)
ENVIRONMENT = "environment"
NONE: Mapping[str, Any] = MappingProxyType({})
_PARTS = ("city.toml", "plugins", "texts", "brand", "data")


class Entry(Struct, frozen=True, kw_only=True):
    """What reading one folder gave."""

    city: City | None = None
    problems: tuple[Problem, ...] = ()
    unavailable: tuple[str, ...] = ()
    """Plugins that the city has switched on and this instance could not load."""


class Reader:
    """Reads folders with one set of plugins, defaults and environment; equal files are decoded once and shared."""

    def __init__(
        self,
        folder: Path,
        configs: Mapping[str, type[Config]],
        *,
        environ: Mapping[str, str],
        known: Collection[str],
        secrets: Path,
        texts: Mapping[str, Collection[str]] = NONE,
    ) -> None:
        self.folder = folder
        self.configs = configs
        self.environ = environ
        self.known = frozenset(known) | configs.keys()
        self.secrets = secrets
        self.texts = texts
        """Plugin → the keys of its texts, where they are known."""
        self.shared = Shared(folder, configs, self.known)
        self.variables = from_environment(environ)
        self.decoded: dict[object, Any] = {}
        """What was decoded before, by the content that it came from."""

    def slugs(self) -> list[str]:
        """The folders that hold a city: every one whose name begins with neither `_` nor `.`."""
        if not self.folder.is_dir():
            return []
        with os.scandir(self.folder) as entries:
            return sorted(e.name for e in entries if not e.name.startswith(("_", ".")) and e.is_dir())

    def read(self, slug: str) -> Entry:
        """Never raises: whatever is wrong with the folder is in the entry's problems."""
        visit = _Visit(self, slug)
        try:
            city = visit.city()
        except Exception as error:  # a plugin's config may raise anything; it must stay this city's matter
            visit.note(visit.folder, f"reading it raised {type(error).__name__}: {error}")
            city = None
        return Entry(city=city, problems=tuple(visit.wrong), unavailable=tuple(visit.unavailable))


class _Visit:
    def __init__(self, reader: Reader, slug: str) -> None:
        self.reader = reader
        self.slug = slug
        self.folder = reader.folder / slug
        self.wrong: list[Problem] = []
        self.unavailable: list[str] = []
        self.broken = False

    def city(self) -> City | None:
        """The city, or None where something makes it unusable. Goes on after a mistake, to find the others too."""
        names = {path.name for path in self.folder.iterdir()}
        self.names(names)
        layers, chain = self.city_layers()
        merged = merge_all(layers)
        file = self.decode(layers, merged, CityFile) if layers else None
        wrong: list[Keys] = []
        if layers and file is None:  # what is right in it is checked all the same: all mistakes are told at once
            file, wrong = salvage(merged, CityFile)
        if file:
            known = self.reader.known
            shared = [layer.city.raw.get("module_order") for layer in chain if layer.city]
            errors = (*checks.city_errors(file, self.folder), *checks.secret_errors(merged))
            flaws = (
                *checks.city_flaws(file, self.folder),
                *checks.switch_flaws(file, known, shared),
                *checks.login_flaws(file, known),
                *checks.secret_flaws(merged, self.reader.secrets, self.reader.environ),
            )
            self.fail((one for one in errors if not follows(one, wrong)), layers, merged)
            self.flaw((one for one in flaws if not follows(one, wrong)), layers, merged)
        sure = file is not None and ("languages",) not in {path[:1] for path in wrong}
        languages = self.reader.decoded.setdefault(file.languages, file.languages) if file and sure else ()
        brand = self.brand() if "brand" in names else Brand()
        texts = self.texts(languages) if "texts" in names else {}
        plugins = self.plugins(chain, languages) if "plugins" in names else {}
        self.variables(plugins)
        if file is None or self.broken:
            return None
        values = structs.asdict(file)
        for name in [name for name, switch in file.modules.items() if switch.off and not switch.app_versions]:
            plugins.pop(name, None)
        values |= {
            "modules": file.modules or NONE,
            "languages": languages,
            "module_order": self.reader.decoded.setdefault(file.module_order, file.module_order),
            "land": intern(file.land),
            "kreis": intern(file.kreis),
            "timezone": intern(file.timezone),
            "subdivision": intern(file.subdivision),
        }
        return City(**values, slug=self.slug, brand=brand, texts=texts, plugins=plugins, folder=str(self.folder))

    def names(self, names: Iterable[str]) -> None:
        """The folder's own name, and names in it that nobody reads."""
        if walk(self.slug, Slug):
            self.broken = True
            self.note(self.folder, "the folder's name is no slug", "small letters, digits and single hyphens")
        for name in sorted(names):
            if name not in _PARTS and not name.startswith(".") and not name.endswith(".md"):
                self.note(self.folder / name, *unknown("name", name, (*_PARTS, "README.md")))

    def note(self, file: Path | str, message: str, expected: str = "", key: str = "") -> None:
        self.wrong.append(Problem(file=str(file), key=key, message=message, expected=expected))

    def layer(self, path: Path) -> Layer | None:
        content = read_bytes(path)
        return self.parse(content, path)

    def parse(self, content: bytes | Problem, path: Path) -> Layer | None:
        layer = content if isinstance(content, Problem) else parse(content, str(path))
        if isinstance(layer, Problem):
            self.broken = True
            self.wrong.append(layer)
            return None
        return layer

    def city_layers(self) -> tuple[list[Layer], tuple[Defaults, ...]]:
        own = self.layer(self.folder / "city.toml")
        if own is None:
            return [], ()
        chain = self.reader.shared.chain(own.raw.get("ars"))
        return [*(d.city for d in chain if d.city), own, *self.environment("city")], chain

    def environment(self, section: str) -> Iterator[Layer]:
        raw = self.reader.variables.get(self.slug, {}).get(section)
        if raw:
            yield Layer(ENVIRONMENT, raw, variables=variable(self.slug, section, ()))

    def decode(self, layers: list[Layer], merged: Raw, type: type[T]) -> T | None:
        """The fast way with msgspec; only what it refuses is walked through, for all mistakes at once."""
        try:
            return msgspec.convert(merged, type)
        except msgspec.ValidationError as error:
            message, _, path = str(error).partition(" - at `")
            self.fail(walk(merged, type) or [Finding((), message, f"see {path.rstrip('`')}")], layers, merged)
            return None

    def fail(self, findings: Iterable[Finding], layers: list[Layer], merged: Raw) -> None:
        found = problems(findings, layers, merged)
        self.broken = self.broken or bool(found)
        self.wrong += found

    def flaw(self, findings: Iterable[Finding], layers: list[Layer], merged: Raw) -> None:
        self.wrong += problems(findings, layers, merged)

    def brand(self) -> Brand:
        path = self.folder / "brand" / "theme.toml"
        if not path.exists():
            return Brand()
        content = read_bytes(path)
        if ("brand", content) in self.reader.decoded:
            known: Brand = self.reader.decoded["brand", content]
            return known
        before = len(self.wrong)
        layer = self.parse(content, path)
        brand = self.decode([layer], layer.raw, Brand) if layer else None
        if layer is None or brand is None:
            return Brand()
        self.flaw(checks.brand_flaws(brand, self.folder), [layer], layer.raw)
        if not brand.logo and len(self.wrong) == before:
            self.reader.decoded["brand", content] = brand
        return brand

    def texts(self, languages: tuple[str, ...]) -> dict[str, dict[str, str]]:
        """texts/<language>.toml: `[news]` and `title = "…"` give the text `news.title`."""
        result = {}
        for path in sorted((self.folder / "texts").glob("*.toml")):
            if languages and path.stem not in languages:
                self.note(path, f'the city does not offer "{path.stem}"', "one of " + ", ".join(languages))
            layer = self.layer(path)
            if layer is None:
                continue
            known = self.reader.known
            strangers = [Finding((name,), *unknown("plugin", name, known)) for name in sorted(layer.raw.keys() - known)]
            self.flaw(strangers, [layer], layer.raw)
            found = walk({name: layer.raw[name] for name in layer.raw.keys() & known}, dict[str, dict[str, Any]])
            flat = {}
            for section, table in layer.raw.items():
                for keys, text in _flat(table) if isinstance(table, dict) else ():
                    if isinstance(text, str):
                        flat[intern(".".join((section, *keys)))] = text
                    else:
                        found.append(Finding((section, *keys), "is not text", "text in quotes"))
            self.fail(found, [layer], layer.raw)
            self.flaw(checks.placeholder_flaws(layer.raw), [layer], layer.raw)
            self.flaw(checks.wording_flaws(layer.raw, self.reader.texts), [layer], layer.raw)
            result[intern(path.stem)] = flat
        return result

    def plugins(self, chain: tuple[Defaults, ...], languages: tuple[str, ...]) -> dict[str, Config]:
        result = {}
        for path in sorted((self.folder / "plugins").iterdir()):
            name, plugin = path.name, path.stem
            if name.startswith(".") or name.endswith(".md"):
                continue
            if path.suffix != ".toml" or plugin not in self.reader.known:
                self.note(path, *unknown("plugin", plugin if path.suffix == ".toml" else name, self.reader.known))
            elif plugin not in self.reader.configs:
                self.unavailable.append(plugin)
            else:
                try:
                    config = self.plugin(plugin, path, chain, languages)
                except Exception as error:  # the plugin's own fault: its Config may raise anything
                    self.note(path, f"the plugin's configuration raised {type(error).__name__}: {error}")
                    self.unavailable.append(plugin)
                    continue
                if config is not None:
                    result[intern(plugin)] = config
        return result

    def plugin(self, name: str, path: Path, chain: tuple[Defaults, ...], languages: tuple[str, ...]) -> Config | None:
        """One plugin's config; files that say the same give the same object."""
        content = read_bytes(path)
        below = [d for d in chain if name in d.plugins]
        own = [*self.environment(name)]
        local = (
            own
            or isinstance(content, Problem)
            or b"file" in content
            or any("file" in d.plugins[name].text for d in below)
        )
        key = (name, content, tuple(d.key for d in below), languages[:1])
        if not local and key in self.reader.decoded:
            config: Config | None = self.reader.decoded[key]
            return config
        before = len(self.wrong)
        config = self.decode_plugin(name, content, path, [d.plugins[name] for d in below], own, languages)
        if config is not None and not local and len(self.wrong) == before:
            self.reader.decoded[key] = config
        return config

    def decode_plugin(
        self,
        name: str,
        content: bytes | Problem,
        path: Path,
        below: list[Layer],
        above: list[Layer],
        languages: tuple[str, ...],
    ) -> Config | None:
        own = self.parse(content, path)
        if own is None:
            return None
        layers = [*below, own, *above]
        merged = merge_all(layers)
        type = self.reader.configs[name]
        config = self.decode(layers, merged, type)
        self.fail([*checks.secret_errors(merged), *checks.source_errors(merged, self.folder)], layers, merged)
        self.flaw(checks.source_flaws(merged, self.folder), layers, merged)
        self.flaw(checks.secret_flaws(merged, self.reader.secrets, self.reader.environ), layers, merged)
        if config is not None and languages:
            self.flaw(checks.text_flaws(merged, type, languages), layers, merged)
        return config

    def variables(self, plugins: Mapping[str, Config]) -> None:
        """Environment variables for a plugin that is off, or that does not exist."""
        for section in self.reader.variables.get(self.slug, {}):
            if section not in ("city", *self.reader.known):
                message, expected = unknown("plugin", section, {"city", *self.reader.known})
            elif section == "city" or section in plugins or section in self.unavailable or self.broken:
                continue
            else:
                message, expected = (
                    "the plugin is off",
                    f"{self.folder}/plugins/{section}.toml to switch it on",
                )
            self.note(ENVIRONMENT, message, expected, key=variable(self.slug, section, ()))


def _flat(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, (*path, key))
        else:
            yield (*path, key), value
