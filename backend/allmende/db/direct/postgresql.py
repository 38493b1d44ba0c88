"""Connections without the ORM on PostgreSQL: a plain list of free ones, statements prepared once on each, no reset.

A statement sets its city for itself only (`in_scope`), so a connection holds nothing that would have to be reset, and
row-level security shows no row to a statement that set none.

Statements are handed to asyncpg's protocol itself: what its own methods do around it, a timer for each statement above
all, costs as much as sending it and reading the answer. One look now and then ends those whose time is over.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from time import monotonic
from types import coroutine
from typing import Any

import asyncpg
from asyncpg.protocol.protocol import NO_TIMEOUT
from sqlalchemy import URL, Dialect

STATEMENTS = 300
"""Prepared statements that each connection keeps."""
GOODBYE = 2.0
"""Seconds in which PostgreSQL has to listen to the word that a statement is to end."""
LOOK = 0.2
"""Seconds from one look for statements whose time is over to the next."""
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_REFUSED = (asyncpg.IntegrityConstraintViolationError, asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError)
READING = {
    # A plan is made before the statement has set its city, when row-level security seems to leave no rows: the planner
    # would think that sorting them costs nothing. These lists are short, and most are in the order of an index.
    "enable_sort": "off",
    "enable_incremental_sort": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "plan_cache_mode": "force_generic_plan",
    "jit": "off",
    "default_transaction_read_only": "on",
}
"""Settings of connections that plans read by."""


class Connections:
    """At most `size` connections, opened when they are needed, one after the other: each is a process of PostgreSQL's
    that has to begin, and ten at once keep those that are there from working."""

    def __init__(self, url: URL, dialect: Dialect, size: int, settings: Mapping[str, str] = READING) -> None:
        _, self.options = dialect.create_connect_args(url)
        for key in ("prepared_statement_cache_size", "prepared_statement_name_func", "async_fallback"):
            self.options.pop(key, None)
        self.options["server_settings"] = dict(settings)
        self.free: deque[_Connection] = deque()
        self.waiting: deque[tuple[float, asyncio.Future[_Connection | None]]] = deque()
        """Until when, and for a connection or the room for one."""
        self.room = size
        """How many may still be opened."""
        self.opening = False
        self.ending: set[asyncio.Task[None]] = set()
        self.running: set[_Connection] = set()
        """Those that have a statement under way."""
        self.look: asyncio.TimerHandle | None = None
        self.unsure: Callable[[], None] = lambda: None
        """Is told when nobody knows whether a statement was carried out, or will be."""

    async def fetch(self, sql: str, arguments: Sequence[Any], seconds: float) -> list[Any]:
        """All rows. Raises TimeoutError, OSError or asyncpg's errors; a connection that failed is not used again."""
        connection = await self._begun(monotonic() + seconds)
        try:
            statement = connection.statements.get(sql) or await connection.prepare(sql, seconds)
            rows: list[Any] = await connection.fetch(statement, arguments)
        except BaseException as error:
            self._failed(connection, error)
            raise
        self._give(connection)
        return rows

    async def fetch_many(self, sql: str, arguments: Sequence[Sequence[Any]], seconds: float) -> list[Any]:
        """All rows of the same statement with each of these arguments: one transaction, and one round trip."""
        connection = await self._begun(monotonic() + seconds)
        try:
            statement = connection.statements.get(sql) or await connection.prepare(sql, seconds)
            rows: list[Any] = await statement.fetchmany(arguments, timeout=seconds)
        except BaseException as error:
            self._failed(connection, error)
            raise
        self._give(connection)
        return rows

    async def close(self) -> None:
        await asyncio.gather(*self.ending)
        while self.free:
            self.room += 1
            await self.free.pop().driver.close(timeout=2)

    async def _begun(self, until: float) -> _Connection:
        """A connection that is ours until `_give` or `_failed`. Who waits has until then."""
        connection = self._next() if self._is_free() else await self._turn(until)
        if connection is None:
            connection = await self._opened()
        connection.until = until
        self.running.add(connection)
        if self.look is None:
            self._look()
        return connection

    def _is_free(self) -> bool:
        return bool(self.free or (self.room > 0 and not self.opening))

    def _next(self) -> _Connection | None:
        """The one that was used last, since its memory is warm and others may rest; or None, and one may be opened."""
        while self.free:
            connection = self.free.pop()
            if connection.is_connected():
                return connection
            self.room += 1
        self.room -= 1
        self.opening = True
        return None

    async def _opened(self) -> _Connection:
        try:
            connection = _Connection(await _connect(self.options))
        except BaseException:
            self._give(None)
            raise
        self.opening = False
        self._call()  # the next one is opened, if it is still needed
        return connection

    async def _turn(self, until: float) -> _Connection | None:
        turn: asyncio.Future[_Connection | None] = asyncio.get_running_loop().create_future()
        self.waiting.append((until, turn))
        if self.look is None:
            self._look()
        try:
            return await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give(turn.result())  # it was our turn, and we do not take it
            raise

    def _give(self, connection: _Connection | None) -> None:
        """It is free, or not opened."""
        if connection is None:
            self.room += 1
            self.opening = False
        else:
            self.running.discard(connection)
            self.free.append(connection)
        if self.waiting:
            self._call()

    def _call(self) -> None:
        """Those who have waited longest, past all who come anew."""
        while self.waiting and self._is_free():
            turn = self.waiting.popleft()[1]
            if not turn.done():
                turn.set_result(self._next())

    def _failed(self, connection: _Connection, error: BaseException) -> None:
        if isinstance(error, _REFUSED):
            self._give(connection)  # nothing is wrong with it
            return
        self.running.discard(connection)
        ending = asyncio.ensure_future(_end(connection.driver))
        self.ending.add(ending)
        ending.add_done_callback(self._ended)
        self.unsure()

    def _ended(self, ending: asyncio.Task[None]) -> None:
        self.ending.discard(ending)
        self.room += 1
        self._call()

    def _look(self) -> None:
        """End what takes too long."""
        now = monotonic()
        for connection in self.running:
            if connection.until < now:
                connection.end()
        for until, turn in self.waiting:
            if until < now and not turn.done():
                turn.set_exception(TimeoutError("no connection was free"))
        some = self.running or self.waiting
        self.look = asyncio.get_running_loop().call_later(LOOK, self._look) if some else None


