"""Change notices: which tables a transaction writes is noted by the compiler of its statements, whatever wrote them.

At the commit they go out with it (PostgreSQL: NOTIFY, in the same round trip), and when it is done the machine's board
is raised, before the writer is told. Other machines hear the notice: see `allmende.db.listening`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.sql.compiler import SQLCompiler

from allmende import footprint
from allmende.db.board import ALL, Tag
from allmende.db.rls import EVERY
from allmende.db.table import SCOPE

CHANNEL = "allmende_changes"
WRITTEN = "allmende_written"
"""Execution option: the `Written` of this transaction."""
LONGEST = 7_500
"""Bytes; PostgreSQL takes 8,000."""
_READS = re.compile(r"[\s(]*select\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(insert|update|delete|merge)\b", re.IGNORECASE)
_Compiler: Any = SQLCompiler


class Written:
    """What one transaction has written so far."""

    __slots__ = ("ended", "tags")

    def __init__(self) -> None:
        self.tags: set[Tag] = set()
        self.ended = False
        """A commit was sent, so the tables may have changed."""


class NotingCompiler(_Compiler):  # type: ignore[misc]
    """Mixed into the compiler of the database: every compiled statement knows its tables."""

    def __init__(self, *args: Any, **kw: Any) -> None:
        self.tables: set[str] = set()
        self.written: set[str] = set()
        super().__init__(*args, **kw)

    def visit_table(self, table: Any, asfrom: bool = False, **kw: Any) -> Any:
        self.tables.add(table.name)
        return super().visit_table(table, asfrom=asfrom, **kw)

    def visit_insert(self, statement: Any, *args: Any, **kw: Any) -> Any:
        self.written.add(statement.table.name)
        return super().visit_insert(statement, *args, **kw)

    def visit_update(self, statement: Any, *args: Any, **kw: Any) -> Any:
        self.written.add(statement.table.name)
        return super().visit_update(statement, *args, **kw)

    def visit_delete(self, statement: Any, *args: Any, **kw: Any) -> Any:
        self.written.add(statement.table.name)
        return super().visit_delete(statement, *args, **kw)


def note_statements(engine: Engine) -> None:
    """Let this engine note what its statements read and write."""
    compiler: type[SQLCompiler] = engine.dialect.statement_compiler
    engine.dialect.statement_compiler = type(f"Noting{compiler.__name__}", (NotingCompiler, compiler), {})
    event.listen(engine, "before_cursor_execute", _note)
    event.listen(engine, "commit", _announce)


def _note(connection: Connection, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
    options = connection.get_execution_options()
    city, written = options.get(SCOPE, EVERY), options.get(WRITTEN)
    compiled: Any = context.compiled if context is not None else None
    by_hand = not isinstance(compiled, NotingCompiler) or getattr(compiled, "raw", False)
    if written is not None:
        if by_hand and (not _READS.match(statement) or _WRITES.search(statement)):
            written.tags.add((city, ALL))
        elif not by_hand:
            written.tags.update((city, table) for table in compiled.written)
    made = footprint.current()
    if made is not None:
        if by_hand or city == EVERY:
            made.anything = True
        else:
            made.reads.update((city, table) for table in compiled.tables)


def _announce(connection: Connection) -> None:
    written = connection.get_execution_options().get(WRITTEN)
    if written is None:
        return
    written.ended = True
    if written.tags and connection.dialect.name == "postgresql":
        connection.connection.driver_connection.notice = to_text(written.tags)  # type: ignore[union-attr]


def to_text(tags: Iterable[Tag]) -> str:
    """What is sent: `city/table city/table …`; every change of these cities, or of all, where that is too long."""
    tags = set(tags)
    for shorter in (tags, {(city, ALL) for city, _ in tags}):
        text = " ".join(sorted(f"{city}/{table}" for city, table in shorter)).replace("'", "")
        if len(text) <= LONGEST:
            return text
    return f"{ALL}/{ALL}"


def from_text(text: str) -> set[Tag]:
    """The inverse of `to_text`; what cannot be read means that anything may have changed."""
    pairs = [part.split("/") for part in text.split()]
    if not pairs or any(len(pair) != 2 for pair in pairs):
        return {(ALL, ALL)}
    return {(city, table) for city, table in pairs}
