"""The first lock: the SQL compiler itself restricts every city table that a statement shows to the bound city.

Whatever way a table gets into a statement (entity, alias, join, subquery, CTE, a WHERE alone), it is written out by the
compiler, so there is one place to guard it. A table that comes out unguarded all the same makes the statement fail.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

from sqlalchemy import (
    Alias,
    BindParameter,
    Column,
    ColumnElement,
    Connection,
    Engine,
    FromClause,
    Insert,
    Join,
    Label,
    Select,
    String,
    TableSample,
    Update,
    and_,
    event,
    true,
)
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.orm import Session
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.selectable import FromGrouping, TableClause

from allmende.db.raw_sql import check_raw_sql, hides_sql
from allmende.db.table import SCOPE, Base, CityTable, is_city_table
from allmende.errors import ScopeError

_bound: ContextVar[str | None] = ContextVar("allmende_scope", default=None)


def _bound_city() -> str:
    city = _bound.get()
    if city is None:
        raise ScopeError("a city table was asked without a city: use database.session(city)")
    return city


CITY: BindParameter[str] = BindParameter("allmende_city", type_=String(64), callable_=_bound_city)
"""Its value is looked up at each execution, so a statement is compiled once for all cities."""


def bind_scope(engine: Engine) -> None:
    """Let this engine serve sessions of one city each; without a city bound, its city tables cannot be used."""
    compiler: type[SQLCompiler] = engine.dialect.statement_compiler
    engine.dialect.statement_compiler = type(f"City{compiler.__name__}", (CityCompiler, compiler), {})
    event.listen(engine, "before_execute", _before_execute)
    event.listen(engine, "before_cursor_execute", _before_cursor_execute)


def _shows(source: FromClause) -> Iterable[ColumnElement[bool]]:
    """The conditions that belong into the WHERE (or ON) of whoever shows this FROM element."""
    if isinstance(source, FromGrouping):
        yield from _shows(source.element)
    elif isinstance(source, Join) and not source.full:
        yield from _shows(source.left)
        if not source.isouter:  # of an outer join, the right side is restricted in its ON
            yield from _shows(source.right)
    else:
        table = source
        while isinstance(table, Alias | TableSample):
            table = table.element
        if isinstance(table, TableClause) and is_city_table(table):
            yield source.c.city == CITY


_Compiler: Any = SQLCompiler


class CitySession(Session):
    """A session of which the connections are bound to a city."""

    def merge(self, instance: Any, **options: Any) -> Any:
        """As ever, but an object without a city is looked for in the bound one."""
        if isinstance(instance, CityTable) and instance.city is None:
            instance.city = self.get_bind().get_execution_options()[SCOPE]
        return super().merge(instance, **options)


class ReadSession(CitySession):
    """A session that commits nothing, not even when told to."""

    def commit(self) -> None:
        raise RuntimeError("this session reads only; write in `async with ctx.transaction() as session`")


class CityCompiler(_Compiler):  # type: ignore[misc]
    """Mixed into the compiler of the database."""

    shown = 0
    guarded = 0
    raw = False
    """The statement holds SQL text that somebody wrote by hand."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        super().__init__(*args, **kw)
        if self.shown > self.guarded:
            raise ScopeError(
                "this statement shows a city table where it cannot be restricted to the city (FULL JOIN, UPDATE … FROM,"
                " DELETE … USING, an alias of a join); write it with a subquery"
            )

    def _guards(self, source: FromClause) -> list[ColumnElement[bool]]:
        guards = list(_shows(source))
        self.guarded += len(guards)
        return guards

    def visit_table(self, table: Any, asfrom: bool = False, **kw: Any) -> Any:
        if asfrom or kw.get("within_tstring"):
            self._inspect(table.name)
            known = Base.metadata.tables.get(table.name.lower())  # SQLite does not tell cases apart
            if is_city_table(table) or (known is not None and is_city_table(known)):
                self.shown += 1
        return super().visit_table(table, asfrom=asfrom, **kw)

    def _compose_select_body(
        self, text: Any, select: Select[Any], state: Any, columns: Any, froms: Any, *rest: Any
    ) -> Any:
        guards = [guard for source in froms for guard in self._guards(source)]
        return super()._compose_select_body(text, select.where(*guards), state, columns, froms, *rest)

    def visit_join(self, join: Join, **kw: Any) -> Any:
        if join.isouter and not join.full and (guards := self._guards(join.right)):
            guarded = join._clone()
            guarded.onclause = and_(true() if join.onclause is None else join.onclause, *guards)
            join = guarded
        return super().visit_join(join, **kw)

    def visit_insert(self, statement: Any, *args: Any, **kw: Any) -> Any:
        self._not_nested(statement)
        return super().visit_insert(statement, *args, **kw)

    def visit_update(self, statement: Any, *args: Any, **kw: Any) -> Any:
        self._not_nested(statement)
        return super().visit_update(statement.where(*self._guards(statement.table)), *args, **kw)

    def visit_delete(self, statement: Any, *args: Any, **kw: Any) -> Any:
        self._not_nested(statement)
        return super().visit_delete(statement.where(*self._guards(statement.table)), *args, **kw)

    def visit_on_conflict_do_update(self, clause: Any, **kw: Any) -> Any:
        for column, value in clause.update_values_to_set.items():
            if getattr(column, "key", column) == "city" and getattr(value, "key", "") != "city":
                raise ScopeError("on_conflict_do_update cannot move a row to another city; leave `city` out of set_")
        return super().visit_on_conflict_do_update(clause, **kw)

    def visit_textclause(self, *args: Any, **kw: Any) -> Any:
        self.raw = True
        return super().visit_textclause(*args, **kw)

    def visit_tstring(self, *args: Any, **kw: Any) -> Any:
        self.raw = True
        return super().visit_tstring(*args, **kw)

    def visit_column(self, column: Any, *args: Any, **kw: Any) -> Any:
        self._inspect(column.name)
        return super().visit_column(column, *args, **kw)

    def visit_collation(self, element: Any, **kw: Any) -> Any:
        self._inspect(element.collation)
        return super().visit_collation(element, **kw)

    def escape_literal_column(self, text: str) -> Any:
        self.raw = self.raw or hides_sql(text)
        return super().escape_literal_column(text)

    def get_statement_hint_text(self, hint_texts: Any) -> Any:
        self.raw = True
        return super().get_statement_hint_text(hint_texts)

    def _inspect(self, name: str) -> None:
        """A name that is written as it is (`quoted_name(…, quote=False)`) may be SQL."""
        self.raw = self.raw or (getattr(name, "quote", None) is False and hides_sql(name))

    def _not_nested(self, statement: Any) -> None:
        if self.stack and is_city_table(statement.table):
            raise ScopeError("write to a city table by a statement of its own, not inside of another one")


