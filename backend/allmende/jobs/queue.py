"""Runs the jobs on PostgreSQL, on any number of machines: procrastinate carries them, our tables say what is due.

Every minute one worker looks up what is due and puts it into the queue, once (queueing lock). The lock of a task is one
of a few slots of its city, always the same one for the same source: so a source never overlaps, and a city with hanging
feeds holds at most that many workers. A task whose worker died is put back into the queue by the others.
"""

from __future__ import annotations

import asyncio
from typing import Any
from zlib import crc32

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job
from procrastinate.schema import SchemaManager
from sqlalchemy.exc import DBAPIError

from allmende.jobs.house import House
from allmende.jobs.tasks import Rounds, Task, run_task

log = structlog.get_logger(__name__)
LOOK, EVERY = "allmende.look", 60
"""The task that looks for what is due, and after how many seconds the next one does."""
PER_CITY = 2
"""Tasks of one city that run at the same time, on all machines together."""
BATCH = 2000
"""Tasks after which a look ends; the next one begins with the cities behind."""
STALLED = 60.0
"""Seconds without a heartbeat after which a worker counts as dead."""
AWAY, AGAIN = 10.0, 2.0
"""Seconds until a database that gives no connection counts as away; seconds until the worker begins anew after that."""
GRACE = 20.0
"""Seconds that running work has to finish when the worker is told to stop; after that it is given back."""
_RETRY = procrastinate.RetryStrategy(max_attempts=5, exponential_wait=4)
_SCHEMA_LOCK = 0x616C6C6D


def make_app(house: House, url: str) -> procrastinate.App:
    """The queue's tasks on this database. The caller opens the app."""
    connector = procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=4, timeout=AWAY)
    app = procrastinate.App(connector=connector)

    @app.task(name="allmende.run", retry=_RETRY)
    async def run(kind: Any, city: str, plugin: str, name: str) -> None:
        await run_task(house, Task(kind=kind, city=city, plugin=plugin, name=name))

    rounds = Rounds(house)

    @app.task(name=LOOK, queueing_lock="look")
    async def look(timestamp: int) -> None:
        await enqueue_due(rounds, app)

    return app


async def keep_looking(house: House, app: procrastinate.App) -> None:
    """Once a minute by the clock, one of all workers looks for what is due. (By procrastinate's own timetable, nobody
    would for an hour after the clock was set back by one.)"""
    while True:
        now = house.services.clock().timestamp()
        minute = int(now // EVERY * EVERY)
        look = app.configure_task(LOOK, queueing_lock="look", task_kwargs={"timestamp": minute})
        try:
            await app.job_manager.defer_periodic_job(job=look.job, periodic_id="", defer_timestamp=minute)
        except AlreadyEnqueued:
            pass
        except Exception as error:  # the database; the next minute may find it again
            log.warning("look_not_enqueued", error=f"{type(error).__name__}: {error}"[:300])
        await asyncio.sleep(minute + EVERY - now)


async def enqueue_due(rounds: Rounds, app: procrastinate.App) -> int:
    """Put what is due into the queue, and back into it what died with its worker; how many were added."""
    for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED):
        log.warning("job_rescued", task=job.task_name, args=job.task_kwargs)
        await app.job_manager.retry_job(job)
    added = found = looks = 0
    parts = 1
    while looks < parts and found < BATCH:
        tasks, parts = await rounds.look()
        added += sum([await _enqueue(app, task) for task in tasks])
        found, looks = found + len(tasks), looks + 1
    return added


async def _enqueue(app: procrastinate.App, task: Task) -> bool:
    """Whether it was not in the queue yet."""
    slot = f"{task.city}#{crc32(f'{task.plugin}/{task.name}'.encode()) % PER_CITY}"
    deferrer = app.configure_task("allmende.run", lock=slot, queueing_lock=task.key)
    try:
        await deferrer.defer_async(kind=task.kind, city=task.city, plugin=task.plugin, name=task.name)
    except AlreadyEnqueued:
        return False
    return True


async def work(house: House, url: str, *, concurrency: int = 4, until_empty: bool = False) -> None:
    """Be a worker until SIGTERM or SIGINT (or until the queue is empty), also after the database was away."""
    while True:
        try:
            await _work(house, url, concurrency, until_empty)
        except (ConnectorException, DBAPIError, OSError) as error:
            if until_empty:
                raise
            log.warning("queue_lost", error=f"{type(error).__name__}: {error}".strip()[:300])
            await asyncio.sleep(AGAIN)
        else:
            return


async def _work(house: House, url: str, concurrency: int, until_empty: bool) -> None:
    app = make_app(house, url)
    async with app.open_async():
        await enqueue_due(Rounds(house), app)
        looking = asyncio.create_task(keep_looking(house, app), name="looks")
        try:
            await app.run_worker_async(
                concurrency=concurrency,
                wait=not until_empty,
                shutdown_graceful_timeout=GRACE,
                delete_jobs="successful",
                install_signal_handlers=not until_empty,
            )
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)


async def dead_jobs(house: House, url: str) -> list[Job]:
    """Tasks that failed for good: faults of the instance; those of feeds and plugins are in their own tables."""
    app = make_app(house, url)
    async with app.open_async():
        return list(await app.job_manager.list_jobs_async(status="failed"))


async def ensure_schema(owner_url: str, serving_role: str = "") -> bool:
    """Create the queue's tables if they are missing; safe to call by several processes at once. True if it did."""
    async with await psycopg.AsyncConnection.connect(owner_url) as connection:
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [_SCHEMA_LOCK])
        row = await (await connection.execute("SELECT to_regclass('procrastinate_jobs')")).fetchone()
        if row is not None and row[0] is not None:
            return False
        await connection.execute(SchemaManager.get_schema().encode())
        if serving_role:
            role = psycopg.sql.Identifier(serving_role)
            for kind in ("TABLES", "SEQUENCES"):
                grant = psycopg.sql.SQL("GRANT ALL ON ALL {} IN SCHEMA {} TO {}")
                schema = psycopg.sql.Identifier("public")
                await connection.execute(grant.format(psycopg.sql.SQL(kind), schema, role))
    return True
