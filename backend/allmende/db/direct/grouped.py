"""One statement that writes the rows of several calls, each into its own city.

PostgreSQL needs longer to begin a statement than to write a row, so what goes together is one statement. What is the
same in all calls is written out, the rest is one text with a line for each call: binding each value would take the
driver eight times as long, and reading JSON the server as long as all else. For two rows it is

    WITH asked AS MATERIALIZED (
      SELECT place, v FROM (
        SELECT place, string_to_array(line, E'\\x1f') AS v
        FROM unnest(string_to_array($2, E'\\x1e')) WITH ORDINALITY AS lines(line, place) OFFSET 0) AS asked
      WHERE CASE WHEN set_config('allmende.city', $4, true) = $4
        THEN (SELECT 1 FROM case_case WHERE city = asked.v[1] AND once = asked.v[5] …) IS NULL END),
    written_0 AS (INSERT INTO case_case (city, id, lat, …) SELECT asked.v[1], asked.v[2], asked.v[3]::FLOAT, …
      FROM asked WHERE set_config('allmende.city', asked.v[1], true) = asked.v[1]),
    written_1 AS (INSERT INTO reports_passed …)
    SELECT $3 + place - 1, 0, (SELECT pg_notify('…', $1)) FROM asked

Row-level security lets each row be written only while the setting is its own city. What is there already is looked for
under the city of all calls ($4), or under every city, where they are of several.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC
from itertools import count
from typing import Any

import msgspec
from msgspec import Struct
from sqlalchemy import JSON, Boolean, Date, Dialect, Enum, Float, Integer, LargeBinary, Numeric, String, func
from sqlalchemy.types import TypeEngine

from allmende.db.direct.statement import Process, Slot, Text, Unplannable, compile_text, is_city
from allmende.db.notices import CHANNEL
from allmende.db.prepared import Key, Template
from allmende.db.rls import SETTING
from allmende.db.rows import Lacking, New, lacking
from allmende.db.table import UtcDateTime

Shape = tuple[Any, ...]
"""Of a row its table, the names of what it was given, and its values of the table's `few`."""
Made = tuple[str, Process | None]
"""How a value `x` is written as a text in Python, and the function `p` that takes part in it."""
_PARAMETER = re.compile(r"\$(\d+)")
_WORD = re.compile(r"[a-z0-9_.]*")
_FIRST = 5
"""Of the parameters of a limit: after the notice, the lines, the place and the city that is looked under."""
LINE, VALUE = "\x1e", "\x1f"
"""What is between two of them."""


class Grouped(Struct, frozen=True, eq=False):
    """The statement for calls whose rows are of the same shapes."""

    sql: str
    line: Callable[[str, Sequence[New]], str]
    """From a city and the rows of a call to its line; what they lack, they are given. Raises Unplannable for what
    cannot be told in one."""
    tables: Sequence[str]
    """Into which it writes."""
    counted: frozenset[str] | None
    """The tables that its limit rests on. With a limit, it is a statement for one call, which must see those before."""
    bound: Callable[[Mapping[str, Any], int], list[Any]]
    """What is bound for the limit, from the values of what counts it and how much is allowed."""


def grouped(
    dialect: Dialect, shapes: Sequence[Shape], unless: Sequence[Key], limit: tuple[Template, Any] | None
) -> Grouped:
    """For calls that write such rows, where none is there already by one of the keys `unless`."""
    quote, numbers = dialect.identifier_preparer.quote, count(2)
    shown: dict[Any, str] = {}
    taken, inserts, lacking_rows = [], [], []
    for place, (table, given, *few) in enumerate(shapes):
        target: Any = table.__table__
        if lacks := lacking(table, given):
            lacking_rows.append((place, lacks))
        same = {**dict(zip(table.few, few, strict=True)), **lacks.constants}
        for column in target.columns:
            shown[column] = "asked.v[1]" if column.key == "city" else _written(same, column.key)
            if not shown[column]:
                shown[column], text = _told(dialect, column, next(numbers))
                taken.append((place, column, text))
        columns = ", ".join(quote(column.name) for column in target.columns)
        values = ", ".join(shown[column] for column in target.columns)
        inserts.append(f"INSERT INTO {quote(target.name)} ({columns}) SELECT {values} FROM asked")
    counts = compile_text(limit[0].select(limit[1]), [func.count()], dialect) if limit else None
    return Grouped(
        sql=_sql(inserts, [_is_new(quote, key, shown) for key in unless], counts),
        line=_line(taken, lacking_rows),
        tables=[table.__tablename__ for table, *_ in shapes],
        counted=counts.tables if counts else None,
        bound=_bound(counts.slots if counts else ()),
    )


