"""New rows on PostgreSQL without the ORM: all of a call in one statement, and calls that come at the same time in one
transaction (see gathering.py).

The statement sets its city for itself, like those of plans, so row-level security holds here as everywhere. What else
belongs to it goes with it: the limit that is looked at, and the notice of what has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from functools import lru_cache
from itertools import count
from typing import Any

import asyncpg
import msgspec
from sqlalchemy import JSON, URL, Boolean, Dialect, LargeBinary, bindparam, func, insert, select
from sqlalchemy.types import TypeEngine

from allmende.db.board import Tag
from allmende.db.direct.gathering import Gathering, Request
from allmende.db.direct.postgresql import Connections
from allmende.db.direct.rooms import Rooms
from allmende.db.direct.statement import Process, Slot, compile_text, is_city
from allmende.db.notices import CHANNEL, to_text
from allmende.db.prepared import Room, Template
from allmende.db.rls import SETTING
from allmende.db.rows import row_values
from allmende.db.scope import CITY
from allmende.db.table import CityTable, UtcDateTime

SECONDS = 10.0
"""How long a transaction may take."""
_SETTINGS = {"plan_cache_mode": "force_generic_plan", "jit": "off", "lock_timeout": "750ms"}
"""Who waits for the writer of the same key holds up others: after a while it is sent by itself, and then given up."""
_PARAMETER = re.compile(r"\$(\d+)")
_THERE = (asyncpg.UniqueViolationError, asyncpg.LockNotAvailableError)
"""One of the rows is there already, or somebody else is about to write it."""
_NOTICE, _PLACE = 1, 2
"""Where they are in the arguments, after the city."""


class Writer:
    """Made by the Database, which counts its statements, hears of its `changes` after their commit, and closes it."""

    def __init__(
        self,
        url: URL,
        dialect: Dialect,
        note: Callable[[str], None],
        size: int,
        changes: Callable[[set[Tag]], None],
        rooms: Rooms,
    ) -> None:
        self.dialect, self.note, self.changes, self.rooms = dialect, note, changes, rooms
        self.connections = Connections(url, dialect, size, _SETTINGS)
        self.gathering = Gathering(self._send)
        self._insert = lru_cache(maxsize=500)(self._compile_insert)
        self._count = lru_cache(maxsize=500)(self._compile_count)
        self._joined = lru_cache(maxsize=500)(_join)

    async def insert(self, city: str, rows: Sequence[CityTable], room: Room | None) -> bool:
        """Whether the rows were written: not if there is no room, or one of them is there already."""
        if room and self.rooms.take(city, room):
            room = None
        inserts = tuple([self._insert(type(row)) for row in rows])
        counts = self._count(room.taken.template, room.taken.shape) if room else None
        arguments: list[Any] = [city, "", 0]
        for part, row in zip(inserts, rows, strict=True):
            arguments += part.arguments(row_values(row))
        if room and counts:
            arguments += [*counts.arguments(room.taken.parameters), room.most]
        seen = self.rooms.before(city, room, counts.tables) if room and counts else None
        tags = {(city, row.__tablename__) for row in rows}
        taken = None
        try:
            taken = await self.gathering.written(Request(self._joined(inserts, counts), arguments, tags))
        finally:
            if seen and taken is None:
                self.rooms.given_up(seen)
        if room and seen and taken is not None:
            self.rooms.counted(city, room, taken, seen)
        return taken is not None

    async def close(self) -> None:
        await self.gathering.close()
        await self.connections.close()

    async def _send(self, requests: Sequence[Request]) -> None:
        """Write them in one transaction, or each by itself where that fails."""
        tags = set().union(*(request.tags for request in requests))
        for place, request in enumerate(requests):
            request.arguments[_NOTICE : _PLACE + 1] = [to_text(tags), place]  # PostgreSQL sends what is the same once
        sql = requests[0].sql
        self.note(sql)
        taken: dict[int, int] | BaseException
        try:
            found = await self.connections.fetch_many(sql, [request.arguments for request in requests], SECONDS)
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
        self.changes(tags)
        for place, request in enumerate(requests):
            if request.done.done():
                continue
            if isinstance(taken, BaseException):
                request.done.set_exception(taken)
            else:
                request.done.set_result(taken.get(place))

    def _compile_insert(self, table: type[CityTable]) -> _Part:
        target: Any = table.__table__
        columns = target.columns
        values = [CITY if one.key == "city" else bindparam(one.key, type_=one.type) for one in columns]
        compiled: Any = (
            insert(target).from_select([one.key for one in columns], select(*values)).compile(dialect=self.dialect)
        )
        slots = []
        for name in compiled.positiontup:
            kind = compiled.binds[name].type
            process = _quicker(kind, kind.dialect_impl(self.dialect).bind_processor(self.dialect))
            slots.append(Slot() if name == CITY.key else Slot(name=name, process=process))
        return _Part(str(compiled), slots)

    def _compile_count(self, template: Template, shape: tuple[Any, ...]) -> _Part:
        text = compile_text(template.select(shape), [func.count()], self.dialect)
        return _Part(text.sql, text.slots, text.tables)


class _Part:
    """SQL with `$1` … for each of `slots`, and those of them that are not the city."""

    __slots__ = ("given", "processes", "slots", "sql", "tables")

    def __init__(self, sql: str, slots: Sequence[Slot], tables: Iterable[str] = ()) -> None:
        self.sql, self.slots, self.tables = sql, slots, tables
        given = [slot for slot in slots if not is_city(slot)]
        self.given = [(slot.name, slot.constant) for slot in given]
        self.processes = [(place, slot.process) for place, slot in enumerate(given) if slot.name and slot.process]

    def arguments(self, values: Mapping[str, Any]) -> list[Any]:
        found = [values[name] if name else constant for name, constant in self.given]
        for place, process in self.processes:
            if found[place] is not None:
                found[place] = process(found[place])
        return found

    def placed(self, numbers: count[int]) -> str:
        """The SQL with its parameters where they are in the whole statement; the city is the first of that."""
        places = ["$1::text" if is_city(slot) else f"${next(numbers)}" for slot in self.slots]
        return _PARAMETER.sub(lambda match: places[int(match[1]) - 1], self.sql)


def _join(inserts: tuple[_Part, ...], counts: _Part | None) -> str:
    """One statement of all, which gives its place and how much of its room was taken before, if it has written.

    The others take their row from the first, so that none is written without it. Where the first is there already, none
    is, and nobody who shares the transaction notices: it should be the one that is most likely to be. CASE keeps the
    limit from being looked at before the city is set.
    """
    numbers = count(4)  # after the city, the notice and the place
    first, *others = [part.placed(numbers) for part in inserts]
    scope = f"(SELECT set_config('{SETTING}', $1::text, true)) = $1::text"
    taken = f"CASE WHEN {scope} THEN ({counts.placed(numbers) if counts else 'SELECT 0'}) END"
    room = f"(SELECT taken FROM room) < {f'${next(numbers)}::bigint' if counts else 1}"
    parts = [
        f"room AS MATERIALIZED (SELECT {taken} AS taken)",
        f"written AS ({first} WHERE {room} ON CONFLICT DO NOTHING RETURNING 1)",
    ]
    parts += [f"written_{number} AS ({sql} FROM written)" for number, sql in enumerate(others, 2)]
    told = f"pg_notify('{CHANNEL}', $2::text)"
    return f"WITH {', '.join(parts)} SELECT $3::int, (SELECT taken FROM room), {told} FROM written"


def _quicker(kind: TypeEngine[Any], process: Process | None) -> Process | None:
    """The same as SQLAlchemy's, which takes longer than the driver does, for what needs no change at all."""
    if process is None or isinstance(kind, LargeBinary):
        return None
    if isinstance(kind, JSON):
        return lambda value: msgspec.json.encode(value).decode()
    if isinstance(kind, UtcDateTime):
        return lambda value: value if value.tzinfo is UTC else process(value)
    if isinstance(kind, Boolean):
        return lambda value: value if value is True or value is False else process(value)
    return process
