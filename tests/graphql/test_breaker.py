"""A circuit breaker opens after repeated failures, answers at once while open, tries with one request, and closes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from multiprocessing import Pipe, get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
import strawberry
from allmende import PUBLIC, CityModule, InputError, Plugin, field
from allmende.db.engine import Database
from allmende.graphql.breaker import Breakers, Rules
from allmende.resting import Resting
from allmende.watchdog import Watchdog

from .gazette import ask, make_engine

CALLS: list[str] = []


@strawberry.type(description="Fails when told to.")
class Moody(CityModule):
    @field(visible=PUBLIC, description="Fails when told to.")
    async def mood(self, bad: bool) -> str:
        CALLS.append(self.ctx.city.slug)
        if bad:
            raise RuntimeError("secret")
        return "good"

    @field(visible=PUBLIC, description="Takes for ever.")
    async def sleep(self) -> str:
        await asyncio.Event().wait()
        return "awake"

    @field(visible=PUBLIC, description="Refuses its reader.")
    async def refuse(self) -> str:
        raise InputError("x: is wrong")


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breakers(clock: Clock) -> Breakers:
    return Breakers(Rules(failures=3, window=60, pause=30, longest=100), clock)


def fail(breakers: Breakers, times: int, city: str = "oben") -> None:
    for _ in range(times):
        breakers.report(city, "moody", failed=True)


def test_it_opens_after_so_many_failures_for_that_city_and_plugin_only(breakers: Breakers) -> None:
    fail(breakers, 2)
    assert breakers.admit("oben", "moody")
    fail(breakers, 1)
    asked = [("oben", "moody"), ("unten", "moody"), ("oben", "tower")]
    assert [breakers.admit(*who) for who in asked] == [False, True, True]
    assert list(breakers.open_now()) == [("oben", "moody")]


def test_failures_that_lie_far_apart_or_among_many_successes_do_not_open_it(breakers: Breakers, clock: Clock) -> None:
    for _ in range(10):
        fail(breakers, 1)
        clock.now += 31
    assert breakers.admit("oben", "moody")
    fail(breakers, 1, "unten")
    for _ in range(5):
        breakers.report("unten", "moody", failed=False)
    fail(breakers, 3, "unten")
    assert not breakers.is_open("unten", "moody")
    fail(breakers, 1, "unten")
    assert breakers.is_open("unten", "moody"), "as many failures as successes"


def test_after_the_pause_one_request_tries_and_its_success_closes(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 3)
    clock.now += 29
    assert not breakers.admit("oben", "moody")
    clock.now += 1
    assert [breakers.admit("oben", "moody") for _ in range(3)] == [True, False, False]
    breakers.report("oben", "moody", failed=False)
    assert [breakers.admit("oben", "moody") for _ in range(3)] == [True, True, True]


def test_each_failed_try_doubles_the_pause_up_to_a_limit(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 3)
    waited = []
    for _ in range(4):
        began = clock.now
        while not breakers.admit("oben", "moody"):
            clock.now += 1
        waited.append(clock.now - began)
        breakers.report("oben", "moody", failed=True)
    assert waited == [30, 60, 100, 100]


def test_a_try_of_which_nothing_is_heard_blocks_nobody_for_ever(breakers: Breakers, clock: Clock) -> None:
    fail(breakers, 3)
    clock.now += 30
    assert breakers.admit("oben", "moody")
    clock.now += 30
    assert breakers.admit("oben", "moody")


async def test_open_breaker_answers_at_once_without_asking_the_plugin(database: Database, clock: Clock) -> None:
    CALLS.clear()
    engine = make_engine(database, Plugin(name="moody", city_field=Moody))
    engine.services.breakers = Breakers(Rules(failures=3, pause=30), clock)
    bad = '{ city(slug: "oben") { name moody { mood(bad: true) } tower { height } modules { name status reason } } }'
    codes: list[Any] = []
    for _ in range(5):
        body = await ask(engine, bad)
        assert body["data"]["city"]["tower"] == {"height": 42}
        codes += [(error["path"], error["extensions"]["code"]) for error in body["errors"]]
    assert codes == [(["city", "moody", "mood"], "PLUGIN_FAILED")] * 3 + [(["city", "moody"], "PLUGIN_UNAVAILABLE")] * 2
    assert CALLS == ["oben"] * 4, "three failed, the first of them in a plan before that"
    states = {module["name"]: (module["status"], module["reason"]) for module in body["data"]["city"]["modules"]}
    assert states["moody"] == ("FAILED", "Das Modul ist gestört und wird in Kürze wieder versucht.")
    assert states["tower"] == ("ON", None)
    clock.now += 30
    good = '{ city(slug: "oben") { moody { mood(bad: false) } } }'
    assert [await ask(engine, good) for _ in range(2)] == [{"data": {"city": {"moody": {"mood": "good"}}}}] * 2


async def test_input_errors_never_open_it(database: Database) -> None:
    engine = make_engine(database, Plugin(name="moody", city_field=Moody))
    for _ in range(10):
        body = await ask(engine, '{ city(slug: "oben") { moody { refuse } } }')
        assert [error["extensions"]["code"] for error in body["errors"]] == ["BAD_INPUT"]
    assert list(engine.services.breakers.open_now()) == []


async def test_many_failing_fields_of_one_request_count_once(database: Database) -> None:
    engine = make_engine(database, Plugin(name="moody", city_field=Moody))
    fields = " ".join(f"f{number}: mood(bad: true)" for number in range(20))
    await ask(engine, f'{{ city(slug: "oben") {{ moody {{ {fields} }} }} }}')
    assert list(engine.services.breakers.open_now()) == []


async def test_what_takes_too_long_in_a_busy_worker_opens_no_breaker_and_what_raises_does(database: Database) -> None:
    engine = make_engine(database, Plugin(name="moody", city_field=Moody))
    engine.services.budget = 0.05
    busy = True
    breakers = engine.services.breakers = Breakers(Rules(failures=2, pause=30), busy=lambda: busy)

    async def code(question: str) -> str:
        body = await ask(engine, f'{{ city(slug: "oben") {{ moody {{ {question} }} }} }}')
        return str(body["errors"][0]["extensions"]["code"])

    assert [await code("sleep") for _ in range(3)] == ["PLUGIN_TIMEOUT"] * 3
    assert list(breakers.open_now()) == []
    assert [await code("mood(bad: true)") for _ in range(2)] == ["PLUGIN_FAILED"] * 2
    assert list(breakers.open_now()) == [("oben", "moody")]
    breakers = engine.services.breakers = Breakers(Rules(failures=2, pause=30), busy=lambda: busy)
    busy = False
    assert [await code("sleep") for _ in range(3)] == ["PLUGIN_TIMEOUT"] * 2 + ["PLUGIN_UNAVAILABLE"]


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel does not tell")
async def test_a_worker_is_busy_while_its_loop_has_more_to_do_than_it_can() -> None:
    watchdog = Watchdog({})
    watchdog.start()
    try:
        while not watchdog.busy:  # many short pieces of work: the loop turns, and is never idle
            until = time.monotonic() + 0.002
            while time.monotonic() < until:
                pass
            await asyncio.sleep(0)
        while watchdog.busy:  # noqa: ASYNC110 (its thread tells nobody)
            await asyncio.sleep(0.05)
    finally:
        watchdog.stop()


def other_worker(folder: Path, pipe: Connection) -> None:
    """A worker in a process of its own: its breaker opens and closes when it is told so, until it is killed."""
    breakers = Breakers(Rules(failures=2, pause=0.0))
    breakers.resting = Resting(folder)
    while pause := pipe.recv():
        breakers.rules = Rules(failures=2, pause=pause)
        fail(breakers, 2)
        pipe.send("opened")
        pipe.recv()
        breakers.report("oben", "moody", failed=False)
        pipe.send("closed")


async def test_what_rests_in_another_worker_is_shown_by_all_and_asked_here(database: Database, tmp_path: Path) -> None:
    """Until it is well there, its pause is over, or that worker is gone."""
    engine = make_engine(database, Plugin(name="moody", city_field=Moody))
    breakers = engine.services.breakers
    breakers.resting = Resting(tmp_path / "resting")
    question = '{ city(slug: "oben") { modules { name status } moody { mood(bad: false) } } }'

    async def status() -> str:
        breakers.resting.refresh()  # as the watchdog does
        city = (await ask(engine, question))["data"]["city"]
        assert city["moody"] == {"mood": "good"}
        return {module["name"]: str(module["status"]) for module in city["modules"]}["moody"]

    here, there = Pipe()
    worker = get_context("spawn").Process(target=other_worker, args=(tmp_path / "resting", there))
    worker.start()
    try:
        assert await status() == "ON"
        here.send(60.0)
        assert (here.recv(), await status()) == ("opened", "FAILED")
        assert not breakers.is_open("unten", "moody")
        here.send("close")
        assert (here.recv(), await status()) == ("closed", "ON")
        here.send(0.05)
        assert here.recv() == "opened"
        await asyncio.sleep(0.1)
        assert await status() == "ON", "its pause is over"
        here.send("close")
        here.recv()
        here.send(60.0)
        assert (here.recv(), await status()) == ("opened", "FAILED")
        worker.kill()
        worker.join()
        assert await status() == "ON"
        assert list((tmp_path / "resting").glob("*.json")) == []
    finally:
        worker.kill()
        worker.join()


def test_what_others_have_written_badly_is_nobodys_trouble(tmp_path: Path) -> None:
    resting = Resting(tmp_path)
    for number, text in enumerate(("[[1]]", "{", "null", '[["oben", "moody", "soon"]]')):
        (tmp_path / "1.json").write_text(text)
        resting.refresh()
        assert resting.now() == frozenset(), number
    Resting(None).tell([(("oben", "moody"), 60.0)])


class Witness(Watchdog):
    """Writes down what it takes for a standstill."""

    stood = 0

    def _blocked(self) -> None:
        self.stood += 1


def busy_for(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="this kernel does not tell")
async def test_many_short_pieces_of_work_are_no_standstill_and_a_long_one_is_as_is_one_that_sleeps() -> None:
    async def piece(work: Callable[[float], None], seconds: float) -> None:
        work(seconds)

    watchdog = Witness({})
    watchdog.start()
    try:
        await asyncio.sleep(0.5)
        await asyncio.gather(*(piece(busy_for, 0.02) for _ in range(100)))  # all of them in one turn of the loop
        assert watchdog.stood == 0
        await asyncio.create_task(piece(busy_for, 2.0))
        assert watchdog.stood == 1
        await asyncio.sleep(0.5)
        await asyncio.gather(*(piece(time.sleep, 0.2) for _ in range(10)))
        assert watchdog.stood == 2
    finally:
        watchdog.stop()