def _sql(inserts: Sequence[str], new: Sequence[str], counts: Text | None) -> str:
    looking = f"set_config('{SETTING}', $4::text, true) = $4::text"
    where, room = [f"CASE WHEN {looking} THEN {' AND '.join(new) or 'true'} END"], []
    if counts:
        numbers = count(_FIRST)
        places = ["$4::text" if is_city(slot) else f"${next(numbers)}" for slot in counts.slots]
        taken = _PARAMETER.sub(lambda match: places[int(match[1]) - 1], counts.sql)
        room = [f"room AS MATERIALIZED (SELECT CASE WHEN {looking} THEN ({taken}) END AS taken)"]
        where.append(f"(SELECT taken FROM room) < ${next(numbers)}::bigint")
    lines = f"unnest(string_to_array($2::text, E'{_escaped(LINE)}')) WITH ORDINALITY AS lines(line, place)"
    asked = f"SELECT place, string_to_array(line, E'{_escaped(VALUE)}') AS v FROM {lines} OFFSET 0"
    parts = [*room, f"asked AS MATERIALIZED (SELECT place, v FROM ({asked}) AS asked WHERE {' AND '.join(where)})"]
    scope = f"WHERE set_config('{SETTING}', asked.v[1], true) = asked.v[1]"
    parts += [f"written_{number} AS ({sql} {scope})" for number, sql in enumerate(inserts)]
    seen, told = "(SELECT taken FROM room)" if counts else "0", f"(SELECT pg_notify('{CHANNEL}', $1::text))"
    return f"WITH {', '.join(parts)} SELECT $3::int + place::int - 1, {seen}, {told} FROM asked"


def _is_new(quote: Callable[[str], str], key: Key, shown: Mapping[Any, str]) -> str:
    """No row is there with the same of these columns."""
    table: Any = key.table.__table__
    same = [f"{quote(table.c[name].name)} = {shown[table.c[name]]}" for name in ("city", *key.columns)]
    return f"(SELECT 1 FROM {quote(table.name)} WHERE {' AND '.join(same)}) IS NULL"


def _escaped(mark: str) -> str:
    return f"\\x{ord(mark):02x}"


def _told(dialect: Dialect, column: Any, number: int) -> tuple[str, Made | None]:
    """A column's value as SQL reads it from a line, and how it is made a text. Nothing at all is told as no text, and a
    text that might be nothing with a mark ahead of it."""
    kind, place = column.type, f"asked.v[{number}]"
    process = kind.dialect_impl(dialect).bind_processor(dialect)
    if isinstance(kind, String) and not isinstance(kind, Enum):
        return (f"substr(NULLIF({place}, ''), 2)", ("'=' + {x}", None)) if column.nullable else (place, None)
    cast = f"::{kind.compile(dialect)}"
    return f"NULLIF({place}, ''){cast}" if column.nullable else f"{place}{cast}", _text(kind, process)


def _text(kind: TypeEngine[Any], process: Process | None) -> Made:
    if isinstance(kind, JSON):
        return "{p}({x}).decode()", msgspec.json.encode
    if isinstance(kind, LargeBinary):
        return "'\\\\x' + {x}.hex()", None
    if isinstance(kind, UtcDateTime):
        return "(x if {x}.tzinfo is UTC else {p}(x)).isoformat()", process
    if isinstance(kind, Boolean):
        return "'t' if {x} else 'f'", None
    if isinstance(kind, Integer | Float | Numeric | Date):
        return "str({x})", None
    raise Unplannable(f"{kind} as a text")


def _line(
    taken: Sequence[tuple[int, Any, Made | None]], lacking_rows: Sequence[tuple[int, Lacking]]
) -> Callable[[str, Sequence[New]], str]:
    """A function written for these columns of rows, and compiled by Python; for two of them it is

    def values(city, rows):
        (_, r0), (_, r1), *_ = rows
        return (city, r0["id"], "" if (x := r1["closed"]) is None else (…).isoformat())
    """
    names: dict[str, Any] = {"UTC": UTC}
    shown = ["city"]
    for number, (row, column, text) in enumerate(taken):
        value = f"r{row}[{column.key!r}]"
        if text is not None:
            written, names[f"p{number}"] = text
            told = written.format(x="x" if column.nullable else f"(x := {value})", p=f"p{number}")
            value = f"'' if (x := {value}) is None else {told}" if column.nullable else told
        shown.append(value)
    rows = "".join(f"(_, r{row}), " for row in range(1 + max((row for row, *_ in taken), default=0)))
    source = f"def values(city, rows):\n {rows}*_ = rows\n return ({', '.join(shown)},)"
    exec(compile(source, "<values of rows>", "exec"), names)
    values, between = names["values"], len(shown) - 1

    def line(city: str, rows: Sequence[New]) -> str:
        for place, lacks in lacking_rows:
            lacks.give(rows[place][1])
        made = VALUE.join(values(city, rows))
        if made.count(VALUE) != between or LINE in made:
            raise Unplannable("a value that holds what is between values")
        return made

    return line


def _bound(slots: Sequence[Slot]) -> Callable[[Mapping[str, Any], int], list[Any]]:
    left = [slot for slot in slots if not is_city(slot)]
    return lambda values, most: [*[slot.value("", values) for slot in left], most]


def _written(same: Mapping[str, Any], name: str) -> str:
    """How SQL writes what is the same in all rows; empty for what is not, and for what is not that simple."""
    if name not in same:
        return ""
    constant = same[name]
    if constant is None:
        return "NULL"
    if isinstance(constant, bool):
        return str(constant)
    if isinstance(constant, int) and constant >= 0:
        return str(constant)
    return f"'{constant}'" if isinstance(constant, str) and _WORD.fullmatch(constant) else ""
