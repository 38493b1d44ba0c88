"""What the runners of jobs work on: the services of imports, and the cities and plugins as they are at the moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allmende.chore import Chore
from allmende.city.model import City
from allmende.city.secrets import resolve_secret
from allmende.context import Context, utc_now
from allmende.db.engine import Database
from allmende.egress import parse_allowed
from allmende.feeds.fetch import Fetcher
from allmende.feeds.services import Addresses, Services
from allmende.feeds.sharing import Shared
from allmende.plugin import Plugin
from allmende.settings import Settings


@dataclass(frozen=True, slots=True)
class House:
    """`cities` (by slug) and `plugins` are asked anew each time, so that reloads are seen."""

    database: Database
    services: Services
    cities: Callable[[], Mapping[str, City]]
    plugins: Callable[[], Sequence[Plugin]]
    chores: Sequence[Chore] = ()
    """Of the core's rooms."""
    blocked: Callable[[str], bool] = lambda plugin: False
    """Whether the watchdog has shut a plugin out."""

    def chore(self, name: str) -> Chore | None:
        return next((chore for chore in self.chores if chore.name == name), None)

    def plugin(self, name: str) -> Plugin | None:
        return next((plugin for plugin in self.plugins() if plugin.name == name), None)


def make_house(
    settings: Settings,
    database: Database,
    *,
    context: Callable[[City, str], Context[Any] | None],
    cities: Callable[[], Mapping[str, City]],
    plugins: Callable[[], Sequence[Plugin]],
    chores: Sequence[Chore] = (),
    blocked: Callable[[str], bool] = lambda plugin: False,
    clock: Callable[[], datetime] = utc_now,
) -> House:
    """For the composition root, which knows the registry: `context` is what it gives a plugin in a city."""
    fetcher = Fetcher(
        allowed=parse_allowed(settings.egress_allow),
        secret=lambda reference: resolve_secret(reference, settings.secrets),
        clock=clock,
        shared=Shared(settings.cache / "feeds", Addresses(cities, plugins)),
    )
    services = Services(database=database, context=context, fetcher=fetcher, clock=clock)
    return House(database=database, services=services, cities=cities, plugins=plugins, chores=chores, blocked=blocked)
