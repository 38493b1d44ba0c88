"""Every bad plugin of the gallery fails alone: in the same request all others answer, for every city; nothing leaks."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from allmende.app import make_engine, make_house
from allmende.db.engine import Database
from allmende.db.leash import SHARE
from allmende.feeds.importing import import_source
from allmende.feeds.services import sources_of
from allmende.graphql.execute import Engine, Operation
from allmende.jobs.tasks import run_job
from allmende.settings import Settings

from tests.composed import composed

GALLERY = Path(__file__).parent / "gallery"
COMPOSED = composed(GALLERY / "plugins")
SERVED = ["adorf", "bad-texts", "bedorf", "closed", "unlucky"]
BAD_FIELDS = {
    "raises": ("now", "later"),
    "exits": ("now", "later", "interrupts", "cancels", "killsItself", "ends", "stops", "deepens"),
    "hangs": ("waits", "clings"),
    "nonsense": ("number", "nothing", "list", "endless", "endlessLater", "object { name }", "day", "function"),
    "leaks": ("all",),
    "huge": ("numbers", "text", "table", "texts"),
}
SECRETS = ("secret", "/etc/passwd", "SELECT", "Traceback", str(GALLERY.parents[2]))


@pytest_asyncio.fixture
async def engine(database: Database) -> AsyncIterator[Engine]:
    settings = Settings(
        database="sqlite://",
        cities=GALLERY / "cities",
        plugins=GALLERY / "plugins",
        schema=Path("none"),
        secrets=Path(),
    )
    engine, _ = make_engine(settings, database, COMPOSED)
    engine.services.budget, engine.services.deadline = 60.0, 60.0  # those without an end have a budget of their own
    yield engine


def test_bad_plugins_are_named_with_their_owners_and_the_others_load(engine: Engine) -> None:
    registry = engine.services.registry
    assert {name: broken.owner for name, broken in registry.broken.items()} == {
        name: f"owner-of-{name}"
        for name in (
            "bad_manifest",
            "import_error",
            "import_exit",
            "name",
            "no_plugin",
            "old_api",
            "secretive",
            "takes_tables",
            "takes_types",
        )
    }
    assert {"sound", "raises", "broken_migration"} <= registry.plugins.keys()


def test_bad_cities_are_left_out_or_named_and_the_others_are_served(engine: Engine) -> None:
    cities = engine.services.cities()
    assert sorted(cities.by_slug) == SERVED
    assert sorted(cities.problems) == [
        "bad-texts",
        "bad-toml",
        "bad-types",
        "binary",
        "closed",
        "same-host",
        "same-key",
        "unlucky",
        "unreadable",
    ]
    assert dict(cities.unavailable)["unlucky"] == ("config_raises",)


@pytest.mark.parametrize("case", [(name, field) for name, fields in BAD_FIELDS.items() for field in fields], ids=str)
async def test_all_others_answer_in_the_same_request(engine: Engine, case: tuple[str, str]) -> None:
    plugin, field = case
    if plugin == "leaks":
        engine.services.budget = 1.0
    before = asyncio.all_tasks()
    body = await ask(
        engine,
        f'{{ adorf: city(slug: "adorf") {{ name {plugin} {{ {field} }} sound {{ city }} }}'
        ' bedorf: city(slug: "bedorf") { sound { city } } cities(first: 10) { nodes { sound { city } } } }',
    )
    assert body["data"] == {
        "adorf": {"name": "Adorf", plugin: None, "sound": {"city": "adorf"}},
        "bedorf": {"sound": {"city": "bedorf"}},
        "cities": {"nodes": [{"sound": {"city": slug}} for slug in SERVED]},
    }
    assert [(e["path"][:2], e["extensions"]["plugin"]) for e in body["errors"]] == [(["adorf", plugin], plugin)]
    expected = {"hangs": "PLUGIN_TIMEOUT", "leaks": "PLUGIN_TIMEOUT"}.get(plugin, "PLUGIN_FAILED")
    assert body["errors"][0]["extensions"]["code"] == expected
    told_nothing(body)
    await everything_returned(engine.services.database)
    left = {task for task in asyncio.all_tasks() - before if not task.done()}
    assert len(left) <= (field == "clings"), left
    for task in left:
        task.cancel()


async def test_leaked_session_is_taken_back_although_the_plugin_keeps_it(engine: Engine) -> None:
    query = '{ city(slug: "adorf") { leaks { one } sound { city } } }'
    for times in (SHARE, 5):
        for body in await asyncio.gather(*(ask(engine, query) for _ in range(times))):
            assert body == {"data": {"city": {"leaks": {"one": 1}, "sound": {"city": "adorf"}}}}
        await everything_returned(engine.services.database)


async def test_hooks_that_fail_leave_the_lists_of_all_plugins_to_the_others(engine: Engine) -> None:
    box = "{south: 51, west: 7, north: 52, east: 9}"
    body = await ask(
        engine, f'{{ city(slug: "adorf") {{ feed {{ nodes {{ title }} }} map(bbox: {box}) {{ title }} name }} }}'
    )
    item = {"title": "Adorf"}
    assert body["data"] == {"city": {"feed": {"nodes": [item]}, "map": [item], "name": "Adorf"}}
    codes = sorted((e["path"][1], e["extensions"]["plugin"], e["extensions"]["code"]) for e in body["errors"])
    assert codes == [
        (where, plugin, "PLUGIN_TIMEOUT" if plugin == "hooks_hang" else "PLUGIN_FAILED")
        for where in ("feed", "map")
        for plugin in ("hooks_hang", "hooks_nonsense", "hooks_raise")
    ]
    told_nothing(body)


async def test_config_that_makes_a_plugin_raise_costs_the_city_that_plugin_only(engine: Engine) -> None:
    query = '{ city(slug: "%s") { config_raises { mood } sound { city } } }'
    assert await ask(engine, query % "unlucky") == {
        "data": {"city": {"config_raises": None, "sound": {"city": "unlucky"}}}
    }
    assert (await ask(engine, query % "bedorf"))["data"]["city"]["config_raises"] == {"mood": "good"}


async def test_wording_with_a_bad_placeholder_falls_back_to_other_words(engine: Engine) -> None:
    body = await ask(engine, '{ city(slug: "bad-texts") { sound { greeting } } }')
    assert body == {"data": {"city": {"sound": {"greeting": "Good day, Bad-Texts!"}}}}


async def test_jobs_without_an_end_and_jobs_that_raise_are_written_down(engine: Engine) -> None:
    services, database = engine.services, engine.services.database
    settings = Settings(database="sqlite://")
    house = make_house(settings, services.registry, _Town(services.cities()), database)  # type: ignore[arg-type]
    plugin, city = services.registry.plugins["chores"].plugin, services.cities().by_slug["adorf"]
    assert {job.name: await run_job(house, city, plugin, job) for job in plugin.jobs} == {
        "endless": "failed",
        "exiting": "failed",
        "raising": "failed",
    }


async def test_importers_that_hang_raise_exit_or_give_too_much_are_written_down(engine: Engine) -> None:
    services, database = engine.services, engine.services.database
    house = make_house(Settings(database="sqlite://"), services.registry, _Town(services.cities()), database)  # type: ignore[arg-type]
    plugin, city = services.registry.plugins["imports"].plugin, services.cities().by_slug["adorf"]
    runs = {}
    for source in sources_of(city, plugin):
        house.services.reader.seconds = 0.5 if source.id == "hang" else 120.0
        runs[source.id] = await import_source(house.services, city, plugin, source)
    assert {name: run.status for name, run in runs.items()} == dict.fromkeys(
        ("hang", "raise", "exit", "million", "nonsense"), "failed"
    )
    assert runs["raise"].reason == "RuntimeError: the importer's own fault"
    assert "SystemExit" in runs["exit"].reason
    assert runs["hang"].reason == "was not read within 0.5 seconds"
    assert runs["million"].reason == "'bad' made 1000000 rows; at most 250000 are taken"


class _Town:
    def __init__(self, cities: Any) -> None:
        self.cities = cities


async def ask(engine: Engine, query: str) -> dict[str, Any]:
    async with asyncio.timeout(90):
        return (await engine.execute(Operation(query=query))).body


def told_nothing(body: Any) -> None:
    text = json.dumps(body)
    assert [word for word in SECRETS if word in text] == []


async def everything_returned(database: Database) -> None:
    """No connection is lent out any more, a moment after the answer."""
    async with asyncio.timeout(60):
        while database._cities.pool.checkedout():  # type: ignore[attr-defined]  # noqa: ASYNC110
            await asyncio.sleep(0.05)
