"""Answers of compiled plans rest on the same as those of graphql-core: tables, clock, language, host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from allmende.app import make_engine
from allmende.db.engine import Database
from allmende.footprint import followed
from allmende.graphql.execute import Operation
from allmende.settings import Settings

from tests.composed import composed

ROOT = Path(__file__).parents[3]
COMPOSED = composed()
CITY = "musterstadt"
FIELDS = "{ name news { latest(first: 5) { id title } } events { upcoming(first: 10) { id title start } } }"


@pytest.mark.parametrize(
    ("asked", "more"),
    [
        (f'city(slug: "{CITY}", language: "de")', {}),
        (f'city(slug: "{CITY}")', {"languages": {CITY}}),
        ("city", {"languages": {CITY}, "host": True}),
    ],
)
async def test_planned_answer_rests_on_what_the_interpreted_one_does(
    database: Database, asked: str, more: dict[str, Any]
) -> None:
    engine, _ = make_engine(Settings(cities=ROOT / "cities", plugins=ROOT / "plugins"), database, COMPOSED)
    operation = Operation(query=f"{{ {asked} {FIELDS} }}", host="app.musterstadt.example")
    footprints = []
    for planned in (True, False):
        engine.plans.on = planned
        with followed() as footprint:
            outcome = await engine.execute(operation)
        assert "errors" not in outcome.body
        footprints.append(footprint)
    assert engine.plans.planned == 1
    fast, slow = footprints
    tables = {"news_item", "events_event", "events_occurrence"}
    assert fast.reads >= {(CITY, table) for table in tables}
    assert (slow.reads, slow.anything, fast.anything) == (fast.reads, False, False)
    assert (fast.cities, fast.languages, fast.host) == ({CITY}, more.get("languages", set()), more.get("host", False))
    assert (slow.cities, slow.languages, slow.host) == (fast.cities, fast.languages, fast.host)
    assert fast.until is not None
    assert slow.until is not None
    assert abs((fast.until - slow.until).total_seconds()) < 10
