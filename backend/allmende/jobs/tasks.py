"""The work there is: which of it is due, and the functions that do it. Both runners use these and nothing else."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, islice, zip_longest
from typing import Any, Literal

import structlog
from msgspec import Struct, structs
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende import metrics
from allmende.changes.chores import compare_plugin
from allmende.chore import CORE, Chore
from allmende.city.model import City
from allmende.db.leash import SHARE, Leash
from allmende.feeds.importing import import_source
from allmende.feeds.lease import Lease, longest, next_try
from allmende.feeds.outcome import Run, reason_of
from allmende.feeds.removal import remove_source
from allmende.feeds.services import sources_of
from allmende.feeds.status import DEAD_AFTER, is_configured
from allmende.feeds.tables import FeedSource
from allmende.importer import Source
from allmende.isolation import bounded
from allmende.jobs.house import House
from allmende.jobs.tables import JobState
from allmende.plugin import Job, Plugin

log = structlog.get_logger(__name__)
GRACE = 5.0
"""Seconds that a job which ran out of time has to give its sessions back; then they are taken from it."""
PART = 250
"""Cities that one look goes through, so that it holds up nobody: a look at all of Germany takes half a second."""
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


Work = Callable[[], Coroutine[Any, Any, None]]


class Task(Struct, frozen=True, kw_only=True):
    """One piece of work. `remove` is for a source that is not in the city's configuration any more, `chore` for the
    core's own (its `plugin` is CORE)."""

    kind: Literal["import", "job", "remove", "chore"]
    city: str
    plugin: str
    name: str

    @property
    def key(self) -> str:
        return f"{self.kind}/{self.city}/{self.plugin}/{self.name}"