class _Connection:
    __slots__ = ("driver", "is_connected", "late", "number", "protocol", "statements", "until", "waiter")

    def __init__(self, driver: Any) -> None:
        self.driver, self.protocol = driver, driver._protocol
        self.is_connected: Callable[[], bool] = self.protocol.is_connected
        self.statements: OrderedDict[str, Any] = OrderedDict()
        self.number = 0
        self.waiter: asyncio.Future[Any] | None = None
        """Done when there is an answer to the statement that runs."""
        self.until, self.late = 0.0, False
        """When that statement's time is over; whether it was ended for that."""

    async def prepare(self, sql: str, seconds: float) -> Any:
        self.number += 1  # without a name, the server would parse and plan it anew at each execution
        statement = await self.driver.prepare(sql, name=f"plan_{self.number}", timeout=seconds)
        self.statements[sql] = statement
        if len(self.statements) > STATEMENTS:
            self.statements.popitem(last=False)  # asyncpg closes it on the server when it is collected
        return statement

    @coroutine
    def fetch(self, statement: Any, arguments: Sequence[Any]) -> Generator[Any, Any, Any]:
        """What `statement.fetch` gives. It may take until `end` is called."""
        running = self.protocol.bind_execute(statement._state, arguments, "", 0, True, NO_TIMEOUT)
        self.waiter = running.send(None)
        try:
            yield self.waiter
        except BaseException as error:
            with suppress(type(error)):
                running.throw(error)
            task = asyncio.current_task()
            if self.late and isinstance(error, asyncio.CancelledError) and not (task and task.cancelling()):
                raise TimeoutError("the statement took too long") from None
            raise
        try:
            running.send(None)
        except StopIteration as done:
            return done.value[0]
        raise RuntimeError("asyncpg waits for more than the answer")

    def end(self) -> None:
        """Whoever waits is told that it took too long, and PostgreSQL that nobody waits."""
        if self.waiter is not None and not self.waiter.done():
            self.late = True
            self.waiter.cancel()


async def _end(driver: Any) -> None:
    """Close it with a word: from a connection that is cut off, PostgreSQL does not learn that nobody waits for its
    statement any more, and goes on with it."""
    with suppress(Exception):  # it is gone already, or does not listen; then it is cut off
        await driver.close(timeout=GOODBYE)


async def _connect(options: Any) -> Any:
    driver = await asyncpg.connect(**options, timeout=5, statement_cache_size=0)
    # Instants as microseconds: what becomes of them is decided where they are shown.
    await driver.set_type_codec(
        "timestamptz", schema="pg_catalog", format="tuple", encoder=_microseconds, decoder=itemgetter(0)
    )
    return driver


def _microseconds(moment: datetime) -> tuple[int]:
    return ((moment - EPOCH) // _MICROSECOND,)
