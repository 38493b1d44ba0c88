"""Jobs by procrastinate on a real PostgreSQL: done once, under the locks of their city, rescued from a dead worker."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import psycopg
from allmende.db.engine import Database
from allmende.feeds.tables import FeedSource
from allmende.jobs.queue import LOOK, dead_jobs, enqueue_due, ensure_schema, keep_looking, make_app, work
from allmende.jobs.tasks import Rounds
from allmende.testing import NOON
from sqlalchemy import select

from ..feeds.village import titles
from .village import eventually, make_cities, make_house


async def test_schema_is_made_once_though_several_ask_for_it(postgresql_url: str) -> None:
    made = await asyncio.gather(*(ensure_schema(postgresql_url) for _ in range(3)))
    assert sorted(made) == [False, False, True]


async def test_worker_imports_what_is_due(postgresql_url: str, tmp_path: Path) -> None:
    await ensure_schema(postgresql_url)
    database = Database(postgresql_url)
    house = make_house(database, make_cities(tmp_path, "adorf", "bad", "cdorf"))
    await work(house, postgresql_url, until_empty=True)
    assert await titles(database, "adorf") == await titles(database, "cdorf") == ["Bench 1"]
    async with database.system() as session:
        states = (await session.execute(select(FeedSource.city, FeedSource.status).order_by(FeedSource.city))).all()
    assert [tuple(state) for state in states] == [("adorf", "fresh"), ("bad", "failed"), ("cdorf", "fresh")]
    assert await dead_jobs(house, postgresql_url) == []
    await database.close()


async def test_due_work_is_enqueued_once_with_a_lock_of_its_city(postgresql_url: str, tmp_path: Path) -> None:
    await ensure_schema(postgresql_url)
    database = Database(postgresql_url)
    house = make_house(database, make_cities(tmp_path, "adorf", "bdorf"))
    app = make_app(house, postgresql_url)
    async with app.open_async():
        assert [await enqueue_due(Rounds(house), app) for _ in range(2)] == [2, 0]
        jobs = sorted(await app.job_manager.list_jobs_async(), key=lambda job: str(job.lock))
    assert [str(job.lock).partition("#")[0] for job in jobs] == ["adorf", "bdorf"]
    assert [job.queueing_lock for job in jobs] == ["import/adorf/village/benches", "import/bdorf/village/benches"]
    await database.close()


async def test_one_look_enqueues_what_is_due_in_all_parts_of_the_cities(postgresql_url: str, tmp_path: Path) -> None:
    await ensure_schema(postgresql_url)
    database = Database(postgresql_url)
    house = make_house(database, make_cities(tmp_path, *(f"dorf{i}" for i in range(5))))
    app = make_app(house, postgresql_url)
    async with app.open_async():
        rounds = Rounds(house, part=2)
        assert [await enqueue_due(rounds, app) for _ in range(2)] == [5, 0]
    await database.close()


async def test_every_minute_has_one_look_also_after_the_clock_was_set_back(postgresql_url: str, tmp_path: Path) -> None:
    await ensure_schema(postgresql_url)
    database = Database(postgresql_url)
    house = make_house(database, make_cities(tmp_path, "adorf"))
    moment = NOON - timedelta(milliseconds=100)
    house = replace(house, services=replace(house.services, clock=lambda: moment))
    app = make_app(house, postgresql_url)
    async with app.open_async(), await psycopg.AsyncConnection.connect(postgresql_url, autocommit=True) as connection:

        async def looked(number: int) -> bool:
            found = await connection.execute("SELECT count(*) FROM procrastinate_jobs WHERE task_name = %s", [LOOK])
            return await found.fetchone() == (number,)

        looking = [asyncio.create_task(keep_looking(house, app)) for _ in range(2)]
        for number, later in enumerate((timedelta(), timedelta(minutes=1), timedelta(hours=-1)), 1):
            moment += later
            await eventually(lambda number=number: looked(number))
            await connection.execute("UPDATE procrastinate_jobs SET status = 'succeeded'")
            await asyncio.sleep(0.3)
            assert await looked(number), "one for both, and no more than one"
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
    await database.close()


async def test_work_of_a_killed_worker_is_rescued(postgresql_url: str, tmp_path: Path) -> None:
    await ensure_schema(postgresql_url)
    database = Database(postgresql_url)
    house = make_house(database, make_cities(tmp_path, "adorf"))
    app = make_app(house, postgresql_url)
    async with app.open_async():
        await enqueue_due(Rounds(house), app)
        killed = await app.job_manager.register_worker()
        assert await app.job_manager.fetch_job(queues=None, worker_id=killed)
    with psycopg.connect(postgresql_url, autocommit=True) as connection:
        connection.execute("UPDATE procrastinate_workers SET last_heartbeat = now() - interval '5 minutes'")
    await work(house, postgresql_url, until_empty=True)
    assert await titles(database, "adorf") == ["Bench 1"]
    await database.close()


async def test_fault_of_the_instance_ends_as_a_dead_letter(postgresql_url: str, tmp_path: Path) -> None:
    await ensure_schema(postgresql_url)
    database = Database(postgresql_url)
    house = make_house(database, {})
    app = make_app(house, postgresql_url)
    async with app.open_async():
        await app.configure_task("allmende.of_a_later_release").defer_async(city="adorf")
    await work(house, postgresql_url, until_empty=True)
    assert [(job.task_name, job.task_kwargs) for job in await dead_jobs(house, postgresql_url)] == [
        ("allmende.of_a_later_release", {"city": "adorf"})
    ]
    await database.close()
