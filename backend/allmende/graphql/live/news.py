"""Tells those who wait which modules of a city have changed, as soon as a change is committed anywhere, and which are
doing differently: switched off, failed, well again.

It looks at the board of the change notices, which is memory: many times a second, and only while somebody waits. The
status of modules rests on that, on the cities, on the breakers of all workers, and on the clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import structlog

from allmende.db.board import Board, slots_read
from allmende.feeds.status import ModuleState, module_outlook
from allmende.feeds.tables import FeedSource
from allmende.graphql.status import ModuleStatus, status_of

if TYPE_CHECKING:
    from allmende.graphql.request import Services

log = structlog.get_logger(__name__)
LOOK = 0.1
"""Seconds between two looks at the board."""
TURN = 1.0
"""Seconds between two looks at how the modules are doing."""
PACE = 1.0
"""Seconds between two notices of one module to one reader, however much is written."""
Statuses = Mapping[str, ModuleStatus]


class Watch:
    """One reader. What it has not been told yet is a set of modules, so it needs no more room the slower it is."""

    def __init__(self, modules: Collection[str], app_version: str, statuses: Statuses) -> None:
        self.modules, self.app_version, self.statuses = frozenset(modules), app_version, statuses
        self._waiting: set[str] = set()
        self._turned: set[str] = set()
        """Those of them whose status is another one."""
        self._told: dict[str, float] = {}
        self._changed = asyncio.Event()

    def tell(self, changed: set[str]) -> None:
        """Something that these modules show has changed; of one that is off, that is nobody's business."""
        mine = {one for one in changed & self.modules if self.statuses.get(one) is not ModuleStatus.OFF}
        if mine:
            self._waiting |= mine
            self._changed.set()

    def see(self, statuses: Statuses) -> None:
        """This is how the modules are doing now."""
        turned = {name for name in self.modules if statuses.get(name) is not self.statuses.get(name)}
        self.statuses = statuses
        if turned:
            self._turned |= turned
            self._waiting |= turned
            self._changed.set()

    def wake(self) -> None:
        """Let the reader look whether it is still in the right place."""
        self._changed.set()

    async def next(self) -> list[tuple[str, ModuleStatus]]:
        """The modules that have changed, and their status; waits until there is one that may be told of."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._changed.wait()
            now = clock()
            due = {module: self._told.get(module, now - PACE) + PACE for module in self._waiting}
            ready = sorted(module for module, moment in due.items() if moment <= now)
            if ready or not due:
                self._waiting.difference_update(ready)
                self._told |= dict.fromkeys(ready, now)
                if not self._waiting:
                    self._changed.clear()
                found = [(name, self.statuses.get(name, ModuleStatus.OFF)) for name in ready]
                shown = [one for one in found if one[1] is not ModuleStatus.OFF or one[0] in self._turned]
                self._turned.difference_update(ready)
                return shown
            await asyncio.sleep(min(due.values()) - now)


class _Outlook:
    """How the sources of a city's modules are doing, and until when that holds."""

    def __init__(self, slug: str) -> None:
        self.slots = slots_read([(slug, FeedSource.__tablename__)])
        self.counts: list[int] = []
        self.states: Mapping[str, ModuleState] = {}
        self.until: datetime | None = None

    async def load(self, services: Services, counters: Sequence[int], slug: str) -> None:
        city = services.cities().by_slug.get(slug)
        if city is not None:
            counts = [counters[slot] for slot in self.slots]
            self.states, self.until = await module_outlook(services.database, city, services.clock())
            self.counts = counts

    def holds(self, counters: Sequence[int], now: datetime) -> bool:
        return self.counts == [counters[slot] for slot in self.slots] and (self.until is None or now < self.until)


