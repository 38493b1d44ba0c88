"""What one version of the repository amounts to, and what a change does to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct

Level = Literal["breaking", "dangerous", "safe"]
LEVELS: tuple[Level, ...] = ("breaking", "dangerous", "safe")
CITY = "city"
"""Stands where others name a plugin: the city's own facts, in city.toml."""


class PluginPicture(Struct, frozen=True, kw_only=True):
    owner: str = ""
    broken: str = ""
    """Why it was quarantined; empty where it was loaded."""


class CityPicture(Struct, frozen=True, kw_only=True):
    loaded: bool
    problems: tuple[str, ...] = ()
    settings: Mapping[str, Any] = {}
    """Plugin that is on (or `city`) → its effective values. A plugin that could not be loaded has none."""


class Picture(Struct, frozen=True, kw_only=True):
    """Made by probe.py, with the code of the version itself."""

    schema: str = ""
    types: Mapping[str, str] = {}
    """GraphQL type → the plugin that it belongs to."""
    plugins: Mapping[str, PluginPicture] = {}
    settings: Mapping[str, Any] = {}
    """Plugin (or `city`) → JSON Schema of its settings."""
    cities: Mapping[str, CityPicture] = {}
    failures: tuple[str, ...] = ()
    """What could not be found out about this version, and why."""

    def using(self, plugin: str) -> tuple[str, ...]:
        """The cities that have the plugin on; all of them for what belongs to no plugin."""
        return tuple(
            slug for slug, city in self.cities.items() if not plugin or plugin == CITY or plugin in city.settings
        )

    def owner(self, plugin: str) -> str:
        return self.plugins[plugin].owner if plugin in self.plugins else ""


class Finding(Struct, frozen=True, kw_only=True):
    """One consequence of the change, and the cities that it concerns."""

    level: Level
    about: Literal["schema", "settings", "plugin", "city", "app"]
    text: str
    plugin: str = ""
    """Empty for the core."""
    cities: tuple[str, ...] = ()
