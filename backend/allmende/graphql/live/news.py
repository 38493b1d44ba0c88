"""Tells those who wait which modules of a city have changed, as soon as a change is committed anywhere.

It looks at the board of the change notices, which is memory: many times a second, and only while somebody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from allmende.db.board import Board, slots_read

LOOK = 0.1
"""Seconds between two looks at the board."""
PACE = 1.0
"""Seconds between two notices of one module to one reader, however much is written."""


class Watch:
    """One reader. What it has not been told yet is a set of modules, so it needs no more room the slower it is."""

    def __init__(self, modules: Collection[str]) -> None:
        self.modules = frozenset(modules)
        self._waiting: set[str] = set()
        self._told: dict[str, float] = {}
        self._changed = asyncio.Event()

    def tell(self, changed: set[str]) -> None:
        mine = changed & self.modules
        if mine:
            self._waiting |= mine
            self._changed.set()

    async def next(self) -> list[str]:
        """The modules that have changed; waits until there is one that may be told of."""
        clock = asyncio.get_running_loop().time
        while True:
            await self._changed.wait()
            now = clock()
            due = {module: self._told.get(module, now - PACE) + PACE for module in self._waiting}
            ready = sorted(module for module, moment in due.items() if moment <= now)
            if ready:
                self._waiting.difference_update(ready)
                self._told |= dict.fromkeys(ready, now)
                if not self._waiting:
                    self._changed.clear()
                return ready
            await asyncio.sleep(min(due.values()) - now)


class _City:
    """What is followed of one city, for all who follow it."""

    def __init__(self, city: str, tables: Mapping[str, Sequence[str]], counters: Sequence[int]) -> None:
        self.watches: set[Watch] = set()
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

    def __init__(self, board: Board, tables: Mapping[str, Sequence[str]]) -> None:
        self.board, self.tables = board, tables
        self._cities: dict[str, _City] = {}
        self._looking: asyncio.Task[None] | None = None

    def watch(self, city: str, modules: Collection[str]) -> Watch:
        """Follow these modules of the city from now on; end it by `leave`."""
        if city not in self._cities:
            self._cities[city] = _City(city, self.tables, self.board.counters)
        watch = Watch(modules)
        self._cities[city].watches.add(watch)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look(), name="live news")
        return watch

    def leave(self, city: str, watch: Watch) -> None:
        followed = self._cities[city]
        followed.watches.discard(watch)
        if not followed.watches:
            del self._cities[city]
        if not self._cities and self._looking is not None:
            self._looking.cancel()
            self._looking = None

    async def _look(self) -> None:
        seen = -1  # the first look is at everything: what changed since the first watch began
        while True:
            counters = self.board.counters
            if counters[0] != seen:
                seen = counters[0]
                for followed in list(self._cities.values()):
                    followed.look(counters)
            await asyncio.sleep(LOOK)
