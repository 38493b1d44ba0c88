"""A statement as text for the driver, compiled by the compiler that keeps cities apart, and checked once more."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import Any

from msgspec import Struct
from sqlalchemy import Dialect, Select

from allmende.db.prepared import Prepared
from allmende.db.raw_sql import forges_nothing
from allmende.db.scope import CITY
from allmende.db.table import CityTable
from allmende.errors import ScopeError

_NUMBER = re.compile(r"\$(\d+)(::VARCHAR)?")
Process = Callable[[Any], Any]


class Unplannable(Exception):
    """A statement (or a field) that plans leave to the ordinary way."""


class Text(Struct, frozen=True, kw_only=True, eq=False):
    """SQL that shows rows of one city only. The city and the values are bound when it runs."""

    sql: str
    """With `?` (SQLite) or `$1` (PostgreSQL) for each of `slots`."""
    slots: tuple[Slot, ...]
    tables: frozenset[str]
    limit: float = inf
    """Rows at most."""
    keys: bool = False
    """It shows one column, which is read as a plain list."""


class Slot(Struct, frozen=True, kw_only=True, eq=False):
    """Where the value of one parameter comes from."""

    name: str = ""
    """The city if empty."""
    fixed: bool = False
    constant: Any = None
    process: Process | None = None

    def value(self, city: str, values: Mapping[str, Any]) -> Any:
        if self.fixed:
            return self.constant
        if not self.name:
            return city
        value = values[self.name]
        return value if self.process is None or value is None else self.process(value)


def is_city(slot: Slot) -> bool:
    """Whether the city is bound there."""
    return not slot.name and not slot.fixed


def compile_text(select: Select[Any], columns: Sequence[Any], dialect: Dialect, *, keys: bool = False) -> Text:
    """The statement, fetching these columns only. Raises Unplannable for what cannot be shown to be safe."""
    narrowed = select.with_only_columns(*columns, maintain_column_froms=True)
    narrowed._with_options = ()  # eager loading of entities, of which nothing is selected any more
    try:
        compiled: Any = narrowed.compile(dialect=dialect)
        forges_nothing(str(compiled))
    except ScopeError as error:
        raise Unplannable(str(error)) from error
    if compiled.raw or compiled.literal_execute_params or compiled.post_compile_params:
        raise Unplannable("raw SQL, or parameters that are written into the text")
    names: list[str] = list(compiled.positiontup or ())
    if not compiled.guarded or CITY.key not in names:
        raise Unplannable("no table of the city")
    slots = []
    for name in names:
        bind = compiled.binds[name]
        process = bind.type.dialect_impl(dialect).bind_processor(dialect)
        if bind is CITY or name == CITY.key:
            slots.append(Slot())
        elif bind.required:
            slots.append(Slot(name=name, process=process))
        elif bind.callable is not None:
            raise Unplannable(f"parameter {name} is worked out when the statement runs")
        else:
            slots.append(Slot(fixed=True, constant=process(bind.value) if process else bind.value))
    sql = str(compiled)
    if dialect.name == "postgresql" and len({number for number, _ in _NUMBER.findall(sql)}) != len(slots):
        raise Unplannable("parameters that cannot be told from the text")
    limit = getattr(select._limit_clause, "value", None)
    most = inf if limit is None else limit
    return Text(sql=sql, slots=tuple(slots), tables=_tables(compiled), limit=most, keys=keys)


def in_scope(texts: Sequence[Text], *, arrays: bool) -> tuple[str, list[list[Slot]]]:
    """One PostgreSQL statement of several: the city is set, for this statement only, before a row is looked at.

    Setting it stands in a condition that no row has a part in, so the server decides it once, ahead of all rows (a
    one-time filter). Gives the SQL and the slots of its parameters after the city ($1), by part.
    """
    order: list[list[Slot]] = []
    parts = []
    number = 2
    for text in texts:
        found: list[int] = []

        def renumber(match: re.Match[str], text: Text = text, found: list[int] = found, begin: int = number) -> str:
            slot = int(match[1]) - 1
            if is_city(text.slots[slot]):
                return "$1::text"
            if slot not in found:
                found.append(slot)
            return f"${begin + found.index(slot)}{match[2] or ''}"

        sql = f"({_NUMBER.sub(renumber, text.sql)})"
        parts.append(sql if text.keys else f"(SELECT part FROM {sql} AS part)" if arrays else f"{sql} AS part")
        order.append([text.slots[slot] for slot in found])
        number += len(found)
    scope = "WHERE (SELECT set_config('allmende.city', $1::text, true)) = $1::text"
    if not arrays:
        return f"SELECT part.* FROM {parts[0]} {scope}", order
    return f"SELECT {', '.join(f'ARRAY{part}' for part in parts)} {scope}", order


Gather = Callable[..., list[Any]]
"""From the city, and the values of each part's question, to what is bound."""


def gather(parts: Sequence[tuple[Prepared, Sequence[Slot]]], *, to_server: bool) -> Gather:
    """A function written for these slots, and compiled by Python: for two parts it is

        def gather(city, v0, v1):
            return [city, v0["districts"][0], v0["start"], v1["first"]]

    The city is bound ahead of all others on a server, and in each of its places on an embedded database.
    """
    names: dict[str, Any] = {}
    shown = ["city"] if to_server else []
    for number, (prepared, slots) in enumerate(parts):
        for slot in slots:
            key = len(names)
            if slot.fixed:
                names[f"c{key}"] = slot.constant
                shown.append(f"c{key}")
            elif is_city(slot):
                shown.append("city")
            else:
                value = f"v{number}{prepared.template.place(slot.name)}"
                if slot.process is not None:
                    names[f"p{key}"] = slot.process
                    value = f"(None if (x := {value}) is None else p{key}(x))"
                shown.append(value)
    values = "".join(f", v{number}" for number in range(len(parts)))
    exec(compile(f"def gather(city{values}): return [{', '.join(shown)}]", "<values of a plan>", "exec"), names)
    made: Gather = names["gather"]
    return made


def _tables(compiled: Any) -> frozenset[str]:
    names = {mapper.class_.__tablename__: mapper.class_ for mapper in CityTable.registry.mappers}
    return frozenset(name for name in names if re.search(rf"\b{re.escape(name)}\b", str(compiled)))
