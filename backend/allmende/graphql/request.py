"""What every resolver gets as `info.context`: the instance's services, and who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graphql import GraphQLError
from strawberry.types import Info as StrawberryInfo

from allmende.city.model import City
from allmende.context import Context, utc_now
from allmende.db.engine import Database
from allmende.graphql.directory import Cities, Directory
from allmende.graphql.languages import choose
from allmende.registry import Registry


@dataclass(slots=True)
class Services:
    """What does not change from request to request; the application makes one."""

    registry: Registry
    database: Database
    cities: Callable[[], Cities]
    """The cities as they are now; another object after a reload."""
    clock: Callable[[], datetime] = utc_now
    budget: float = 2.0
    """Seconds that one plugin may take in one request."""
    deadline: float = 10.0
    """Seconds that a whole request may take."""
    _directory: Directory | None = None

    @property
    def directory(self) -> Directory:
        cities = self.cities()
        if self._directory is None or self._directory.cities is not cities:
            self._directory = Directory(cities)
        return self._directory


@dataclass(slots=True)
class RequestContext:
    """One request. Resolvers read it; only the guard writes to it."""

    services: Services
    accept_language: str = ""
    host: str = ""
    errors: list[GraphQLError] = field(default_factory=list)
    """Errors of plugins whose part was left out of a list, so that the others' parts stay."""
    deadlines: dict[str, float] = field(default_factory=dict)
    """Plugin → loop time at which its budget for this request is used up."""

    def language(self, city: City, asked: str | None) -> str:
        return choose(city.languages, asked, self.accept_language)

    def plugin(self, city: City, name: str, language: str) -> Context[Any] | None:
        """What the plugin is given for this city; None where it is off."""
        services = self.services
        return services.registry.context(city, name, services.database, language, services.clock)

    def time_limit(self, plugin: str) -> AbstractAsyncContextManager[Any]:
        """Ends what runs inside when the plugin has used up its budget for this request (TimeoutError)."""
        now = asyncio.get_running_loop().time()
        return asyncio.timeout_at(self.deadlines.setdefault(plugin, now + self.services.budget))


Info = StrawberryInfo[RequestContext, None]
