"""Chores of the core: once for each city, whatever it has switched on, by both runners and the rules of jobs."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from allmende.chore import CORE, Chore
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.feeds.lease import Lease
from allmende.jobs.embedded import EmbeddedRunner
from allmende.jobs.queue import ensure_schema, work
from allmende.jobs.tables import JobState
from allmende.jobs.tasks import Rounds, Task, dead_states, due_tasks, run_chore, run_task
from allmende.testing import NOON
from sqlalchemy.ext.asyncio import AsyncSession

from .village import eventually, make_cities, make_house


class Room:
    """A room that notes for which cities its chore was done."""

    def __init__(self, *, fails: bool = False) -> None:
        self.done: list[str] = []
        self.fails = fails

    async def sweep(self, city: City) -> None:
        self.done.append(city.slug)
        if self.fails:
            raise RuntimeError("no broom")

    def chore(self, **options: object) -> Chore:
        return Chore(name="room-sweep", run=self.sweep, every=timedelta(hours=6), **options)  # type: ignore[arg-type]


async def test_a_chore_is_due_for_every_city_also_with_all_modules_off(database: Database, tmp_path: Path) -> None:
    room = Room()
    cities = make_cities(tmp_path, "adorf", "bdorf")
    bare = {slug: msgspec.structs.replace(city, plugins={}) for slug, city in cities.items()}
    house = make_house(database, bare, chores=(room.chore(),))
    tasks = await due_tasks(house)
    assert tasks == [Task(kind="chore", city=slug, plugin=CORE, name="room-sweep") for slug in ("adorf", "bdorf")]
    for task in tasks:
        await run_task(house, task)
    assert room.done == ["adorf", "bdorf"]
    assert await due_tasks(house) == []
    later = make_house(database, bare, now=NOON + timedelta(hours=6), chores=(room.chore(),))
    assert [task.city for task in await due_tasks(later)] == ["adorf", "bdorf"]


async def test_where_something_waits_it_does_not_wait_for_the_citys_turn(database: Database, tmp_path: Path) -> None:
    async def waiting(session: AsyncSession, now: datetime) -> set[str]:
        return {"cdorf", "gone"}

    cities = make_cities(tmp_path, "adorf", "bdorf", "cdorf")
    bare = {slug: msgspec.structs.replace(city, plugins={}) for slug, city in cities.items()}
    house = make_house(database, bare, chores=(Room().chore(waiting=waiting),))
    rounds = Rounds(house, part=1)
    assert [[task.city for task in (await rounds.look())[0]] for _ in range(3)] == [["cdorf"]] * 3


async def test_a_failing_chore_is_tried_again_and_is_a_dead_letter_at_last(database: Database, tmp_path: Path) -> None:
    chore = Room(fails=True).chore(retries=1)
    house = make_house(database, make_cities(tmp_path, "adorf"), chores=(chore,))
    city = house.cities()["adorf"]
    assert [await run_chore(house, city, chore) for _ in range(2)] == ["failed", "dead"]
    assert await dead_states(house) == [("adorf", "core/room-sweep", "RuntimeError: no broom")]


async def test_one_process_at_a_time_is_at_it(database: Database, tmp_path: Path) -> None:
    room = Room()
    house = make_house(database, make_cities(tmp_path, "adorf"), chores=(room.chore(),))
    key = {"plugin": CORE, "name": "room-sweep"}
    assert await Lease(database, "adorf", JobState, key, house.services.rules.lease, lambda: NOON).take()
    assert await run_chore(house, house.cities()["adorf"], room.chore()) == "busy"
    assert room.done == []


async def test_a_chore_that_is_gone_with_an_update_is_dropped(database: Database, tmp_path: Path) -> None:
    house = make_house(database, make_cities(tmp_path, "adorf"))
    await run_task(house, Task(kind="chore", city="adorf", plugin=CORE, name="of-an-earlier-release"))
    assert [task.kind for task in await due_tasks(house)] == ["import"]


async def test_the_embedded_runner_does_chores(database: Database, tmp_path: Path) -> None:
    room = Room()
    runner = EmbeddedRunner(make_house(database, make_cities(tmp_path, "adorf"), chores=(room.chore(),)), pause=0.05)
    runner.start()

    async def is_done() -> bool:
        return bool(room.done)

    await eventually(is_done)
    await runner.stop()
    assert room.done == ["adorf"]


async def test_workers_on_postgresql_do_chores(postgresql_url: str, tmp_path: Path) -> None:
    await ensure_schema(postgresql_url)
    database, room = Database(postgresql_url), Room()
    house = make_house(database, make_cities(tmp_path, "adorf", "bdorf"), chores=(room.chore(),))
    await work(house, postgresql_url, until_empty=True)
    assert sorted(room.done) == ["adorf", "bdorf"]
    await database.close()
