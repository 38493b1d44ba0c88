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
from allmende.db.rows import Lacking, lacking
from allmende.db.scope import CITY
from allmende.db.table import CityTable, UtcDateTime

SECONDS = 10.0
"""How long a transaction may take."""
_SETTINGS = {"plan_cache_mode": "force_generic_plan", "jit": "off", "lock_timeout": "750ms"}
"""Who waits for the writer of the same key holds up others: after a while it is sent by itself, and then given up."""
_PARAMETER = re.compile(r"\$(\d+)")
_WORD = re.compile(r"[a-z0-9_]*")
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
        counts = self._count(room.taken.template, room.taken.shape) if room else None
        arguments: list[Any] = [city, "", 0]
        inserts = []
        for row in rows:
            values = row.__dict__
            part, lacks = self._insert(type(row), tuple(values))
            lacks.give(values)
            arguments += part.arguments(values)
            inserts.append(part)
        if room and counts:
            arguments += [*counts.arguments(room.taken.parameters), room.most]
        seen = self.rooms.before(city, room, counts.tables) if room and counts else None
        tags = {(city, row.__tablename__) for row in rows}
        taken = None
        try:
            taken = await self.gathering.written(Request(self._joined(tuple(inserts), counts), arguments, tags))
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
        told = to_text(tags)
        for place, request in enumerate(requests):
            request.arguments[_NOTICE : _PLACE + 1] = told, place  # PostgreSQL sends what is the same once
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

    def _compile_insert(self, table: type[CityTable], given: tuple[str, ...]) -> tuple[_Part, Lacking]:
        """For rows that were given these: what is the same in all of them is not bound, but part of the statement."""
        target: Any = table.__table__
        columns, lacks = target.columns, lacking(table, given)
        values = [CITY if one.key == "city" else bindparam(one.key, type_=one.type) for one in columns]
        compiled: Any = (
            insert(target).from_select([one.key for one in columns], select(*values)).compile(dialect=self.dialect)
        )
        slots = []
        for name in compiled.positiontup:
            kind = compiled.binds[name].type
            process = _quicker(kind, kind.dialect_impl(self.dialect).bind_processor(self.dialect))
            if name == CITY.key:
                slots.append(Slot())
            elif name in lacks.constants and _written(lacks.constants[name]):
                slots.append(Slot(fixed=True, constant=lacks.constants[name]))
            else:
                slots.append(Slot(name=name, process=process))
        return _Part(str(compiled), slots), lacks

    def _compile_count(self, template: Template, shape: tuple[Any, ...]) -> _Part:
        text = compile_text(template.select(shape), [func.count()], self.dialect)
        return _Part(text.sql, text.slots, text.tables)


class _Part:
    """SQL with `$1` … for each of `slots`, and a function that makes of values by name what is bound in them: not the
    city, which the whole statement has, and not what is written out."""

    __slots__ = ("arguments", "given", "sql", "tables")

    def __init__(self, sql: str, slots: Sequence[Slot], tables: Iterable[str] = ()) -> None:
        self.sql, self.tables = sql, tables
        self.given = ["$1::text" if is_city(slot) else _written(slot.constant) if slot.fixed else "" for slot in slots]
        self.arguments = _arguments([slot for slot, place in zip(slots, self.given, strict=True) if not place])

    def placed(self, numbers: count[int]) -> str:
        """The SQL with its parameters where they are in the whole statement; the city is the first of that."""
        places = [place or f"${next(numbers)}" for place in self.given]
        return _PARAMETER.sub(lambda match: places[int(match[1]) - 1], self.sql)


def _arguments(slots: Sequence[Slot]) -> Callable[[Mapping[str, Any]], list[Any]]:
    """A function written for these slots, and compiled by Python; for two of them it is

    def arguments(values):
        return [values["id"], None if (x := values["created"]) is None else p1(x)]
    """
    names: dict[str, Any] = {}
    shown = []
    for number, slot in enumerate(slots):
        value = f"values[{slot.name!r}]"
        if slot.fixed:
            names[f"c{number}"], value = slot.constant, f"c{number}"
        elif slot.process is not None:
            names[f"p{number}"] = slot.process
            value = f"None if (x := {value}) is None else p{number}(x)"
        shown.append(value)
    exec(compile(f"def arguments(values): return [{', '.join(shown)}]", "<values of a row>", "exec"), names)
    made: Callable[[Mapping[str, Any]], list[Any]] = names["arguments"]
    return made


def _written(constant: Any) -> str:
    """How SQL writes it; empty for what is bound instead."""
    if constant is None:
        return "NULL"
    if isinstance(constant, bool):
        return str(constant)
    if isinstance(constant, int) and constant >= 0:
        return str(constant)
    return f"'{constant}'" if isinstance(constant, str) and _WORD.fullmatch(constant) else ""


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
