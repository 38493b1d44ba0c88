"""Reads that many ask for at the same time go together, so that they cost one round trip (ADR 97).

Whoever asks for a statement that others ask for, too, waits for them as long as they keep coming (turns of the event
loop, not time), and for the round before to come back: rounds at the same time share the processors, and the last of
them is late (ADR 100). Who comes alone waits for nobody. Each is still a statement of its own, which sets its own city
and sees what is committed when its turn comes.

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
TOGETHER = 32
"""Statements of a round, at most."""
FEW = 10
"""So many are one round. Of more, one half is on its way while the other is answered."""
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
        self.under_way: set[str] = set()
        """Statements of which a round is."""
        self.in_company: dict[str, int] = {}
        """Statement of which the last round was of more than one → how many make the next one full."""
        self.gathering: dict[str, _Gathering] = {}
        self.sending: set[asyncio.Task[None]] = set()

    def fetch(self, city: str, sql: str, arguments: Sequence[Any]) -> Awaitable[Row]:
        """The row. Raises what `Connections.fetch` does."""
        if (city, sql) not in self.quick or not (sql in self.away or sql in self.in_company):
            return self._alone(city, sql, arguments)
        gathered = self.gathering.get(sql)
        if gathered is None:
            gathered = self.gathering[sql] = _Gathering(sql)
            asyncio.get_running_loop().call_soon(self._look, gathered, 0, LULL)
        one = _One(city, arguments)
        gathered.ones.append(one)
        if len(gathered.ones) >= self.in_company.get(sql, FEW):
            self._complete(gathered)
        return one.row

    async def close(self) -> None:
        """When all are back."""
        while self.gathering:
            self._send(next(iter(self.gathering.values())))
        await asyncio.gather(*self.sending)

    def _look(self, gathered: _Gathering, before: int, turns: int) -> None:
        """Whether somebody new has come since the last turn of the loop."""
        if gathered.complete:
            return
        there = len(gathered.ones)
        turns = LULL if there > before else turns - 1
        if turns:
            asyncio.get_running_loop().call_soon(self._look, gathered, there, turns)
        else:
            self._complete(gathered)

    def _complete(self, gathered: _Gathering) -> None:
        gathered.complete = True
        if gathered.sql not in self.under_way:
            self._send(gathered)

    def _send(self, gathered: _Gathering) -> None:
        """Those who came first."""
        sql, gathered.complete = gathered.sql, True
        full = self.in_company.pop(sql, FEW)
        ones, gathered.ones = gathered.ones[:full], gathered.ones[full:]
        if not gathered.ones:
            del self.gathering[sql]
        if len(ones) > 1:
            self.in_company[sql] = full
        self.under_way.add(sql)
        task = asyncio.create_task(self._together(sql, ones))
        self.sending.add(task)
        task.add_done_callback(self.sending.discard)

    def _next(self, sql: str, back: int, seconds: float) -> None:
        """A round of so many is back after this time: those who have waited for that go."""
        self.under_way.discard(sql)
        gathered = self.gathering.get(sql)
        if sql in self.in_company:
            there = back + (len(gathered.ones) if gathered else 0)
            still_quick = int(back * QUICK / 2 / seconds)
            self.in_company[sql] = max(min(there // 2, still_quick, TOGETHER), FEW)
        if gathered is not None and gathered.complete:
            self._send(gathered)

    async def _together(self, sql: str, ones: list[_One]) -> None:
        cities = [one.city for one in ones]
        began = self._left(sql)
        try:
            found = await self.connections.fetch_many(sql, [one.arguments for one in ones], PATIENCE)
            rows = list(zip(ones, found, strict=True))  # were there not one for each, nobody would know whose they are
        except BaseException as error:
            self._back(sql, cities, inf)
            self._next(sql, len(ones), inf)
            if not isinstance(error, Exception):
                raise
            await asyncio.gather(*[self._by_itself(sql, one) for one in ones])  # whose fault it was comes out so
            return
        seconds = monotonic() - began
        self._back(sql, cities, seconds)
        self._next(sql, len(ones), seconds)
        for one, row in rows:
            if not one.row.done():  # somebody still waits for it
                one.row.set_result(row)

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


class _Gathering:
    """Those who wait for others, or for the round before them."""

    __slots__ = ("complete", "ones", "sql")

    def __init__(self, sql: str) -> None:
        self.sql = sql
        self.complete = False
        """Whether no others are waited for."""
        self.ones: list[_One] = []
