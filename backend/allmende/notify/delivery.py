"""Sends what is due in one city, until nothing is or the time is up."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from allmende import metrics
from allmende.city.model import City
from allmende.context import Database
from allmende.notify.channels.channel import Channel, Note, Outcome, Target
from allmende.notify.queue import ATTEMPTS, Claimed, Result, any_interrupted, claim, next_attempt, settle
from allmende.notify.spread import spread
from allmende.notify.ways import CONNECTIONS, Ways, open_channels

AT_ONCE = 200
"""Deliveries of one claim; the next claim comes when fewer than half of that are still to be attempted."""
GATHER = 0.2
"""Seconds for which results are gathered into one transaction."""
DOWN = 5
"""Failures in a row after which a push service counts as down for the rest of the run."""
STOPPING = 5.0
"""Seconds that deliveries in mid-air have on a stop; of the others, nobody knows whether they arrived."""
LATER = timedelta(minutes=1)
"""When what was not tried is due again: the service is down, or its channel is not ready."""


@dataclass(slots=True)
class Delivering:
    """One run for one city. `counts` holds how many ended how."""

    database: Database
    city: City
    channels: Mapping[str, Channel]
    clock: Callable[[], datetime]
    counts: Counter[str] = field(default_factory=Counter)
    _open: set[asyncio.Task[None]] = field(default_factory=set)
    _begun: set[asyncio.Task[Any]] = field(default_factory=set)
    _recovering: bool = False
    """While there are deliveries with which another process has died. They come first, as many as begin at once."""
    _results: list[Result] = field(default_factory=list)
    _gone: list[str] = field(default_factory=list)
    _failures: Counter[str] = field(default_factory=Counter)
    _room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONNECTIONS))
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self, seconds: float) -> None:
        """Ends early when nothing is due. What was claimed and not attempted, as on a stop, is given back."""
        until, empty = time.monotonic() + seconds, False
        self._recovering = await any_interrupted(self.database, self.city.slug, self.clock())
        try:
            while True:
                if not empty and len(self._open) < AT_ONCE // 2 and time.monotonic() < until:
                    empty = not await self._begin()
                if not self._open and not self._results:
                    if empty or time.monotonic() >= until:
                        return
                    continue
                self._more.clear()
                if self._open and not self._results:
                    await self._more.wait()
                if self._open:
                    await asyncio.sleep(GATHER)
                await self._settle()
        finally:
            for task in self._open - self._begun:
                task.cancel()
            if self._begun:
                await asyncio.wait(self._begun, timeout=STOPPING)
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await asyncio.shield(self._settle())

    async def _begin(self) -> bool:
        """Claim what is due and start on it; False where there is nothing to do."""
        now, slug, tz = self.clock(), self.city.slug, self.city.tz
        if self._recovering:
            if self._open:
                return True
            found = await claim(self.database, slug, tz, now, CONNECTIONS, interrupted=True)
            self._recovering = bool(found.ready or found.others)
        if self._recovering:
            spread_any = False
        else:
            spread_any = await spread(self.database, slug, now)
            found = await claim(self.database, slug, tz, now, AT_ONCE)
        for one in found.ready:
            task = asyncio.create_task(self._attempt(one))
            self._open.add(task)
            task.add_done_callback(self._open.discard)
        self._note(*found.others)
        return bool(spread_any or found.ready or found.others)

    async def _attempt(self, one: Claimed) -> None:
        outcome: Outcome | None = None
        me = asyncio.current_task()
        assert me is not None
        try:
            async with self._room:
                self._begun.add(me)
                outcome = await self._send(one)
        except asyncio.CancelledError:
            if me not in self._begun:  # otherwise it counts as interrupted, when the lease ends
                self._note(self._result(one, None))
            raise
        except Exception as error:  # a bug in a channel must not stop the city's others
            outcome = Outcome(kind="refused", reason=f"{type(error).__name__}: {error}"[:200])
        finally:
            self._begun.discard(me)
        self._note(self._result(one, outcome))

    async def _send(self, one: Claimed) -> Outcome | None:
        """The outcome; None where it was not tried."""
        channel = self.channels.get(one.endpoint.channel)
        if channel is None or self.clock() >= one.until:  # this process was stopped for a while
            return None
        target = Target(
            id=one.endpoint.id, address=one.endpoint.address, keys=one.endpoint.keys, ticket=one.endpoint.ticket
        )
        service = channel.service(target)
        if self._failures[service] >= DOWN:
            return None
        outcome = await channel.send(note(one, self.city, self.clock()), target)
        self._failures[service] = self._failures[service] + 1 if outcome.down else 0
        return outcome

    def _result(self, one: Claimed, outcome: Outcome | None) -> Result:
        now, attempts, due, settled = self.clock(), one.attempts, self.clock(), None
        if outcome is None:
            state, due, attempts, reason = "waiting", now + LATER, attempts - 1, "not tried"
        else:
            state, reason = (
                {"sent": "sent", "again": "waiting", "gone": "dropped"}.get(outcome.kind, "failed"),
                outcome.reason,
            )
            if state == "waiting":
                due = next_attempt(now, attempts, outcome.after)
                if attempts >= ATTEMPTS or due >= one.message.expires:
                    state = "failed"
            settled = None if state == "waiting" else now
            if outcome.kind == "gone":
                self._gone.append(one.endpoint.id)
        return Result(
            lease=one.lease,
            message=one.message.id,
            endpoint=one.endpoint.id,
            state=state,
            due=due,
            attempts=attempts,
            reason="" if state == "sent" else reason,
            settled=settled,
            channel=one.endpoint.channel,
        )

    def _note(self, *results: Result) -> None:
        self._results += results
        self._more.set()

    async def _settle(self) -> None:
        results, gone = self._results, self._gone
        self._results, self._gone = [], []
        await settle(self.database, self.city.slug, results, gone, self.clock())
        for one in results:
            self.counts[one.state] += 1
            if one.channel:
                metrics.DELIVERIES.labels(one.channel, one.state).inc()


async def deliver(
    ways: Ways, database: Database, city: City, clock: Callable[[], datetime], seconds: float
) -> Counter[str]:
    """Send what is due in this city for so long at most; how many deliveries came to which state."""
    async with open_channels(ways, city) as channels:
        run = Delivering(database, city, channels, clock)
        await run.run(seconds)
        return run.counts


def note(one: Claimed, city: City, now: datetime) -> Note:
    """The message in the recipient's language, as far as there is one."""
    message, language = one.message, one.endpoint.language
    texts = message.texts
    for tag in (language, language.partition("-")[0], city.language, *texts):
        if tag in texts:
            language = tag
            break
    return Note(
        id=message.id,
        city=city.slug,
        topic=message.topic,
        title=texts[language]["title"],
        body=texts[language]["body"],
        link=message.link,
        urgency="high" if message.urgency == "urgent" else message.urgency,  # type: ignore[arg-type]
        urgent=message.breaks_quiet,
        thread=message.thread,
        sent=now,
        expires=message.expires,
        language=language,
    )