class _City:
    """What is followed of one city, for all who follow it."""

    def __init__(
        self, city: str, tables: Mapping[str, Sequence[str]], counters: Sequence[int], outlook: _Outlook
    ) -> None:
        self.watches: set[Watch] = set()
        self.outlook = outlook
        self._slots = {module: slots_read((city, table) for table in mine) for module, mine in tables.items()}
        self._seen = self._sums(counters)

    def look(self, counters: Sequence[int]) -> None:
        sums = self._sums(counters)
        changed = {module for module, total in sums.items() if total != self._seen[module]}
        self._seen = sums
        for watch in self.watches if changed else ():
            watch.tell(changed)

    def _sums(self, counters: Sequence[int]) -> dict[str, int]:
        return {module: sum(counters[slot] for slot in slots) for module, slots in self._slots.items()}


class News:
    """All readers of this worker; one look serves them all. `tables` are those of each module."""

    def __init__(self, board: Board, tables: Mapping[str, Sequence[str]], services: Services) -> None:
        self.board, self.tables, self.services = board, tables, services
        self._cities: dict[str, _City] = {}
        self._looking: Sequence[asyncio.Task[None]] = ()

    async def watch(self, city: str, modules: Collection[str], app_version: str) -> Watch:
        """Follow these modules of the city from now on; end it by `leave`."""
        if city not in self._cities:
            outlook = _Outlook(city)
            await outlook.load(self.services, self.board.counters, city)
            self._cities.setdefault(city, _City(city, self.tables, self.board.counters, outlook))
        followed = self._cities[city]
        watch = Watch(modules, app_version, self._statuses(city, followed, app_version))
        followed.watches.add(watch)
        if not self._looking:
            self._looking = (
                asyncio.create_task(self._look(), name="live news"),
                asyncio.create_task(self._turn(), name="live statuses"),
            )
        return watch

    def leave(self, city: str, watch: Watch) -> None:
        followed = self._cities[city]
        followed.watches.discard(watch)
        if not followed.watches:
            del self._cities[city]
        if not self._cities:
            for task in self._looking:
                task.cancel()
            self._looking = ()

    async def _look(self) -> None:
        seen = -1  # the first look is at everything: what changed since the first watch began
        while True:
            counters = self.board.counters
            if counters[0] != seen:
                seen = counters[0]
                for followed in list(self._cities.values()):
                    followed.look(counters)
            await asyncio.sleep(LOOK)

    async def _turn(self) -> None:
        seen: tuple[Any, ...] = ()
        while True:
            breakers, cities = self.services.breakers, self.services.cities()
            resting = breakers.resting.now()
            found = (id(cities), breakers.turns, resting, *(breakers.blocked(name) for name in self.tables))
            for slug, followed in list(self._cities.items()):
                try:
                    held = followed.outlook.holds(self.board.counters, self.services.clock())
                    if not held:
                        await followed.outlook.load(self.services, self.board.counters, slug)
                    if not held or found != seen:
                        self._show(slug, followed)
                except Exception as error:  # the database; the next look may find it again
                    log.warning("statuses_not_read", city=slug, error=type(error).__name__)
            seen, self._kept = found, cities  # as long as it is kept, no other object has its id
            await asyncio.sleep(TURN)

    def _show(self, slug: str, followed: _City) -> None:
        releases: dict[str, Statuses] = {}
        for watch in followed.watches:
            if watch.app_version not in releases:
                releases[watch.app_version] = self._statuses(slug, followed, watch.app_version)
            watch.see(releases[watch.app_version])
            if slug not in self.services.cities().by_slug:
                watch.wake()

    def _statuses(self, slug: str, followed: _City, app_version: str) -> Statuses:
        """How all modules of the city are doing for this release of the app; all off where the city is gone."""
        city = self.services.cities().by_slug.get(slug)
        if city is None:
            return dict.fromkeys(self.tables, ModuleStatus.OFF)
        states, breakers = followed.outlook.states, self.services.breakers
        return {name: status_of(breakers, city, name, states.get(name), app_version) for name in self.tables}
