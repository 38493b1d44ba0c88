"""What every resolver gets as `info.context`: the instance's services, and who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from graphql import GraphQLError
from msgspec import Struct
from strawberry.types import Info as StrawberryInfo

from allmende import footprint
from allmende.accounts.oidc.provider import Providers
from allmende.accounts.service import Accounts
from allmende.casekind import CaseKind
from allmende.city.model import City
from allmende.city.switches import is_off
from allmende.context import Context, utc_now
from allmende.db.engine import Database
from allmende.db.leash import SHARE, Leash
from allmende.errors import AllmendeError, Denied
from allmende.files.store import Store
from allmende.graphql.breaker import Breakers
from allmende.graphql.directory import Cities, Directory
from allmende.graphql.languages import choose, match
from allmende.graphql.live.news import News
from allmende.plugin import Plugin
from allmende.reader import ANONYMOUS, Reader
from allmende.registry import Registry
from allmende.sealing import Sealer, passing_sealer
from allmende.usage import Part

CITIES = 20
"""Of one request that are counted; who asks for more of them uses none."""


@dataclass(slots=True)
class Services:
    """What does not change from request to request; the application makes one."""

    registry: Registry
    database: Database
    cities: Callable[[], Cities]
    """The cities as they are now; another object after a reload."""
    clock: Callable[[], datetime] = utc_now
    budget: float = 2.0
    """Seconds that one plugin may take in one request, where its plugin.toml does not say."""
    deadline: float = 10.0
    """Seconds that a whole request may take."""
    patience: float = 10.0
    """Seconds that a plugin may take for one document of its routes."""
    breakers: Breakers = field(default_factory=Breakers)
    sealer: Sealer = field(default_factory=passing_sealer)
    providers: Providers = field(default_factory=Providers)
    """Where people sign in by OpenID Connect."""
    files: Store | None = None
    """Where uploads are kept."""
    _accounts: Accounts | None = None
    _news: News | None = None
    _directory: Directory | None = None
    _rooms: dict[str, asyncio.Semaphore] = field(default_factory=dict)

    def leash(self, plugin: str) -> Leash:
        """The database as this plugin may use it for one request."""
        room = self._rooms.get(plugin)
        if room is None:
            room = self._rooms[plugin] = asyncio.Semaphore(SHARE)
        return Leash(self.database, plugin, room)

    def seconds(self, plugin: str) -> float:
        """The time budget of the plugin for one request."""
        installed = self.registry.plugins.get(plugin)
        return (installed.manifest.budget if installed else None) or self.budget

    @property
    def accounts(self) -> Accounts:
        """Whose token it is, and everything else about identities."""
        if self._accounts is None:
            installed = self.registry.plugins
            self._accounts = Accounts(
                database=self.database,
                sealer=self.sealer,
                cities=lambda: self.cities().by_slug,
                plugins=lambda: {name: one.plugin.permissions for name, one in installed.items()},
                clock=lambda: self.clock(),
            )
        return self._accounts

    @property
    def store(self) -> Store:
        """Where uploads are kept, for whoever cannot do without."""
        if self.files is None:
            raise AllmendeError("this instance keeps no files")
        return self.files

    def receiver(self, slug: str, kind: str) -> tuple[Context[Any], CaseKind | None] | None:
        """What another city works with on a case that it is handed; None where there is no such city."""
        city = self.cities().by_slug.get(slug)
        if city is None:
            return None
        return self.registry.case_context(city, kind, self.database, None, self.clock), self.registry.case_kind(kind)

    @property
    def news(self) -> News:
        """Tells subscribers of changes."""
        if self._news is None:
            board = self.database.board
            if board is None:
                raise AllmendeError("this instance has no room for change notices; ask for changes now and then")
            tables = {name: _tables(installed.plugin) for name, installed in self.registry.plugins.items()}
            self._news = News(board, tables, self)
        return self._news

    @property
    def directory(self) -> Directory:
        cities = self.cities()
        if self._directory is None or self._directory.cities is not cities:
            self._directory = Directory(cities, self._directory)
        return self._directory


def _tables(plugin: Plugin) -> list[str]:
    return [table.__tablename__ for table in plugin.tables]


class Done(Struct, frozen=True, eq=False):
    """What the method of a mutation gave or raised."""

    value: Any = None
    error: Exception | None = None

    async def again(self) -> Any:
        """The same once more."""
        if self.error is not None:
            raise self.error
        return self.value


class RequestContext(Struct, eq=False):
    """One request. Resolvers read it; only the guard writes to it."""

    services: Services
    accept_language: str = ""
    host: str = ""
    app_version: str = ""
    """Of the app that asks (header App-Version); empty where it does not say."""
    reader: Reader = ANONYMOUS
    """Whose token came with the request; see `reader_in`."""
    read_only: bool = False
    """It came by GET, so its address lies in logs, and its answer may in caches."""
    charge: Callable[[int], None] | None = None
    """Takes something from what the client may still ask; None where nobody counts."""
    client: str = ""
    """Whoever asks, as the door knows it (an address, or the network of a household); empty where there is no door."""
    errors: list[GraphQLError] = []
    """Errors of plugins whose part was left out of a list, so that the others' parts stay."""
    deadlines: dict[tuple[str, str | int], float] = {}
    """(Plugin, root field) → loop time at which its budget for this request is used up."""
    admitted: dict[tuple[str, str], bool] = {}
    """(City, plugin) → whether its circuit breaker let the request through."""
    paths: dict[tuple[str | int, ...], str] = {}
    """Path in the answer → the city that everything below it belongs to."""
    weights: dict[str, int] = {}
    """Plugin → how much it has put into the answer so far, in characters."""
    leashes: list[Leash] = []
    languages: dict[str, str] = {}
    """City that was asked for → the language in which it is answered for."""
    done: Done | None = None
    """What became of the only mutation, where a plan has called it: it must not be done again."""
    named: set[tuple[str, str]] = set()
    """(City, plugin) that the question names."""

    def language(self, city: City, asked: str | None, *, listed: bool = False) -> str:
        """The language of this city's part of the answer. Every city that is answered for passes here; one that is
        only `listed` among others was not asked for."""
        made = footprint.current()
        if made is not None:
            made.cities.add(city.slug)
            if len(city.languages) > 1 and not (asked and match(city.languages, asked)):
                made.languages.add(city.slug)
        chosen = choose(city.languages, asked, self.accept_language)
        if not listed:
            self.languages[city.slug] = chosen
        return chosen

    def asked(self) -> tuple[Part, ...]:
        """What was wanted of which cities, to be counted."""
        if len(self.languages) > CITIES:
            return ()
        if len(self.languages) == 1:
            ((slug, language),) = self.languages.items()
            return ((slug, language, tuple(sorted([plugin for where, plugin in self.named if where == slug]))),)
        return tuple(
            [
                (city, language, tuple(sorted([plugin for where, plugin in self.named if where == city])))
                for city, language in sorted(self.languages.items())
            ]
        )

    def city_of_host(self) -> City | None:
        """The city that the host name belongs to."""
        made = footprint.current()
        if made is not None:
            made.host = True
        return self.services.cities().by_host.get(self.host)

    def reader_in(self, city: str) -> Reader:
        """Who asks, as they are in this city: a token of another city counts for nothing here."""
        return self.reader if self.reader.city == city else ANONYMOUS

    def acting_in(self, city: str) -> Reader:
        """Who changes something in this city. Denied for a token of another one: it would be done, but nobody's."""
        if self.reader.city not in ("", city):
            raise Denied(f"the token is for {self.reader.city}; send one for {city}, or none", code="UNAUTHENTICATED")
        return self.reader

    def plugin(self, city: City, name: str, language: str) -> Context[Any] | None:
        """What the plugin is given for this city; None where it is off."""
        services = self.services
        if name not in city.plugins or (name in city.modules and is_off(city, name, self.app_version)):
            return None
        leash = services.leash(name)
        self.leashes.append(leash)
        reader = self.reader if self.reader.city == city.slug else ANONYMOUS
        return services.registry.context(city, name, leash, language, services.clock, reader)

    def seconds_left(self, plugin: str, root: str | int) -> float:
        """What is left of the plugin's budget for its fields below this root field."""
        now = asyncio.get_running_loop().time()
        return self.deadlines.setdefault((plugin, root), now + self.services.seconds(plugin)) - now

    def admit(self, city: str, plugin: str, *, named: bool = True) -> bool:
        """Whether the plugin may be asked for this city; one decision for the whole request. It is not `named` where
        all plugins are asked for a list in which they meet."""
        key = (city, plugin)
        if named:
            self.named.add(key)
        if key not in self.admitted:
            self.admitted[key] = self.services.breakers.admit(city, plugin)
        return self.admitted[key]

    def city_at(self, path: Sequence[str | int]) -> str:
        """The slug of the city that a path in the answer belongs to; empty where it belongs to none."""
        for length in range(len(path), 0, -1):
            if (city := self.paths.get(tuple(path[:length]))) is not None:
                return city
        return ""

    def settle(self, failures: set[tuple[str, str]]) -> None:
        """Tell the breakers how each plugin did in each city, when the answer is there."""
        breakers = self.services.breakers
        if not failures and not breakers.states:
            return  # all are well, as they were
        for (city, plugin), asked in self.admitted.items():
            if asked:
                breakers.report(city, plugin, failed=(city, plugin) in failures)

    def start_over(self) -> None:
        """Forget what went wrong: the operation is answered anew."""
        self.errors.clear()
        self.deadlines.clear()

    async def close(self) -> None:
        """Take back the sessions that plugins have left open."""
        await asyncio.gather(*(leash.recall() for leash in self.leashes if leash.loans))


Info = StrawberryInfo[RequestContext, None]
