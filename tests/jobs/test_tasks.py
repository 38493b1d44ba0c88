"""What is due, in which order, and what becomes of jobs that fail or hang."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from allmende import Context, Job
from allmende.db.engine import Database
from allmende.feeds.tables import FeedSource
from allmende.jobs.tables import JobState
from allmende.jobs.tasks import Rounds, Task, dead_states, due_tasks, run_job, run_task
from allmende.testing import NOON
from sqlalchemy import func, select

from ..feeds.village import VillageConfig, make, titles
from .village import failing, hanging, make_cities, make_house


async def test_cities_take_turns(database: Database, tmp_path: Path) -> None:
    house = make_house(database, make_cities(tmp_path, "adorf", "bdorf"), failing(), hanging())
    assert [(task.city, task.name) for task in await due_tasks(house)] == [
        ("adorf", "benches"),
        ("bdorf", "benches"),
        ("adorf", "fail"),
        ("bdorf", "fail"),
        ("adorf", "hang"),
        ("bdorf", "hang"),
    ]


async def test_what_is_due_takes_two_statements_for_all_cities(database: Database, tmp_path: Path) -> None:
    house = make_house(database, make_cities(tmp_path, *(f"dorf{i}" for i in range(20))))
    with database.count() as statements:
        assert len(await due_tasks(house)) == 20
    assert len(statements) == 2


async def test_a_look_at_very_many_cities_goes_through_one_part_after_the_other(
    database: Database, tmp_path: Path
) -> None:
    cities = make_cities(tmp_path, "a", "b", "c", "d", "e")
    house = make_house(database, cities)
    rounds = Rounds(house, part=2)
    looks = [await rounds.look() for _ in range(4)]
    assert [[task.city for task in tasks] for tasks, _ in looks] == [["a", "b"], ["c", "d"], ["e"], ["a", "b"]]
    assert {parts for _, parts in looks} == {3}
    for task in looks[1][0]:
        await run_task(house, task)
    assert [task.city for task in (await rounds.look())[0]] == []
    del cities["d"], cities["e"]
    assert [task.city for task in (await rounds.look())[0]] == ["a", "b"]  # the part that was next is gone


async def test_imported_source_is_due_again_after_its_interval(database: Database, tmp_path: Path) -> None:
    cities = make_cities(tmp_path, "adorf")
    house = make_house(database, cities)
    for task in await due_tasks(house):
        await run_task(house, task)
    assert await titles(database) == ["Bench 1"]
    assert await due_tasks(house) == []
    later = make_house(database, cities, now=NOON + timedelta(minutes=60))
    assert await due_tasks(later) == [Task(kind="import", city="adorf", plugin="village", name="benches")]


async def test_switched_off_module_has_nothing_due_and_keeps_its_data(database: Database, tmp_path: Path) -> None:
    cities = make_cities(tmp_path, "adorf")
    house = make_house(database, cities, failing())
    task, *_ = await due_tasks(house)
    await run_task(house, task)
    off = make_house(database, {"adorf": msgspec.structs.replace(cities["adorf"], plugins={})}, failing())
    assert await due_tasks(off) == []
    await run_task(off, task)
    assert await titles(database) == ["Bench 1"]


async def test_source_taken_out_of_the_configuration_is_removed(database: Database, tmp_path: Path) -> None:
    cities = make_cities(tmp_path, "adorf")
    house = make_house(database, cities)
    await run_task(house, (await due_tasks(house))[0])
    without = msgspec.structs.replace(cities["adorf"], plugins={"village": VillageConfig()})
    house = make_house(database, {"adorf": without})
    tasks = await due_tasks(house)
    assert tasks == [Task(kind="remove", city="adorf", plugin="village", name="benches")]
    await run_task(house, tasks[0])
    assert await titles(database) == []
    assert await due_tasks(house) == []


async def test_job_gets_its_citys_context(database: Database, tmp_path: Path) -> None:
    seen = []

    async def look(ctx: Context[Any]) -> None:
        seen.append((ctx.city.slug, ctx.plugin))

    job = Job(name="look", run=look, every=timedelta(hours=1))
    house = make_house(database, make_cities(tmp_path, "adorf"), job)
    assert await run_job(house, house.cities()["adorf"], house.plugins()[0], job) == "done"
    assert seen == [("adorf", "village")]


async def test_failing_job_is_dead_after_its_retries(database: Database, tmp_path: Path) -> None:
    job = failing(retries=2)
    house = make_house(database, make_cities(tmp_path, "adorf"), job)
    city, plugin = house.cities()["adorf"], house.plugins()[0]
    assert [await run_job(house, city, plugin, job) for _ in range(3)] == ["failed", "failed", "dead"]
    assert await dead_states(house) == [("adorf", "village/fail", "RuntimeError: no luck")]
    async with database.session("adorf") as session:
        assert (await session.scalars(select(JobState.next_run))).one() == NOON + timedelta(hours=6)


async def test_hanging_job_is_ended(database: Database, tmp_path: Path) -> None:
    job = hanging(timeout=timedelta(seconds=0.1))
    house = make_house(database, make_cities(tmp_path, "adorf"), job)
    assert await run_job(house, house.cities()["adorf"], house.plugins()[0], job) == "failed"
    async with database.session("adorf") as session:
        reason = (await session.scalars(select(JobState.reason))).one()
    assert reason == "TimeoutError: was not done within 0:00:00.100000"


async def test_source_that_fails_again_and_again_is_a_dead_letter(database: Database, tmp_path: Path) -> None:
    house = make_house(database, make_cities(tmp_path, "bad"))
    task = (await due_tasks(house))[0]
    for _ in range(8):
        await run_task(house, task)
    assert await dead_states(house) == [("bad", "village/benches", "ZeroDivisionError: a bug in the plugin")]
    async with database.session("bad") as session:
        assert await session.scalar(select(func.count()).select_from(FeedSource)) == 1


async def test_work_for_a_city_that_is_gone_is_dropped(database: Database, tmp_path: Path) -> None:
    house = make_house(database, {})
    await run_task(house, Task(kind="import", city="adorf", plugin="village", name="benches"))
    assert make(tmp_path)[0].slug not in house.cities()
