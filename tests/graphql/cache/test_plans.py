"""Answers of compiled plans rest on the same as those of graphql-core: tables, clock, language, host."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from allmende.app import make_engine
from allmende.db.engine import Database
from allmende.db.table import stable_id
from allmende.footprint import followed
from allmende.graphql.execute import Operation
from allmende.settings import Settings
from allmende.testing import NOON

from tests.composed import composed
from tests.plugins.places.conftest import make_row

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


AT = NOON  # a Monday, 12:00
SELECTIONS = {
    'waste { notices(district: "1") { code } }': ({"waste_pickup"}, AT.replace(hour=0) + timedelta(days=1)),
    "modules { name status }": ({"feeds_source"}, AT + timedelta(minutes=1)),
    "news { items(first: 2) { totalCount nodes { id } } }": ({"news_item"}, AT + timedelta(minutes=1)),
    "places { categories { count } all { totalCount } }": ({"places_place"}, None),
    "places { near(first: 5) { distance } }": ({"places_place"}, None),
    "places { near(first: 5) { open } }": ({"places_place"}, AT.replace(hour=14)),
    "places { near(first: 5) { name closesAt opensAt } }": ({"places_place"}, AT.replace(hour=14)),
    "places { near(first: 1) { opensAt } }": ({"places_place"}, AT.replace(hour=0) + timedelta(days=1)),
}
PLACES = {"unknown": "", "lunch": "Mo-Fr 08:00-14:00", "evening": "Mo-Su 18:00-22:00"}


@pytest.mark.parametrize(("selection", "tables", "until"), [(one, *rests) for one, rests in SELECTIONS.items()])
async def test_how_long_an_answer_holds_is_the_same_planned_and_interpreted(
    database: Database, selection: str, tables: set[str], until: datetime | None
) -> None:
    """Until a place opens or closes, until midnight, for a minute, or until something changes in the tables."""
    engine, _ = make_engine(Settings(cities=ROOT / "cities", plugins=ROOT / "plugins"), database, COMPOSED)
    engine.services.clock = lambda: NOON
    centre = engine.services.cities().by_slug[CITY].area
    async with database.transaction(CITY) as session:
        for far, (key, hours) in enumerate(PLACES.items()):
            row = make_row(key, centre.lat + far / 1000, centre.lon, opening_hours=hours)
            row.id, row.source, row.digest, row.fetched_at = stable_id(CITY, "s", type(row), key), "s", "", NOON
            session.add(row)
    for planned in (False, True):
        engine.plans.on = planned
        with followed() as footprint:
            outcome = await engine.execute(
                Operation(query=f'{{ city(slug: "{CITY}", language: "de") {{ {selection} }} }}')
            )
        assert "errors" not in outcome.body
        assert (footprint.reads, footprint.until) == ({(CITY, table) for table in tables}, until)
    assert engine.plans.planned == 1
