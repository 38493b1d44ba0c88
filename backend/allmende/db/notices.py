"""Change notices: which tables a transaction writes is noted by the compiler of its statements, whatever wrote them.

At the commit they go out with it (PostgreSQL: NOTIFY, in the same round trip), and when it is done the machine's board
is raised, before the writer is told. All processes hear the notice (see `allmende.db.listening`), and pass over their
own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from secrets import token_hex
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.sql.compiler import SQLCompiler

from allmende import footprint
from allmende.db.board import ALL, Board, Tag
from allmende.db.prepared import TOGETHER
from allmende.db.rls import EVERY
from allmende.db.table import SCOPE

CHANNEL = "allmende_changes"
WRITTEN = "allmende_written"
"""Execution option: the `Written` of this transaction."""
LONGEST = 7_500
"""Bytes, after the sender; PostgreSQL takes 8,000."""
SENDER = "~"
"""Ahead of all else, instead of a city, with the name of who sends and the number of calls: older releases take it for
a city without rows."""
_CALLS = re.compile(rf"{SENDER}/\w+\.(\d{{1,3}}) ")
_READS = re.compile(r"[\s(]*select\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(insert|update|delete|merge)\b", re.IGNORECASE)
_Compiler: Any = SQLCompiler


class Changes:
    """Raises the board and tells `told`: of what this process writes when it is committed, of what others write when it
    is heard. Notices of its own are passed over, unless a commit has failed that may still be done."""

    def __init__(self, board: Board | None, told: Callable[[set[Tag], int], None]) -> None:
        self.board, self.told = board, told
        self.begin()

    def begin(self) -> None:
        """Under a new name: what was sent until now is heard like notices of others."""
        self.sender = f"{SENDER}/{token_hex(8)}."

    def text(self, tags: set[Tag], calls: int = TOGETHER) -> str:
        """The notice of what is about to be committed, by so many calls of `insert` in one city at most."""
        return f"{self.sender}{calls} {to_text(tags)}"

    def __call__(self, tags: set[Tag], calls: int = TOGETHER) -> None:
        """These were committed, or may have been."""
        if self.board is not None:
            self.board.raise_(tags)
        self.told(tags, calls)

    def unsure(self) -> None:
        """Nobody knows whether a transaction was committed, or will be."""
        self.begin()
        self({(ALL, ALL)})

    def heard(self, text: str) -> None:
        """A notice of anybody."""
        if not text.startswith(self.sender):
            said = _CALLS.match(text)
            self(from_text(text), int(said[1]) if said else TOGETHER)


class Written:
    """What one transaction has written so far, which will be told to `changes`."""

    __slots__ = ("changes", "ended", "tags")

    def __init__(self, changes: Changes) -> None:
        self.changes = changes
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
        driver: Any = connection.connection.driver_connection
        driver.notice = written.changes.text(written.tags)


def to_text(tags: set[Tag]) -> str:
    """What is sent: `city/table city/table …`; every change of these cities, or of all, where that is too long."""
    text = _joined(tags)
    if len(text) > LONGEST:
        text = _joined({(city, ALL) for city, _ in tags})
    return text if len(text) <= LONGEST else f"{ALL}/{ALL}"


def _joined(tags: Iterable[Tag]) -> str:
    return " ".join(sorted([f"{city}/{table}" for city, table in tags])).replace("'", "")


def from_text(text: str) -> set[Tag]:
    """What was sent, whoever sent it; what cannot be read means that anything may have changed."""
    words = text.split()
    if words and words[0].startswith(SENDER):
        del words[0]
    try:
        tags = {(city, table) for city, table in [word.split("/") for word in words]}
    except ValueError:
        return {(ALL, ALL)}
    return tags or {(ALL, ALL)}