@dataclasses.dataclass(slots=True)
class Rounds:
    """Looks at one part of the cities after the other, and then at the first one again."""

    house: House
    part: int = PART
    _next: int = 0

    async def look(self) -> tuple[list[Task], int]:
        """What is due in the next part, and how many parts there are."""
        slugs = list(self.house.cities())
        if len(slugs) <= self.part:
            return await due_tasks(self.house), 1
        begin = self._next if self._next < len(slugs) else 0
        self._next = begin + self.part
        return await due_tasks(self.house, slugs[begin : self._next]), -(-len(slugs) // self.part)


async def due_tasks(house: House, part: Sequence[str] | None = None) -> list[Task]:
    """What should be done now, in all cities, or in these and where a chore waits. Two statements, and one for each
    chore that waits. The cities take turns, the longest due first in each."""
    now, cities = house.services.clock(), house.cities()
    async with house.database.system(write=False) as session:
        waiting = {chore.name: await chore.waiting(session, now) for chore in house.chores if chore.waiting}
        if part is not None:
            urgent = islice(chain.from_iterable(waiting.values()), PART)
            part = [slug for slug in dict.fromkeys((*part, *urgent)) if slug in cities]
            cities = {slug: cities[slug] for slug in part}
        length = house.services.rules.lease
        imports = await _timetable(session, FeedSource, "source", part, now, length)
        jobs = await _timetable(session, JobState, "name", part, now, length)
    plugins = [plugin for plugin in house.plugins() if not house.blocked(plugin.name)]
    wanted: dict[str, list[tuple[datetime, Task]]] = defaultdict(list)
    for slug, city in cities.items():
        for chore in house.chores:
            moment = jobs.get((slug, CORE, chore.name), _LONG_AGO)
            if moment <= now and slug in waiting.get(chore.name, (slug,)):
                wanted[slug].append((moment, Task(kind="chore", city=slug, plugin=CORE, name=chore.name)))
        for plugin in plugins:
            if city.config(plugin.name) is None:
                continue
            for kind, names, table in (
                ("import", _fetched(sources_of(city, plugin), imports, slug, plugin), imports),
                ("job", [job.name for job in plugin.jobs], jobs),
            ):
                for name in names:
                    moment = table.get((slug, plugin.name, name), _LONG_AGO)
                    if moment <= now:
                        task = Task(kind=kind, city=slug, plugin=plugin.name, name=name)  # type: ignore[arg-type]
                        wanted[slug].append((moment, task))
    known = {plugin.name for plugin in plugins}
    for slug, plugin_name, source in imports:
        is_on = slug in cities and plugin_name in known and cities[slug].config(plugin_name) is not None
        if is_on and not is_configured(cities, slug, plugin_name, source):
            task = Task(kind="remove", city=slug, plugin=plugin_name, name=source)
            wanted[slug].append((now, task))
    return list(_in_turn([[task for _, task in sorted(tasks, key=lambda t: t[0])] for tasks in wanted.values()]))


def _fetched(
    sources: Sequence[Source], known: Collection[tuple[str, str, str]], city: str, plugin: Plugin
) -> list[str]:
    """The ids of the sources that there is something to get from: all but those that wait for their first upload."""
    return [each.id for each in sources if not each.upload or (city, plugin.name, each.id) in known]


def tasks_of_files(house: House, files: Collection[tuple[str, str]]) -> list[Task]:
    """The imports of those sources that read one of these files: (city, path below its folder)."""
    cities = house.cities()
    return [
        Task(kind="import", city=slug, plugin=plugin.name, name=source.id)
        for slug in sorted({slug for slug, _ in files} & cities.keys())
        for plugin in house.plugins()
        if cities[slug].config(plugin.name) is not None
        for source in sources_of(cities[slug], plugin)
        if source.file and (slug, source.file) in files
    ]


async def run_task(house: House, task: Task) -> None:
    """Do it, if it still makes sense. Faults of feeds and plugins are written down, not raised."""
    city, plugin = house.cities().get(task.city), house.plugin(task.plugin)
    if task.kind == "chore":
        chore = house.chore(task.name)
        if city is not None and chore is not None:
            await run_chore(house, city, chore)
        return
    if city is None or plugin is None or city.config(plugin.name) is None or house.blocked(plugin.name):
        return
    if task.kind == "remove":
        if not is_configured(house.cities(), task.city, task.plugin, task.name):
            await remove_source(house.services, city.slug, plugin, task.name)
    elif task.kind == "import":
        for source in sources_of(city, plugin):
            if source.id == task.name:
                _tell(await import_source(house.services, city, plugin, source))
    else:
        for job in plugin.jobs:
            if job.name == task.name:
                await run_job(house, city, plugin, job)


def _tell(run: Run) -> None:
    """An import that changed something, or that a person has to look at, is worth a line; failures have theirs."""
    counts = {"added": run.added, "changed": run.changed, "removed": run.removed, "refused": run.refused}
    if run.status == "quarantined":
        log.warning("feed_held", city=run.city, plugin=run.plugin, source=run.source, reason=run.reason, **counts)
    elif run.status == "fresh" and any((run.added, run.changed, run.removed)):
        log.info("feed_imported", city=run.city, plugin=run.plugin, source=run.source, **counts)


async def run_job(house: House, city: City, plugin: Plugin, job: Job) -> str:
    """Run a plugin's job in one city; the status that it has now, or `busy` where another process is at it."""
    status = await _leased(house, city, plugin.name, job, lambda: _limited(house, city, plugin, job))
    if status != "busy":
        try:
            services = house.services
            await compare_plugin(services.database, city.slug, plugin, services.clock())
        except Exception:  # the next run finds the same differences
            log.exception("changes_not_logged", city=city.slug, plugin=plugin.name, name=job.name)
    return status


async def run_chore(house: House, city: City, chore: Chore) -> str:
    """Do a chore of the core in one city; the status as of `run_job`."""

    async def limited() -> None:
        try:
            await bounded(chore.run(city), chore.timeout.total_seconds())
        except TimeoutError as error:
            raise TimeoutError(f"was not done within {chore.timeout}") from error

    return await _leased(house, city, CORE, chore, limited)


async def _leased(house: House, city: City, plugin: str, job: Job | Chore, work: Work) -> str:
    """Do the work under a lease, and write down what became of it and when it is due again."""
    services, key = house.services, {"plugin": plugin, "name": job.name}
    started = services.clock()
    lease = Lease(services.database, city.slug, JobState, key, services.rules.lease, services.clock)
    if not await lease.take():
        return "busy"
    fault: Exception | None = None
    try:
        await lease.during(work())
    except asyncio.CancelledError:
        async with services.database.transaction(city.slug) as session:
            await lease.settle(session)
        raise
    except Exception as error:
        fault = error
    async with services.database.transaction(city.slug) as session:
        now = services.clock()
        if fault is None:
            values = {"status": "done", "reason": "", "failures": 0, "last_success": now, "next_run": now + job.every}
        else:
            statement = select(JobState.failures).where(JobState.plugin == plugin, JobState.name == job.name)
            failures = ((await session.execute(statement)).scalar_one_or_none() or 0) + 1
            dead = failures > job.retries
            values = {
                "status": "dead" if dead else "failed",
                "reason": reason_of(fault),
                "failures": failures,
                "next_run": now + job.every if dead else min(next_try(now, failures), now + job.every),
            }
            log.warning("job_failed", city=city.slug, **key, reason=values["reason"], dead=dead)
        await lease.settle(session, last_attempt=started, **values)
    metrics.JOBS.labels(plugin, values["status"]).inc()
    return str(values["status"])


async def _limited(house: House, city: City, plugin: Plugin, job: Job) -> None:
    ctx = house.services.context(city, plugin.name)
    if ctx is None:
        return
    leash = Leash(ctx.database, plugin.name, asyncio.Semaphore(SHARE))
    try:
        await bounded(job.run(structs.replace(ctx, database=leash)), job.timeout.total_seconds())
    except TimeoutError as error:
        raise TimeoutError(f"was not done within {job.timeout}") from error
    finally:
        await leash.recall(GRACE)


async def _timetable(
    session: AsyncSession,
    table: type[FeedSource] | type[JobState],
    name: str,
    part: Sequence[str] | None,
    now: datetime,
    lease: timedelta,
) -> dict[tuple[str, str, str], datetime]:
    """When each thing may run next: at its time, and not before somebody else's lease on it has ended.

    What was last tried later than now is due at once: its times were written before the clock was set back.
    """
    columns = (table.city, table.plugin, getattr(table, name), table.next_run, table.lease_until, table.last_attempt)
    statement = select(*columns) if part is None else select(*columns).where(table.city.in_(part))
    rows = (await session.execute(statement)).all()
    never = now + longest(lease)
    return {
        (city, plugin, id_): max(
            next_run if next_run and (last is None or last <= never) else _LONG_AGO,
            lease_until if lease_until and lease_until <= never else _LONG_AGO,
        )
        for city, plugin, id_, next_run, lease_until, last in rows
    }


def _in_turn(queues: Iterable[list[Task]]) -> Iterator[Task]:
    return (task for task in chain.from_iterable(zip_longest(*queues)) if task is not None)


async def dead_states(house: House) -> list[tuple[str, str, str]]:
    """(city, what, reason) of sources and jobs that failed again and again."""
    jobs = select(JobState.city, JobState.plugin, JobState.name, JobState.reason).where(JobState.status == "dead")
    sources = select(FeedSource.city, FeedSource.plugin, FeedSource.source, FeedSource.reason).where(
        FeedSource.failures >= DEAD_AFTER
    )
    async with house.database.system(write=False) as session:
        rows = [*(await session.execute(sources)).all(), *(await session.execute(jobs)).all()]
    return [(city, f"{plugin}/{name}", reason) for city, plugin, name, reason in rows]