def _before_execute(connection: Connection, element: Any, rows: Any, row: Any, options: Any) -> None:
    scope = connection.get_execution_options().get(SCOPE)
    _bound.set(scope)
    if isinstance(element, ExecutableDDLElement):
        raise ScopeError("tables are made by migrations, not in the session of a city")
    if not isinstance(element, Insert | Update):
        return
    if not is_city_table(element.table):
        if is_city_table(Base.metadata.tables.get(getattr(element.table, "name", ""), element.table)):
            raise ScopeError("write to a city table through its class, not through table(name)")
        return
    city = _bound_city()
    for given in _given_cities(element, rows or [row]):
        if given != city:
            raise ScopeError(f"a row for {given!r} cannot be written in the session of {city!r}")


def _given_cities(element: Insert | Update, rows: Sequence[Mapping[str, Any]]) -> Iterable[Any]:
    """Every value that the statement itself gives to the column `city`; an expression counts as another city."""
    yield from (row["city"] for row in rows if "city" in row)
    fixed: list[Any] = [element._values or {}]
    for many in element._multi_values:
        fixed.extend(many)
    for values in fixed:
        items = values.items() if isinstance(values, Mapping) else zip(element.table.c, values, strict=False)
        for column, value in items:
            if getattr(column, "key", column) == "city":
                yield _value(value, rows)
    if isinstance(element, Insert) and element.select is not None:
        names = [getattr(name, "key", name) for name in element._select_names or ()]
        for name, column in zip(names, element.select.selected_columns, strict=False):
            # The select is restricted to the bound city, so the column `city` of a city table is that city.
            own = isinstance(column, Column) and column.key == "city" and is_city_table(column.table)
            if name == "city" and not own:
                yield _value(column, rows)


def _value(value: Any, rows: Sequence[Mapping[str, Any]]) -> Any:
    while isinstance(value, Label):
        value = value.element
    if not isinstance(value, BindParameter):
        return value if isinstance(value, str) else "an expression"
    if value.value is None and value.key in rows[0]:
        return rows[0][value.key] if len({row[value.key] for row in rows}) == 1 else "several cities"
    return value.value


def _before_cursor_execute(
    connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> None:
    check_raw_sql(connection, statement, context)


def unwrap(error: ExceptionContext) -> None:
    """Listener of `handle_error`: a ScopeError comes out as itself, not inside of SQLAlchemy's StatementError."""
    if isinstance(error.original_exception, ScopeError):
        raise error.original_exception
