"""New rows on PostgreSQL without the ORM: all of them in one statement, which is a transaction of its own.

The statement sets its city for itself, like those of plans, so row-level security holds here as everywhere. What else
belongs to a transaction goes with it: the limit that is looked at, and the notice of what has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import count
from typing import Any

import asyncpg
from sqlalchemy import URL, Dialect, bindparam, func, insert, select

from allmende.db.direct.postgresql import Connections
from allmende.db.direct.statement import Slot, compile_text
from allmende.db.notices import CHANNEL
from allmende.db.prepared import Room, Template
from allmende.db.rls import SETTING
from allmende.db.rows import row_values
from allmende.db.scope import CITY
from allmende.db.table import CityTable

SECONDS = 10.0
"""How long the statement may take, with waiting for others that write the same key."""
_SETTINGS = {"plan_cache_mode": "force_generic_plan", "jit": "off"}
_PARAMETER = re.compile(r"\$(\d+)")


class Writer:
    """Made by the Database, which counts its statements and closes it."""

    def __init__(self, url: URL, dialect: Dialect, note: Callable[[str], None], size: int) -> None:
        self.dialect, self.note = dialect, note
        self.connections = Connections(url, dialect, size, _SETTINGS)
        self._insert = lru_cache(maxsize=500)(self._compile_insert)
        self._count = lru_cache(maxsize=500)(self._compile_count)
        self._joined = lru_cache(maxsize=500)(_join)

    async def insert(self, city: str, rows: Sequence[CityTable], room: Room | None, notice: str) -> bool:
        """Whether the rows were written: not if there is no room, or one of them is there already."""
        inserts = tuple([self._insert(type(row)) for row in rows])
        counts = self._count(room.taken.template, room.taken.shape) if room else None
        arguments: list[Any] = [city, notice]
        for part, row in zip(inserts, rows, strict=True):
            arguments += part.arguments(city, row_values(row))
        if room and counts:
            arguments += [*counts.arguments(city, room.taken.parameters), room.most]
        sql = self._joined(inserts, counts)
        self.note(sql)
        try:
            return bool(await self.connections.fetch(sql, arguments, SECONDS))
        except asyncpg.UniqueViolationError:
            return False

    async def close(self) -> None:
        await self.connections.close()

    def _compile_insert(self, table: type[CityTable]) -> _Part:
        target: Any = table.__table__
        columns = target.columns
        values = [CITY if one.key == "city" else bindparam(one.key, type_=one.type) for one in columns]
        compiled: Any = (
            insert(target).from_select([one.key for one in columns], select(*values)).compile(dialect=self.dialect)
        )
        slots = []
        for name in compiled.positiontup:
            process = compiled.binds[name].type.dialect_impl(self.dialect).bind_processor(self.dialect)
            slots.append(Slot() if name == CITY.key else Slot(name=name, process=process))
        return _Part(str(compiled), slots)

    def _compile_count(self, template: Template, shape: tuple[Any, ...]) -> _Part:
        text = compile_text(template.select(shape), [func.count()], self.dialect)
        return _Part(text.sql, text.slots)


class _Part:
    """SQL with `$1` … for each of `slots`, and those of them that are not the city."""

    __slots__ = ("given", "slots", "sql")

    def __init__(self, sql: str, slots: Sequence[Slot]) -> None:
        self.sql, self.slots = sql, slots
        self.given = [slot for slot in slots if not _is_city(slot)]

    def arguments(self, city: str, values: dict[str, Any]) -> list[Any]:
        return [slot.value(city, values) for slot in self.given]

    def placed(self, numbers: count[int]) -> str:
        """The SQL with its parameters where they are in the whole statement; the city is the first of that."""
        places = ["$1::text" if _is_city(slot) else f"${next(numbers)}" for slot in self.slots]
        return _PARAMETER.sub(lambda match: places[int(match[1]) - 1], self.sql)


def _join(inserts: tuple[_Part, ...], counts: _Part | None) -> str:
    """One statement of all. The others take their row from the first, so that none is written without it; CASE keeps
    the limit from being looked at before the city is set."""
    numbers = count(3)  # after the city and the notice
    first, *others = [part.placed(numbers) for part in inserts]
    room = f"({counts.placed(numbers)}) < ${next(numbers)}::bigint" if counts else "true"
    scope = f"(SELECT set_config('{SETTING}', $1::text, true)) = $1::text"
    parts = [f"written AS ({first} WHERE CASE WHEN {scope} THEN {room} END RETURNING 1)"]
    parts += [f"written_{number} AS ({sql} FROM written)" for number, sql in enumerate(others, 2)]
    return f"WITH {', '.join(parts)} SELECT pg_notify('{CHANNEL}', $2::text) FROM written"


def _is_city(slot: Slot) -> bool:
    return not slot.name and not slot.fixed
