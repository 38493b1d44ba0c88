"""Answers a question from what is kept, or has it answered once for all who wait, and keeps that if it may be."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from msgspec import Struct

from allmende import metrics
from allmende.context import utc_now
from allmende.db.board import Board, slots_read
from allmende.footprint import Footprint, followed
from allmende.graphql.cache.entry import Entry, fingerprint
from allmende.graphql.cache.store import Store
from allmende.graphql.cache.variant import Reader, Shape
from allmende.graphql.exact import exact
from allmende.usage import Asked

LIFE = 300.0
"""Seconds after which every answer is made anew: what was changed past this program (by hand, in psql) shows then."""
QUESTIONS = 8_000
"""Questions of which it is remembered what their answers looked at."""
_ANYTHING = (0,)


class Made(Struct, frozen=True):
    """A fresh answer: `body` where it may be shown to others, else only `outcome`."""

    outcome: Any
    body: bytes | None
    asked: Asked | None = None
    """What is counted when it is given."""


class _Flight(Struct):
    task: asyncio.Task[Entry | Made]
    total: int
    """The board's total when it began: who asks after a change must not wait for it."""
    cities: Any


class Responses:
    """The response cache of one worker. `trusted` says whether changes on other machines are being heard."""

    def __init__(
        self,
        board: Board | None,
        capacity: int,
        cities: Callable[[], Any],
        *,
        trusted: Callable[[], bool] = lambda: True,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.board, self.cities, self.trusted, self.clock = board, cities, trusted, clock
        self.store = Store(capacity)
        self._shapes: OrderedDict[bytes, Shape] = OrderedDict()
        self._flights: dict[tuple[bytes, Reader], _Flight] = {}
        self.hits = self.misses = 0
        # Bound when the first is made, not at import: by then the worker has its folder for counting.
        self._kept = metrics.Tally(metrics.RESPONSES.labels("kept").inc)
        self._made = metrics.Tally(metrics.RESPONSES.labels("made").inc)

    @property
    def usable(self) -> bool:
        return self.board is not None and self.store.capacity > 0 and self.trusted()

    def find(self, question: bytes, reader: Reader) -> Entry | None:
        """The kept answer, if it still holds. This is the way of almost every request."""
        shape = self._shapes.get(question)
        if shape is None:
            return None
        cities = self.cities()
        key = (question, shape.variant(reader, cities))
        entry = self.store.get(key)
        if entry is None:
            return None
        if not self._holds(entry, cities):
            self.store.drop(key)
            return None
        self.hits += 1
        self._kept.count += 1
        return entry

    async def ask(self, question: bytes, reader: Reader, answer: Callable[[], Awaitable[Made]]) -> Entry | Made:
        """The kept answer, or a fresh one: made once, however many ask at the same time."""
        entry = self.find(question, reader)
        if entry is not None:
            return entry
        assert self.board is not None
        key, cities = (question, reader), self.cities()
        flight = self._flights.get(key)
        if flight is None or flight.total != self.board.counters[0] or flight.cities is not cities:
            self.misses += 1
            self._made.count += 1
            task = asyncio.create_task(self._make(question, reader, answer, cities))
            flight = self._flights[key] = _Flight(task, self.board.counters[0], cities)
            task.add_done_callback(lambda done: self._landed(key, done))
        # Who goes away must not take the answer from the others.
        return await asyncio.shield(flight.task)

    def _landed(self, key: tuple[bytes, Reader], task: asyncio.Task[Any]) -> None:
        flight = self._flights.get(key)
        if flight is not None and flight.task is task:
            del self._flights[key]

    async def _make(
        self, question: bytes, reader: Reader, answer: Callable[[], Awaitable[Made]], cities: Any
    ) -> Entry | Made:
        assert self.board is not None
        counters = self.board.counters
        known = self._shapes.get(question, Shape())
        total, before = counters[0], {slot: counters[slot] for slot in known.slots}
        with followed() as footprint:
            made = await answer()
        if made.body is None:
            return made
        slots = _ANYTHING if footprint.anything else slots_read(footprint.reads)
        shape = known.with_(footprint, cities, slots)
        self._remember(question, shape)
        after = {slot: counters[slot] for slot in slots}
        quiet = counters[0] == total  # nothing at all was changed since, so the values of before are those of now
        counts = tuple((after if quiet else before).get(slot, -1) for slot in slots)
        entry = Entry(
            body=exact(made.body),
            tag=fingerprint(made.body),
            vary=shape.vary,
            slots=slots,
            counts=counts,
            seen=total,
            cities=cities,
            until=self._until(footprint),
            asked=made.asked,
        )
        # -1: something was changed meanwhile, and nobody knows whether it was this. Next time we shall.
        if -1 not in counts:
            self.store.put((question, shape.variant(reader, cities)), entry)
        return entry

    def _holds(self, entry: Entry, cities: Any) -> bool:
        assert self.board is not None
        if entry.cities is not cities:
            return False
        if not 0 < entry.until - self.clock().timestamp() <= LIFE:  # more, and the clock was set back
            return False
        return self.board.holds(entry)

    def _remember(self, question: bytes, shape: Shape) -> None:
        self._shapes[question] = shape
        self._shapes.move_to_end(question)
        if len(self._shapes) > QUESTIONS:
            self._shapes.popitem(last=False)

    def _until(self, footprint: Footprint) -> float:
        latest = self.clock().timestamp() + LIFE
        return latest if footprint.until is None else min(latest, footprint.until.timestamp())
