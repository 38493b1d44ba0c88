"""Finds plugins, reads their manifests without importing them, loads the sound ones and quarantines the rest."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import tomllib
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType
from typing import Any

import msgspec
import structlog
from msgspec import Struct

from allmende.casekind import CaseKind
from allmende.city.model import City, Config
from allmende.context import Context, Database, utc_now
from allmende.db.bound import Bound
from allmende.db.table import HOME, Base
from allmende.declaration import declaration_faults, name_fault
from allmende.outside import Outside, parse_allowed
from allmende.plugin import API, Manifest, Plugin
from allmende.reader import ANONYMOUS, Reader
from allmende.settings import Settings

log = structlog.get_logger(__name__)
ENTRY_POINTS = "allmende.plugins"
Texts = Mapping[str, Mapping[str, str]]
"""Language → key → text."""


class Installed(Struct, frozen=True, kw_only=True):
    """A plugin that was loaded."""

    plugin: Plugin
    manifest: Manifest
    folder: Path
    texts: Texts


class Broken(Struct, frozen=True, kw_only=True):
    """A plugin that was not loaded: everything else runs, and this says what to tell to whom."""

    name: str
    owner: str
    reason: str
    folder: Path


class Registry(Struct, frozen=True, kw_only=True):
    """All plugins of this instance, in alphabetical order."""

    plugins: Mapping[str, Installed]
    broken: Mapping[str, Broken] = MappingProxyType({})
    outside: Outside = Outside()
    """How plugins reach servers of others."""

    @property
    def configs(self) -> dict[str, type[Config]]:
        return {name: installed.plugin.config for name, installed in self.plugins.items()}

    @property
    def texts(self) -> dict[str, frozenset[str]]:
        """Plugin → the keys of its texts in any language, and of what its manifest says to citizens."""
        return {
            name: frozenset({"title", "summary"}.union(*installed.texts.values()))
            for name, installed in self.plugins.items()
        }

    @property
    def migrations(self) -> dict[str, Path]:
        """Plugin → its folder of Alembic revisions, for those that have one."""
        folders = {name: installed.folder / "migrations" for name, installed in self.plugins.items()}
        return {name: folder for name, folder in folders.items() if folder.is_dir()}

    def without(self, name: str, reason: str) -> Registry:
        """The registry with this plugin quarantined for this reason."""
        installed = self.plugins[name]
        broken = Broken(name=name, owner=installed.manifest.owner, reason=reason, folder=installed.folder)
        log.warning("plugin_quarantined", plugin=name, owner=broken.owner, reason=reason)
        return Registry(
            plugins=MappingProxyType({k: v for k, v in self.plugins.items() if k != name}),
            broken=MappingProxyType({**self.broken, name: broken}),
            outside=self.outside,
        )

    def context(
        self,
        city: City,
        name: str,
        database: Database,
        language: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        reader: Reader = ANONYMOUS,
    ) -> Context[Any] | None:
        """What the plugin is given for this city; None where the city has it off."""
        known = _known.get((id(city), name))
        if known is None or known.city is not city or known.plugins is not self.plugins:
            config, installed = city.plugins.get(name), self.plugins.get(name)
            if config is None or installed is None:
                return None
            known = _keep(city, name, config, self.plugins, installed)
        bound = Bound(database, city.slug)
        given = language or city.language
        return Context(city, name, known.config, bound, given, known.texts, clock, reader, self.outside)

    def case_kind(self, name: str) -> CaseKind | None:
        """The kind of case `<plugin>.<kind>`; None where its plugin is not here any more."""
        plugin, _, kind = name.partition(".")
        declared = self.plugins[plugin].plugin.cases if plugin in self.plugins else ()
        return next((one for one in declared if one.name == kind), None)

    def case_context(
        self,
        city: City,
        name: str,
        database: Database,
        language: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        reader: Reader = ANONYMOUS,
    ) -> Context[Any]:
        """What work on cases of the kind `<plugin>.<kind>` is given: also where the module is off, or gone."""
        plugin = name.partition(".")[0]
        made = self.context(city, plugin, database, language, clock, reader)
        if made is not None:
            return made
        return Context(
            city=city,
            plugin=plugin,
            config=Config(),
            database=database,
            language=language or city.language,
            texts=_merged(self.plugins[plugin].texts, city, plugin) if plugin in self.plugins else {},
            clock=clock,
            reader=reader,
            outside=self.outside,
        )


def load_registry(settings: Settings) -> Registry:
    """All plugins of the plugins folder and of the entry points `allmende.plugins`. Never raises for a bad plugin."""
    plugins: dict[str, Installed] = {}
    broken: dict[str, Broken] = {}
    found: dict[str, tuple[Path, EntryPoint | None]] = {
        folder.name: (folder, None)
        for folder in (sorted(settings.plugins.iterdir()) if settings.plugins.is_dir() else ())
        if folder.is_dir() and not folder.name.startswith((".", "_")) and (folder / "plugin.toml").exists()
    }
    for point in entry_points(group=ENTRY_POINTS):
        if point.name in found:
            reason = f"entry point {point.value} has the name of a plugin that is already there"
            key = f"{point.name} ({point.value})"
            broken[key] = Broken(name=point.name, owner="unknown", reason=reason, folder=Path())
            continue
        spec = importlib.util.find_spec(point.module)
        found[point.name] = (Path(spec.origin).parent if spec and spec.origin else Path(), point)
    for name, (folder, entry) in sorted(found.items()):
        result = _load(name, folder, entry)
        if isinstance(result, Broken):
            log.warning("plugin_quarantined", plugin=name, owner=result.owner, reason=result.reason)
            broken[name] = result
        else:
            plugins[name] = result
    outside = Outside(allowed=parse_allowed(settings.egress_allow), secrets=settings.secrets)
    return Registry(plugins=MappingProxyType(plugins), broken=MappingProxyType(broken), outside=outside)


def read_manifest(folder: Path) -> Manifest:
    """plugin.toml of this folder, by itself: nothing of the plugin is imported."""
    return msgspec.toml.decode((folder / "plugin.toml").read_bytes(), type=Manifest)


def _load(name: str, folder: Path, entry: EntryPoint | None) -> Installed | Broken:
    def broken(reason: str, owner: str = "unknown") -> Broken:
        return Broken(name=name, owner=owner, reason=reason, folder=folder)

    try:
        manifest = read_manifest(folder)
    except (OSError, msgspec.DecodeError) as error:
        return broken(f"plugin.toml: {error}", _claimed_owner(folder))
    if fault := name_fault(name):
        return broken(fault, manifest.owner)
    if manifest.api != API:
        return broken(f"plugin.toml api: is {manifest.api}, this core speaks {API}", manifest.owner)
    try:
        module = entry.load() if entry else _import(name, folder)
        plugin = module if isinstance(module, Plugin) else getattr(module, "plugin", None)
        texts = read_texts(folder / "texts")
        Base.registry.configure()
    except BaseException as error:  # a plugin may raise anything at import, SystemExit included
        if isinstance(error, KeyboardInterrupt):
            raise
        _forget(entry.module if entry else f"plugins.{name}")
        return broken(f"cannot be imported: {type(error).__name__}: {error}", manifest.owner)
    if not isinstance(plugin, Plugin):
        return broken("its __init__.py has no `plugin = Plugin(...)`", manifest.owner)
    faults = declaration_faults(name, plugin)
    if faults:
        return broken("; ".join(faults), manifest.owner)
    return Installed(plugin=plugin, manifest=manifest, folder=folder, texts=texts)


def _claimed_owner(folder: Path) -> str:
    """Whom to tell of a plugin.toml that cannot be read as a whole."""
    try:
        found = re.search(r'^owner *= *"([^"\n]+)"', (folder / "plugin.toml").read_text(errors="replace"), re.M)
    except OSError:
        return "unknown"
    return found[1] if found else "unknown"


def _import(name: str, folder: Path) -> Any:
    """Import the folder as the package `plugins.<name>`, wherever the plugins folder lies."""
    package = f"plugins.{name}"
    loaded = sys.modules.get(package)
    if loaded is not None and Path(loaded.__file__ or "").parent == folder.resolve():
        return loaded
    spec = importlib.util.spec_from_file_location(
        package, folder.resolve() / "__init__.py", submodule_search_locations=[str(folder.resolve())]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{folder} has no __init__.py")
    _forget(package)
    module = importlib.util.module_from_spec(spec)
    sys.modules[package] = module
    spec.loader.exec_module(module)
    return module


def _forget(package: str) -> None:
    """Take out what a failed or replaced import has left: modules, tables, and mapped classes that fail all others."""
    for name in [key for key in sys.modules if _within(package, key)]:
        del sys.modules[name]
    for manager in [one for one in Base.registry._managers if _within(package, one.class_.__module__)]:
        Base.registry._managers.pop(manager)
        Base.registry._dispose_manager_and_mapper(manager)  # SQLAlchemy offers this for whole registries only
    for table in [one for one in Base.metadata.tables.values() if _within(package, one.info.get(HOME, ""))]:
        Base.metadata.remove(table)


def _within(package: str, module: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def read_texts(folder: Path) -> Texts:
    """texts/<language>.toml, nested tables joined by dots: `[upcoming] title = "…"` is `upcoming.title`."""
    return MappingProxyType(
        {
            path.stem: MappingProxyType(flatten(tomllib.loads(path.read_text())))
            for path in sorted(folder.glob("*.toml"))
        }
    )


def flatten(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = str(value)
    return flat


KNOWN = 20_000
"""Cities' plugins of which is kept what a context needs."""


class _Known(Struct, frozen=True, eq=False):
    """What the contexts of one plugin in one city have in common."""

    city: City
    """Itself, so that no other can come to have its id."""
    config: Config
    plugins: Mapping[str, Installed]
    texts: Texts


_known: dict[tuple[int, str], _Known] = {}


def _keep(city: City, name: str, config: Config, plugins: Mapping[str, Installed], installed: Installed) -> _Known:
    if len(_known) >= KNOWN:
        _known.clear()
    texts = _merged(installed.texts, city, name)
    known = _known[id(city), name] = _Known(city, config, plugins, texts)
    return known


def _merged(texts: Texts, city: City, name: str) -> Texts:
    """The plugin's texts with the city's wording on top; the plugin's own object where the city changes nothing."""
    prefix = f"{name}."
    overrides = {
        language: {key.removeprefix(prefix): value for key, value in words.items() if key.startswith(prefix)}
        for language, words in city.texts.items()
    }
    if not any(overrides.values()):
        return texts
    languages = texts.keys() | overrides.keys()
    return {language: {**texts.get(language, {}), **overrides.get(language, {})} for language in languages}
