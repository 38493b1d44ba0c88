"""Planned and interpreted answers are equal: for generated operations, on both databases, with the cities' own data."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest_asyncio
from allmende.app import make_engine, make_house
from allmende.db.engine import Database
from allmende.feeds.importing import import_all
from allmende.graphql.execute import Engine, Operation
from allmende.settings import Settings
from allmende.testing import NOON
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.composed import composed

from .operations import Writer

ROOT = Path(__file__).parents[3]
COMPOSED = composed()
IDS = '{ city(slug: "%s") { %s { %s { id } } } }'
EXAMPLES = int(os.environ.get("PLAN_EXAMPLES", "150"))
"""Operations per database; more of them on demand: PLAN_EXAMPLES=5000."""
CURSORS = '{ city(slug: "%s") { %s { %s { edges { cursor } } } } }'
PAGES = {
    "news": "items(first: 3)",
    "events": 'between(from: "2026-11-23", to: "2026-12-24", first: 3)',
    "places": "all(first: 3)",
}
LISTS = {"news": "latest(first: 3)", "events": "upcoming(first: 3)", "places": "near(first: 3)"}


@dataclass
class Answering:
    """An engine that answers every operation both ways."""

    engine: Engine
    ids: list[str]
    streets: list[str]
    cursors: list[str]
    asked: int = 0

    async def both(self, text: str, **options: Any) -> tuple[Any, Any]:
        """The interpreted and the planned answer; that is given three times, the last time of rows that are known."""
        answers = []
        for on in (False, True, True, True):
            self.engine.plans.on = on
            for entry in self.engine.plans.entries.values():
                entry.paused = 0.0
            outcome = await self.engine.execute(Operation(query=text, **options))
            answers.append((outcome.kind, plain(outcome.body)))
        self.asked += answers[0][0] == "executed"
        interpreted, *planned = answers
        return interpreted, next((each for each in planned if each != interpreted), interpreted)


def plain(body: Any) -> Any:
    """As a client reads it: without the numbers by which masked errors are found in the log, and without their order
    (fields are resolved at the same time, so it varies)."""
    read = json.loads(re.sub(r"[0-9a-f]{8}(?=\)|\"})", "", json.dumps(body, ensure_ascii=False)))
    if "errors" in read:
        read["errors"].sort(key=json.dumps)
    return read


async def imported(database: Database, now: datetime = NOON) -> Answering:
    made = Settings(database="sqlite://", cities=ROOT / "cities", plugins=ROOT / "plugins")
    engine, town = make_engine(made, database, COMPOSED)
    house = make_house(made, engine.services.registry, town, database)
    await import_all(house.services, list(house.cities().values()), house.plugins())
    engine.services.clock = lambda: now
    engine.services.budget, engine.services.deadline = 60.0, 120.0  # a busy machine is no difference between the two

    async def ask(text: str) -> Any:
        return (await engine.execute(Operation(query=text))).body["data"]["city"]

    ids = [
        item["id"]
        for slug in ("musterstadt", "dortmund")
        for name, field in LISTS.items()
        for item in (await ask(IDS % (slug, name, field)))[name][field.partition("(")[0]]
    ]
    cursors = [
        edge["cursor"]
        for slug in ("musterstadt", "dortmund")
        for name, field in PAGES.items()
        for edge in (await ask(CURSORS % (slug, name, field)))[name][field.partition("(")[0]]["edges"]
    ]
    for slug in ("musterstadt", "dortmund"):
        page = await ask(f'{{ city(slug: "{slug}") {{ feed(first: 3) {{ edges {{ cursor }} }} }} }}')
        cursors += [edge["cursor"] for edge in page["feed"]["edges"]]
    streets = await ask('{ city(slug: "musterstadt") { waste { streets(first: 20) { title } } } }')
    return Answering(engine, ids, [street["title"] for street in streets["waste"]["streets"]], cursors)


@pytest_asyncio.fixture
async def answering(database: Database) -> AsyncIterator[Answering]:
    yield await imported(database)


ASKED = {
    "city": "musterstadt",
    "from": "2026-11-23",
    "to": "2026-12-24",
    "date": "2026-11-24",
    "search": "A",
    "text": "Markt",
    "bbox": {"south": 51.0, "west": 6.5, "north": 53.0, "east": 9.5},
    "id": "",
}
"""Values of the variables of the registered operations; the others have defaults, or are not needed."""


async def test_the_operations_of_the_registered_apps_are_answered_by_plans_as_a_whole(answering: Answering) -> None:
    """With the same answers; `Cities` asks for no place here."""
    plans = answering.engine.plans
    for file in sorted((ROOT / "clients").glob("*/*/*.graphql")):
        text = file.read_text()
        values = {name: value for name, value in ASKED.items() if f"${name}:" in text}
        for id_ in answering.ids[:9] if "id" in values else [""]:
            before = plans.planned
            given = values | {"id": id_} if id_ else values
            if "$street" in text:
                given["street"] = answering.streets[0]
            interpreted, planned = await answering.both(text, variables=given)
            assert planned == interpreted
            assert interpreted[0] == "executed"
            assert "errors" not in interpreted[1], file.name
            entry = plans.entries.get((text, None))
            assert entry is not None
            assert plans.planned - before == 3, file.name
            assert [plan and plan.rest for plan in entry.cases.values()] == [None], file.name


async def test_generated_operations_have_the_same_answer(answering: Answering) -> None:
    """Hypothesis runs in a thread of its own; the operations run here, where the database is."""
    loop = asyncio.get_running_loop()
    before = answering.engine.plans.planned

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        writer = Writer(
            answering.engine.composed.schema, data.draw, answering.ids, answering.streets, answering.cursors
        )
        text, variables = writer.document()
        language = data.draw(st.sampled_from(["", "en", "de-DE;q=0.5, en"]))
        work = answering.both(text, variables=variables, accept_language=language)
        interpreted, planned = asyncio.run_coroutine_threadsafe(work, loop).result(60)
        assert planned == interpreted, f"{text}\n{json.dumps(variables)}\n{planned}\n{interpreted}"

    await asyncio.to_thread(check)
    # Most of the others ask wrongly on purpose.
    share = (answering.engine.plans.planned - before) / (3 * answering.asked)
    assert share > 0.45, f"{answering.asked} operations were executed, {share:.0%} of them by a plan"
