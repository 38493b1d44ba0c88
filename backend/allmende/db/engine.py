"""The database as the core sees it: sessions bound to one city, and one kind of session that sees all of them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache, partial
from itertools import groupby
from typing import Any

import asyncpg
import structlog
from sqlalchemy import Connection, event, insert, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from allmende.db.board import open_board
from allmende.db.direct.kept import Kept
from allmende.db.direct.made import made, recall
from allmende.db.direct.reader import Reader
from allmende.db.direct.rooms import Rooms
from allmende.db.direct.statement import Unplannable
from allmende.db.direct.writer import Writer
from allmende.db.interrupt import connect
from allmende.db.listening import Listener, connect_options
from allmende.db.lock import Lock
from allmende.db.notices import CHANNEL, WRITTEN, Changes, Written, note_statements
from allmende.db.prepared import Key, Prepared, Room, taken
from allmende.db.rls import EVERY, SETTING
from allmende.db.rows import New, row_values
from allmende.db.scope import CitySession, ReadSession, bind_scope, unwrap
from allmende.db.table import SCOPE
from allmende.db.url import serving_url
from allmende.errors import ScopeError

log = structlog.get_logger(__name__)
WRITE = "allmende_write"
"""Execution option: this transaction is going to write, so SQLite takes the write lock at its beginning."""


_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class Counter(list[str]):
    """The SQL statements that ran inside a `with database.count()` block, in order; `len(counter)` is their number.

    BEGIN, COMMIT, ROLLBACK and the setting of the city are not counted: they travel with BEGIN and cost no round trip.
    """


class Database:
    """One database, SQLite or PostgreSQL. One per process and event loop: `close` it at the end. It connects when it is
    used, so it may be made before its process is forked off, which then has to `begin`."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = serving_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.board = open_board(self.url)
        """Counts changes for all processes of this machine; None where there is no place for it."""
        self.lock = Lock()
        """Of an embedded database."""
        self._counters: list[Counter] = []
        self._cities = self._engine(pool_size)
        note_statements(self._cities.sync_engine)
        bind_scope(self._cities.sync_engine)
        event.listen(self._cities.sync_engine, "set_connection_execution_options", _keep_scope)
        self._system = self._engine(2).execution_options(**{SCOPE: EVERY})
        note_statements(self._system.sync_engine)
        self._bound = lru_cache(maxsize=4096)(self._bind)
        self._kept, self._rooms = Kept(self.board, self._hears), Rooms(self._hears)
        self._changes = Changes(self.board, self._rooms.heard)
        self.reader = Reader(self.url, self._cities.dialect, self._note, pool_size, self._kept)
        """Reads for plans, by statements that were compiled by the compiler of these sessions."""
        self.writer = (
            None
            if self.is_sqlite
            else Writer(self.url, self._cities.dialect, self._note, pool_size, self._changes, self._rooms)
        )
        """Writes new rows in one round trip; an embedded database has none to save."""
        if self.writer is not None:
            self.writer.connections.unsure = self._changes.unsure

    @property
    def hears(self) -> Callable[[], bool]:
        """Says whether every change is heard of, so that what was read may be kept."""
        return self._kept.usable

    @hears.setter
    def hears(self, usable: Callable[[], bool]) -> None:
        self._kept.usable = self._rooms.usable = usable

    def _hears(self) -> bool:
        return self.is_sqlite  # an embedded database has one machine

    def begin(self) -> None:
        """From now on, this process works with it, not the one that it was forked from."""
        self._changes.begin()
        if self.board is not None:
            self.board.reopen()

    @asynccontextmanager
    async def session(self, city: str) -> AsyncIterator[AsyncSession]:
        """Read the rows of this city. Nothing is committed."""
        async with self._session(self._bound(city, False), ReadSession) as session:
            yield session

    @asynccontextmanager
    async def transaction(self, city: str) -> AsyncIterator[AsyncSession]:
        """Write rows of this city: committed at the end of the block, rolled back on an exception."""
        async with (
            self._noted(self._bound(city, True)) as engine,
            self._session(engine, CitySession) as session,
            session.begin(),
        ):
            yield session

    async def tuples(self, city: str, prepared: Prepared, columns: tuple[Any, ...]) -> Sequence[tuple[Any, ...]]:
        """These columns of the rows of this city that a prepared statement selects; in a session of the city where the
        reader cannot."""
        try:
            return await self.reader.tuples(city, prepared, columns)
        except Exception as error:  # whatever it was: a session meets it again, and says what is to be said
            log.info("read_by_session", error=repr(error)[:300])
        shown = columns or tuple(prepared.statement.selected_columns)
        async with self.session(city) as session:
            statement = prepared.statement.with_only_columns(*shown, maintain_column_froms=True)
            return [tuple(row) for row in await session.execute(statement, prepared.parameters)]

    def remembered(self, city: str, key: Hashable) -> Any:
        """What `remember` has made, if it still holds; else None."""
        return recall(self._kept, city, key)

    async def remember(self, city: str, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Any:
        """What `make` makes of this city's rows, and of nothing else; kept until something changes in their tables."""
        return await made(self._kept, city, key, make)

    async def insert(
        self, city: str, rows: Sequence[New], room: Room | None = None, *, unless: tuple[Key, ...] = ()
    ) -> bool:
        """Write new rows of this city, all or none, in a transaction of their own: on PostgreSQL one round trip. What
        they lack, their values are given: the defaults of their columns.

        Whether they were written: not if there is no `room`, or one of them is there already. By the keys `unless`
        that is looked for beforehand; whatever else is there is an error of the database, which holds up others.
        """
        self._bound(city, True)  # raises for what is no city
        for _, values in rows:
            if (of := values.setdefault("city", city)) != city:
                raise ScopeError(f"a row for {of!r} cannot be written for {city!r}")
        if self.writer is None:
            return await self._insert(city, rows, room)
        try:
            return await self.writer.insert(city, rows, room, unless)
        except Unplannable:
            return await self._insert(city, rows, room)

    async def _insert(self, city: str, rows: Sequence[New], room: Room | None) -> bool:
        try:
            async with self.transaction(city) as session:
                if room and await taken(session, room) >= room.most:
                    return False
                for table, alike in groupby(rows, lambda row: row[0]):
                    await session.execute(insert(table.__table__), [row_values(*row) for row in alike])
        except IntegrityError:
            return False
        return True

    @asynccontextmanager
    async def system(self, *, write: bool = True) -> AsyncIterator[AsyncSession]:
        """A transaction across all cities, for the core's own work (the scheduler). Never handed to a plugin."""
        async with (
            self._noted(self._system.execution_options(**{WRITE: write})) as engine,
            AsyncSession(engine, expire_on_commit=False) as session,
            session.begin(),
        ):
            yield session

    async def ping(self) -> None:
        """Raises if the database does not answer."""
        async with self._system.connect() as connection:
            await connection.execute(text("SELECT 1"))

    def listener(self) -> Listener | None:
        """Hears of what other machines change; None on an embedded database, which has no other machines."""
        if self.is_sqlite or self.board is None:
            return None
        listener = Listener(self._changes, connect_options(self.url, self._cities.dialect))
        self.hears = lambda: listener.trusted
        return listener

    async def close(self) -> None:
        await self.reader.close()
        if self.writer is not None:
            await self.writer.close()
        await self._cities.dispose()
        await self._system.dispose()
        if self.board is not None:
            self.board.close()
            self.board = self._kept.board = self._changes.board = None

    @contextmanager
    def count(self) -> Iterator[Counter]:
        """Collect the statements that run in this block, whoever runs them; for tests that pin their number."""
        counter = Counter()
        self._counters.append(counter)
        try:
            yield counter
        finally:
            self._counters.remove(counter)

    @asynccontextmanager
    async def _noted(self, engine: AsyncEngine) -> AsyncIterator[AsyncEngine]:
        """The engine for one transaction; what it has written is on the board before anybody is told that it is."""
        written = Written(self._changes)
        try:
            yield engine.execution_options(**{WRITTEN: written})
        except BaseException:
            if written.ended:
                self._changes.begin()  # it may still be committed
            raise
        finally:
            if written.ended and written.tags:
                self._changes(written.tags)

    def _session(self, engine: AsyncEngine, kind: type[CitySession]) -> AsyncSession:
        return AsyncSession(engine, sync_session_class=kind, expire_on_commit=False, close_resets_only=False)

    def _bind(self, city: str, write: bool) -> AsyncEngine:
        if not _SLUG.fullmatch(city):
            raise ScopeError(f"{city!r} is not the slug of a city")
        return self._cities.execution_options(**{SCOPE: city, WRITE: write})

    def _engine(self, pool_size: int) -> AsyncEngine:
        # Errors are logged, and the values of a statement may be somebody's address or the hash of a token.
        options: dict[str, Any] = {"pool_size": pool_size, "pool_timeout": 10, "hide_parameters": True}
        if self.is_sqlite:
            options["connect_args"] = {"timeout": 10, "isolation_level": None, "async_creator_fn": connect}
        else:
            options["connect_args"] = {"timeout": 5, "command_timeout": 30, "connection_class": ScopedConnection}
        engine = create_async_engine(self.url, **options)
        event.listen(engine.sync_engine, "before_cursor_execute", self._count)
        event.listen(engine.sync_engine, "handle_error", unwrap)
        if self.is_sqlite:
            event.listen(engine.sync_engine, "connect", _prepare_sqlite)
            event.listen(engine.sync_engine, "begin", partial(_begin_sqlite, lock=self.lock))
        else:
            event.listen(engine.sync_engine, "begin", _begin_postgresql)
        return engine

    def _count(self, connection: Connection, cursor: Any, statement: str, *rest: Any) -> None:
        self._note(statement)

    def _note(self, statement: str) -> None:
        for counter in self._counters:
            counter.append(statement)


class ScopedConnection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that says with BEGIN, in the same round trip, whose rows the transaction may see.

    The setting is local to the transaction, so nothing of it is left on a pooled connection; if it were ever missing,
    row-level security shows no rows at all.
    """

    scope = ""
    notice = ""
    """What the transaction that is about to be committed has changed; it goes out with the commit."""

    async def execute(self, query: str, *args: Any, timeout: float | None = None) -> str:  # noqa: ASYNC109
        if query.startswith("BEGIN") and not args:
            query += f" SET LOCAL {SETTING} = '{self.scope}';"
        elif self.notice and query.startswith("COMMIT") and not args:
            query, self.notice = f"SELECT pg_notify('{CHANNEL}', '{self.notice}'); {query}", ""
        return str(await super().execute(query, *args, timeout=timeout))


def _keep_scope(connection: Connection, options: dict[str, Any]) -> None:
    if SCOPE in options:
        raise ScopeError("a connection keeps the city that it is bound to")


def _begin_postgresql(connection: Connection) -> None:
    connection.connection.driver_connection.scope = connection.get_execution_options().get(SCOPE, "")  # type: ignore[union-attr]


def _begin_sqlite(connection: Connection, lock: Lock) -> None:
    if not connection.get_execution_options().get(WRITE):
        connection.connection.run_async(lambda driver: driver.execute("BEGIN"))
        return
    # A transaction that reads first and writes later can fail at once with "database is locked", whatever the timeout.
    with lock.waiting():
        connection.connection.run_async(lambda driver: driver.execute("BEGIN IMMEDIATE"))


def _prepare_sqlite(connection: Any, entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
