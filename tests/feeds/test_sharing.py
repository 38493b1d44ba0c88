"""One address that many cities read is asked once for all of them; what it was asked, a real server counts."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from allmende.city.model import City
from allmende.db.engine import Database
from allmende.feeds import sharing
from allmende.feeds.importing import Run, import_all
from allmende.feeds.services import Addresses, Services
from allmende.feeds.sharing import Shared
from allmende.jobs.house import House
from allmende.jobs.tasks import due_tasks, run_task
from allmende.testing import NOON

from .server import Server, answer, serving
from .village import benches, make, make_services, plugin, titles

SLUGS = ("adorf", "bdorf", "cdorf", "ddorf", "edorf")


def body(*keys: str) -> bytes:
    return json.dumps(benches(*keys)).encode()


class Land:
    """Cities that all read one address, and a clock."""

    def __init__(self, database: Database, folder: Path, server: Server, **source: Any) -> None:
        self.database, self.folder, self.server, self.now = database, folder, server, NOON
        given = {"url": server.url, "every": 10, **source}
        self.cities: dict[str, City] = {slug: make(folder, slug, **given)[0] for slug in SLUGS}

    def process(self) -> Services:
        """What one process of the machine imports with."""
        services = make_services(self.database, port=self.server.port)
        addresses = Addresses(lambda: self.cities, lambda: [plugin])
        fetcher = replace(
            services.fetcher, shared=Shared(self.folder / "cache", addresses), clock=lambda: self.now,
            secret=lambda name: "s3cret",
        )  # fmt: skip
        return replace(services, fetcher=fetcher, clock=lambda: self.now)

    async def load(self, services: Services) -> list[str]:
        runs: list[Run] = await import_all(services, list(self.cities.values()), [plugin])
        return [run.status if not run.reason else f"{run.status}: {run.reason}" for run in runs]

    def later(self, **time: float) -> datetime:
        self.now += timedelta(**time)
        return self.now


async def test_a_pass_asks_once_for_all_cities_and_next_time_only_whether_it_has_changed(
    database: Database, tmp_path: Path
) -> None:
    with serving(answer(body=body("1"), ETag='"1"'), answer(304), answer(body=body("1", "2"), ETag='"2"')) as server:
        land = Land(database, tmp_path, server)
        process = land.process()
        assert (await land.load(process), len(server.requests)) == (["fresh"] * 5, 1)
        land.later(minutes=10)
        assert (await land.load(process), len(server.requests)) == (["unchanged"] * 5, 2)
        land.later(minutes=10)
        assert (await land.load(process), len(server.requests)) == (["fresh"] * 5, 3)
        assert [await titles(database, slug) for slug in SLUGS] == [["Bench 1", "Bench 2"]] * 5
    assert [request.get("if-none-match") for request in server.requests] == [None, '"1"', '"1"']


async def test_another_process_of_the_machine_takes_the_same_answer_also_after_a_restart(
    database: Database, tmp_path: Path
) -> None:
    with serving(answer(body=body("1"), ETag='"1"'), answer(304)) as server:
        land = Land(database, tmp_path, server)
        await land.load(land.process())
        land.later(seconds=30)
        assert (await land.load(land.process()), len(server.requests)) == (["unchanged"] * 5, 1)
        land.later(minutes=10)
        await land.load(land.process())
    assert [request.get("if-none-match") for request in server.requests] == [None, '"1"']


async def test_a_server_that_fails_is_not_asked_by_each_city(database: Database, tmp_path: Path) -> None:
    with serving(answer(404), answer(body=body("1"))) as server:
        land = Land(database, tmp_path, server)
        process = land.process()
        address = server.url.partition("?")[0]
        assert await land.load(process) == [f"failed: {address}: the server answered 404 Not Found"] * 5
        assert len(server.requests) == 1
        land.later(minutes=2)
        assert (await land.load(process), len(server.requests)) == (["fresh"] * 5, 2)


async def test_requests_that_differ_are_not_shared(database: Database, tmp_path: Path) -> None:
    with serving(answer(body=body("1"))) as server:
        land = Land(database, tmp_path, server, token="secret:FEED")
        assert await land.load(land.process()) == ["fresh"] * 5
        assert (len(server.requests), (tmp_path / "cache").exists()) == (5, False), "what a token opens stays apart"
        own = land.cities["adorf"]
        land.cities = {"adorf": own, "bdorf": make(tmp_path, "bdorf", url=f"{server.url}&city=b")[0]}
        await land.load(land.process())
    assert len(server.requests) == 7


async def test_an_encoding_that_one_city_sets_is_its_own(database: Database, tmp_path: Path) -> None:
    text = json.dumps(benches("1", wood="Lärche"), ensure_ascii=False).encode("cp1252")
    with serving(answer(body=text, Content_Type="application/json; charset=utf-8")) as server:
        land = Land(database, tmp_path, server)
        land.cities["bdorf"] = make(tmp_path, "bdorf", url=server.url, encoding="iso-8859-7")[0]
        process = land.process()
        await land.load(process)
        found = {
            slug: (await process.fetcher.fetch(city, city.plugins["village"].sources[0])).payload
            for slug, city in land.cities.items()
        }  # type: ignore[attr-defined]
    assert {payload.encoding for slug, payload in found.items() if payload and slug != "bdorf"} == {"utf-8"}
    assert (found["bdorf"] and found["bdorf"].encoding, len(server.requests)) == ("iso-8859-7", 1)


async def test_wherever_they_began_all_are_due_at_one_moment_from_then_on(database: Database, tmp_path: Path) -> None:
    with serving(answer(body=body("1")), answer(body=body("2"))) as server:
        land = Land(database, tmp_path, server)
        process = land.process()
        house = House(database=database, services=process, cities=lambda: land.cities, plugins=lambda: [plugin])
        for slug in SLUGS:  # they are set up one after the other
            await import_all(process, [land.cities[slug]], [plugin])
            land.later(minutes=1)
        assert len(server.requests) == 1
        land.now = NOON + timedelta(minutes=9)
        assert await due_tasks(house) == []
        land.later(minutes=1)
        tasks = await due_tasks(house)
        assert sorted(task.city for task in tasks) == list(SLUGS)
        for task in tasks:
            await run_task(house, task)
        assert (len(server.requests), await due_tasks(house)) == (2, [])
        assert [await titles(database, slug) for slug in SLUGS] == [["Bench 2"]] * 5


async def test_somebody_who_wants_it_now_gets_what_is_there_now(database: Database, tmp_path: Path) -> None:
    with serving(answer(body=body("1")), answer(body=body("2"))) as server:
        land = Land(database, tmp_path, server)
        process = land.process()
        await land.load(process)
        land.later(minutes=2)
        assert await land.load(process) == ["unchanged"] * 5
        await import_all(process, list(land.cities.values()), [plugin], force=True)
        assert len(server.requests) == 2
    assert [await titles(database, slug) for slug in SLUGS] == [["Bench 2"]] * 5


async def test_the_folder_is_bounded(tmp_path: Path, database: Database, monkeypatch: Any) -> None:
    monkeypatch.setattr(sharing, "MOST", 100)
    with serving(answer(body=body("1"))) as server:
        land = Land(database, tmp_path, server)
        process = land.process()
        for number in range(3):
            land.cities = {slug: make(tmp_path, slug, url=f"{server.url}&n={number}")[0] for slug in SLUGS}
            await land.load(process)
    assert len(list((tmp_path / "cache").iterdir())) == 1
