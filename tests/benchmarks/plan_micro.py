"""Planned against interpreted answers, in one process: `python -m tests.benchmarks.plan_micro [DATABASE]`.

CPU time of this process per answer, the best of several rounds in turn, with the example cities' own data. It is for
work on plans; `make bench` measures serving.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

from allmende.app import make_engine, make_house
from allmende.db.engine import Database
from allmende.feeds.importing import import_all
from allmende.graphql.execute import Engine, Operation
from allmende.registry import load_registry
from allmende.settings import Settings
from allmende.testing.databases import create_tables

ROOT = Path(__file__).parents[2]
QUESTIONS = {
    "home": "{ city(slug: $city) { name "
    "news { latest(first: 5) { id title summary publishedAt images { url caption } } } "
    "events { upcoming(first: 10) { id title start venue { name position { lat lon } } } } } }",
    "events": "{ city(slug: $city) { events { upcoming(first: 100) { id title text start end categories price url "
    "venue { name address position { lat lon } } } } } }",
    "places": "{ city(slug: $city) { places { in(bbox: {south: 40, west: 0, north: 60, east: 20}, first: 500) "
    "{ id name position { lat lon } category } } } }",
    "pickups": '{ city(slug: $city) { waste { pickups(street: "Ahornweg", days: 60) { date fraction { id } } } } }',
}
ROUNDS = 8
ANSWERS = {False: 10, True: 100}


async def main(url: str) -> None:
    load_registry(Settings(plugins=ROOT / "plugins"))
    create_tables(url)
    database = Database(url)
    settings = Settings(database=url, cities=ROOT / "cities", plugins=ROOT / "plugins")
    engine, town = make_engine(settings, database)
    house = make_house(settings, engine.services.registry, town, database)
    await import_all(house.services, list(house.cities().values()), house.plugins())
    for name, text in QUESTIONS.items():
        best = dict.fromkeys(ANSWERS, float("inf"))
        for _ in range(ROUNDS):
            for on in ANSWERS:
                best[on] = min(best[on], await _measure(engine, text, on))
        line = f"{name:8} {best[False] * 1e6:7.0f} µs interpreted {best[True] * 1e6:7.0f} µs planned"
        print(f"{line}  × {best[False] / best[True]:.1f}")  # noqa: T201
    await database.close()


async def _measure(engine: Engine, text: str, on: bool) -> float:
    engine.plans.on = on
    operation = Operation(query="query($city: String!) " + text, variables={"city": "musterstadt"})
    await engine.execute(operation)
    began = time.process_time()
    for _ in range(ANSWERS[on]):
        await engine.execute(operation)
    return (time.process_time() - began) / ANSWERS[on]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else f"sqlite:///{folder}/micro.sqlite"))
