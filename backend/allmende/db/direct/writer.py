"""New rows on PostgreSQL without the ORM: all of a call, and all calls that come at the same time, in one statement
(see grouped.py and gathering.py).

The statement sets the city of each row for itself, like those of plans, so row-level security holds here as
everywhere. What else belongs to it goes with it: the limit that is looked at, and the notice of what has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import asyncpg
from sqlalchemy import URL, Dialect

from allmende.db.direct.gathering import Gathering, Request
from allmende.db.direct.grouped import LINE, Grouped, grouped
from allmende.db.direct.postgresql import Connections
from allmende.db.direct.rooms import Rooms
from allmende.db.notices import Changes
from allmende.db.prepared import Key, Room
from allmende.db.rls import EVERY
from allmende.db.rows import New

SECONDS = 10.0
"""How long a transaction may take."""
_SETTINGS = {"plan_cache_mode": "force_generic_plan", "jit": "off", "lock_timeout": "750ms"}
"""Who waits for the writer of the same key holds up others: after a while it is sent by itself, and then given up."""
_THERE = (asyncpg.UniqueViolationError, asyncpg.LockNotAvailableError)
"""One of the rows is there already, or somebody else is about to write it."""


class Writer:
    """Made by the Database, which counts its statements, hears of its `changes` after their commit, and closes it."""

    def __init__(
        self,
        url: URL,
        dialect: Dialect,
        note: Callable[[str], None],
        size: int,
        changes: Changes,
        rooms: Rooms,
    ) -> None:
        self.note, self.changes, self.rooms = note, changes, rooms
        self.connections = Connections(url, dialect, size, _SETTINGS)
        self.gathering = Gathering(self._send)
        self._grouped = lru_cache(maxsize=500)(partial(grouped, dialect))

    async def insert(self, city: str, rows: Sequence[New], room: Room | None, unless: tuple[Key, ...]) -> bool:
        """Whether the rows were written: not if there is no room, or one of them is there already. Raises Unplannable
        for what has to be written otherwise."""
        shapes = tuple([(table, tuple(values), *map(values.get, table.few)) for table, values in rows])
        if room is None or self.rooms.take(city, room):
            statement: Grouped = self._grouped(shapes, unless, None)
            return await self.gathering.written(Request(statement, city, statement.line(city, rows))) is not None
        counting = room.taken()
        statement = self._grouped(shapes, unless, (counting.template, counting.shape))
        request = Request(statement, city, statement.line(city, rows), statement.bound(counting.parameters, room.most))
        seen = self.rooms.before(city, room, statement.counted) if statement.counted else None
        taken = None
        try:
            taken = await self.gathering.written(request)
        finally:
            if seen and taken is None:
                self.rooms.given_up(seen)
        if seen and taken is not None:
            self.rooms.counted(city, room, taken, seen)
        return taken is not None

    async def close(self) -> None:
        await self.gathering.close()
        await self.connections.close()

    async def _send(self, requests: Sequence[Request]) -> None:
        """Write them in one transaction, or each by itself where that fails."""
        statement = requests[0].statement
        asked = [request.city for request in requests]
        cities = set(asked)
        calls = max(map(asked.count, cities))
        tags = {(city, table) for city in cities for table in statement.tables}
        told = self.changes.text(tags, calls)
        self.note(statement.sql)
        taken: dict[int, int] | BaseException
        try:
            if statement.counted is None:
                lines = LINE.join([request.line for request in requests])
                city = requests[0].city if len(cities) == 1 else EVERY
                found = await self.connections.fetch(statement.sql, (told, lines, 0, city), SECONDS)
            else:  # one after the other, since each counts those before it
                each = [(told, one.line, place, one.city, *one.bound) for place, one in enumerate(requests)]
                found = await self.connections.fetch_many(statement.sql, each, SECONDS)
            taken = {row[0]: row[1] for row in found}
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            if len(requests) > 1:  # one that was written all the same, when the connection broke, is there already
                for request in requests:
                    if not request.done.done():
                        await self._send([request])
                return
            taken = {} if isinstance(error, _THERE) else error
        except BaseException as error:  # whatever it was: all who wait hear of it
            taken = error
        self.changes(tags, calls)
        for place, request in enumerate(requests):
            if request.done.done():
                continue
            if isinstance(taken, BaseException):
                request.done.set_exception(taken)
            else:
                request.done.set_result(taken.get(place))
