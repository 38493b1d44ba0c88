"""Runs the jobs inside the process that serves: what `allmende dev` does, and every instance on SQLite.

All state is in the database, so a restart goes on where the last process stopped, and several processes with such a
runner share the work. No city gets more than its share of the slots, so that one with hanging feeds delays nobody else.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import structlog

from allmende.jobs.house import House
from allmende.jobs.tasks import Rounds, Task, run_task

log = structlog.get_logger(__name__)
SHARE = 0.01
"""Of the processor's time at most, for looking at what is due: with very many cities the looks become rarer."""


@dataclass(slots=True)
class EmbeddedRunner:
    """`start` it in a running event loop, `stop` it before the loop ends."""

    house: House
    concurrency: int = 6
    per_city: int = 2
    pause: float = 5.0
    """Seconds in which all cities are looked at once for what is due."""
    grace: float = 10.0
    """Seconds that running work has to finish on `stop`; after that it is given back."""
    _running: dict[str, tuple[str, asyncio.Task[None]]] = field(default_factory=dict)
    _hurried: list[Task] = field(default_factory=list)
    _loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._loop = asyncio.create_task(self._run(), name="jobs")

    def hurry(self, tasks: Sequence[Task]) -> None:
        """Do these now, whenever they are due: as soon as there is room. Called in the event loop."""
        wanted = {task.key: task for task in (*self._hurried, *tasks)}
        running = [task for key, task in wanted.items() if key in self._running]  # which may have begun too early
        self._hurried = [*running, *self._begin([task for key, task in wanted.items() if key not in self._running])]

    async def stop(self) -> None:
        """Begin nothing more, let running work finish, give back what does not."""
        if self._loop is None:
            return
        self._loop.cancel()
        with suppress(asyncio.CancelledError):
            await self._loop
        self._loop = None
        running = {task for _, task in self._running.values()}
        if not running:
            return
        _, late = await asyncio.wait(running, timeout=self.grace)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    async def _run(self) -> None:
        loop, rounds = asyncio.get_running_loop(), Rounds(self.house)
        while True:
            started, spent = loop.time(), time.thread_time()
            try:
                tasks, parts = await rounds.look()
            except Exception as error:  # the database, usually; the next look may find it again
                log.warning("jobs_look_failed", error=f"{type(error).__name__}: {error}"[:300])
                tasks, parts = [], 1
            tasks, self._hurried = [*self._hurried, *tasks], []
            pause = max(self.pause / parts, (time.thread_time() - spent) / SHARE)
            while True:
                tasks = self._begin(tasks)
                left = started + pause - loop.time()
                waiting = {task for _, task in self._running.values()}
                if not tasks or not waiting or left <= 0:
                    break  # as soon as a slot is free there is more to do, but for ever it is not the same
                await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(max(0.0, started + pause - loop.time()))

    def _begin(self, tasks: list[Task]) -> list[Task]:
        """Start as many of the tasks as there is room for; those that have to wait."""
        per_city = Counter(city for city, _ in self._running.values())
        late = []
        for task in tasks:
            if task.key in self._running:
                continue
            if len(self._running) >= self.concurrency or per_city[task.city] >= self.per_city:
                late.append(task)
                continue
            per_city[task.city] += 1
            running = asyncio.create_task(self._work(task), name=task.key)
            self._running[task.key] = (task.city, running)
        return late

    async def _work(self, task: Task) -> None:
        try:
            await run_task(self.house, task)
        except Exception as error:
            log.error("job_crashed", task=task.key, error=f"{type(error).__name__}: {error}"[:300])
        finally:
            self._running.pop(task.key, None)
