"""Reads that many ask for at the same time go together, so that they cost one round trip (ADR 97).

Whoever asks for a statement that others ask for, too, waits for them as long as they keep coming (turns of the event
loop, not time), and for the round before to come back: that takes less time than another connection, which has to be
opened and to learn the statement. A round that is full waits for nobody, and nor does who comes alone. Each is still a
statement of its own, which sets its own city and sees what is committed when its turn comes.

On one connection they hold each other up, so a statement is taken along only where it was quick for its city the last
time. Where a round takes long, or one of it fails, each is sent by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from math import inf
from time import monotonic
from typing import Any

from allmende.db.direct.postgresql import Connections

QUICK = 0.05
"""Seconds that a statement, or the whole round that it was in, may have taken to go with others the next time."""
PATIENCE = 0.25
"""Seconds that a round may take; then each of it is sent by itself."""
LULL = 2
"""Turns of the event loop without anybody new after which a round is sent."""
TOGETHER = 10
"""Statements of a round."""
KNOWN = 4_000
"""(City, statement) of which is known that they are quick; beyond that, it is found out anew."""
Row = Sequence[Any]


class Rounds:
    """Of one worker. Every statement here gives exactly one row, and may take so many `seconds`."""

    def __init__(self, connections: Connections, seconds: float) -> None:
        self.connections, self.seconds = connections, seconds
        self.quick: set[tuple[str, str]] = set()
        self.away: dict[str, int] = {}
        """Statement → how often it is on its way."""
        self.rounds: dict[str, int] = {}
        """Statement → how many rounds of it are."""
        self.in_company: set[str] = set()
        """Statements of which the last round was of more than one."""
        self.gathering: dict[str, _Round] = {}
        self.sending: set[asyncio.Task[None]] = set()

    def fetch(self, city: str, sql: str, arguments: Sequence[Any]) -> Awaitable[Row]:
        """The row. Raises what `Connections.fetch` does."""
        if (city, sql) not in self.quick or not (sql in self.away or sql in self.in_company):
            return self._alone(city, sql, arguments)
        gathered = self.gathering.get(sql)
        if gathered is None:
            gathered = self.gathering[sql] = _Round(sql)
            asyncio.get_running_loop().call_soon(self._look, gathered, 0, LULL)
        one = _One(city, arguments)
        gathered.ones.append(one)
        if len(gathered.ones) == TOGETHER:
            self._send(gathered)
        return one.row

    async def close(self) -> None:
        """When all are back."""
        for gathered in list(self.gathering.values()):
            self._send(gathered)
        await asyncio.gather(*self.sending)

    def _look(self, gathered: _Round, before: int, turns: int) -> None:
        """Whether somebody new has come since the last turn of the loop."""
        if gathered.sent:
            return
        there = len(gathered.ones)
        turns = LULL if there > before else turns - 1
        if turns:
            asyncio.get_running_loop().call_soon(self._look, gathered, there, turns)
        elif gathered.sql not in self.rounds:
            self._send(gathered)
        else:
            gathered.waits = True

    def _send(self, gathered: _Round) -> None:
        gathered.sent = True
        del self.gathering[gathered.sql]
        self.rounds[gathered.sql] = self.rounds.get(gathered.sql, 0) + 1
        if len(gathered.ones) > 1:
            self.in_company.add(gathered.sql)
        else:
            self.in_company.discard(gathered.sql)
        task = asyncio.create_task(self._together(gathered.sql, gathered.ones))
        self.sending.add(task)
        task.add_done_callback(self.sending.discard)

    async def _together(self, sql: str, ones: Sequence[_One]) -> None:
        cities = [one.city for one in ones]
        began = self._left(sql)
        try:
            found = await self.connections.fetch_many(sql, [one.arguments for one in ones], PATIENCE)
            rows = list(zip(ones, found, strict=True))  # were there not one for each, nobody would know whose they are
        except BaseException as error:
            self._back(sql, cities, inf)
            self._next(sql)
            if not isinstance(error, Exception):
                raise
            await asyncio.gather(*[self._by_itself(sql, one) for one in ones])  # whose fault it was comes out so
            return
        self._back(sql, cities, monotonic() - began)
        self._next(sql)
        for one, row in rows:
            if not one.row.done():  # somebody still waits for it
                one.row.set_result(row)

    def _next(self, sql: str) -> None:
        """A round is back: those who have waited for that go."""
        self.rounds[sql] -= 1
        if not self.rounds[sql]:
            del self.rounds[sql]
        gathered = self.gathering.get(sql)
        if gathered is not None and gathered.waits:
            self._send(gathered)

    async def _by_itself(self, sql: str, one: _One) -> None:
        if one.row.done():
            return
        try:
            row = await self._alone(one.city, sql, one.arguments)
        except Exception as error:
            if not one.row.done():
                one.row.set_exception(error)
        else:
            if not one.row.done():
                one.row.set_result(row)

    async def _alone(self, city: str, sql: str, arguments: Sequence[Any]) -> Row:
        began = self._left(sql)
        try:
            found: list[Row] = await self.connections.fetch(sql, arguments, self.seconds)
        except BaseException:
            self._back(sql, (city,), inf)
            raise
        self._back(sql, (city,), monotonic() - began)
        return found[0]

    def _left(self, sql: str) -> float:
        """It is on its way from now on."""
        self.away[sql] = self.away.get(sql, 0) + 1
        return monotonic()

    def _back(self, sql: str, cities: Sequence[str], seconds: float) -> None:
        """It was on its way for so long, for these cities."""
        self.away[sql] -= 1
        if not self.away[sql]:
            del self.away[sql]
        keys = [(city, sql) for city in cities]
        if seconds > QUICK:
            self.quick.difference_update(keys)
            return
        if len(self.quick) >= KNOWN:
            self.quick.clear()
            self.in_company.clear()
        self.quick.update(keys)


class _One:
    """Somebody who asks."""

    __slots__ = ("arguments", "city", "row")

    def __init__(self, city: str, arguments: Sequence[Any]) -> None:
        self.city, self.arguments = city, arguments
        self.row: asyncio.Future[Row] = asyncio.get_running_loop().create_future()


class _Round:
    """Those who go together."""

    __slots__ = ("ones", "sent", "sql", "waits")

    def __init__(self, sql: str) -> None:
        self.sql, self.sent, self.waits = sql, False, False
        self.ones: list[_One] = []
