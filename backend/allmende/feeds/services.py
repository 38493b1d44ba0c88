"""What an import needs besides the city and the source. Made once by the process that imports."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from msgspec import Struct

from allmende.city.model import City
from allmende.context import Context, Database, utc_now
from allmende.feeds.fetch import Fetcher
from allmende.feeds.reading import Reader
from allmende.importer import Importer, Source
from allmende.plugin import Plugin


class Rules(Struct, frozen=True, kw_only=True):
    """How the core treats sources; the same for all cities."""

    lease: timedelta = timedelta(minutes=1)
    """Renewed while the work goes on; for so long at most does a killed process block what it was at."""
    stale_after: int = 3
    """Missed fetches after which a source counts as stale."""
    guarded_from: int = 5
    """Stored items from which an import may be quarantined for shrinking."""
    runs_kept: int = 20
    refusals_kept: int = 100


@dataclass(frozen=True, slots=True)
class Services:
    """`context` gives a plugin's context in a city, or None where the plugin is off there."""

    database: Database
    context: Callable[[City, str], Context[Any] | None]
    fetcher: Fetcher = field(default_factory=Fetcher)
    reader: Reader = field(default_factory=Reader)
    rules: Rules = field(default_factory=Rules)
    clock: Callable[[], datetime] = utc_now


def sources_of(city: City, plugin: Plugin) -> Sequence[Source]:
    """The sources of this plugin that the city has configured; none where the plugin is off."""
    return tuple(getattr(city.config(plugin.name), "sources", ()))


def importer_for(plugin: Plugin, source: Source) -> Importer | None:
    """The plugin's importer of this kind of source."""
    return next((importer for importer in plugin.importers if importer.source is type(source)), None)


class Addresses:
    """Which addresses more than one source reads, with the same request; counted anew for cities read anew."""

    def __init__(self, cities: Callable[[], Mapping[str, City]], plugins: Callable[[], Sequence[Plugin]]) -> None:
        self._cities, self._plugins = cities, plugins
        self._known: Mapping[str, City] | None = None
        self._shared: frozenset[str] = frozenset()

    def __contains__(self, url: object) -> bool:
        cities = self._cities()
        if cities is not self._known:
            read = Counter(
                source.url
                for city in cities.values()
                for plugin in self._plugins()
                for source in sources_of(city, plugin)
                if source.url and not source.token
            )
            self._shared = frozenset(url for url, sources in read.items() if sources > 1)
            self._known = cities
        return url in self._shared
