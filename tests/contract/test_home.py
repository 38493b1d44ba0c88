"""The main job: one request fetches a city's home screen, imported from feeds, with a bounded number of statements."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from allmende.app import make_engine, make_house
from allmende.db.engine import Database
from allmende.feeds.importing import import_all
from allmende.graphql.execute import Engine, Operation
from allmende.settings import Settings

from tests.composed import composed

ROOT = Path(__file__).parents[2]
COMPOSED = composed()
HOME = """
query Home($city: String!, $street: String!, $lat: Float!, $lon: Float!) { city(slug: $city) {
  name modules { name status }
  news { latest(first: 5) { id title publishedAt image { url alt } } }
  events { upcoming(first: 10) { id title start venue { name position { lat lon } } } }
  waste { pickups(street: $street, days: 14) { date fraction { name colour } } }
  places { near(lat: $lat, lon: $lon, first: 5) { name category distance open } } } }
"""
STREETS = "query($city: String!) { city(slug: $city) { waste { streets(first: 1) { name } } } }"
EXPECTED = {
    "beckum": {"news", "events", "waste"},
    "dortmund": {"news", "events", "waste", "places"},
    "guetersloh": {"news", "events", "places"},
    "muenster": {"news", "events", "waste", "places"},
    "musterstadt": {"news", "events", "waste", "places"},
    "rheda-wiedenbrueck": {"news", "waste", "places"},
}
LISTS = {"news": ("latest", 5), "events": ("upcoming", 3), "waste": ("pickups", 1), "places": ("near", 5)}
"""Module → the list of the home screen, and how many items there are at least."""
STATEMENTS = 7
"""One for the states of the modules, one each for news, events and places, two for an address and its pickups, and
one to spare for a plugin that needs it."""


async def imported(database: Database) -> Engine:
    """All cities of the repository with everything that their sources hold."""
    settings = Settings(database="sqlite://", cities=ROOT / "cities", plugins=ROOT / "plugins")
    engine, town = make_engine(settings, database, COMPOSED)
    house = make_house(settings, engine.services.registry, town, database)
    runs = await import_all(house.services, list(house.cities().values()), house.plugins())
    assert {run.status for run in runs} <= {"fresh", "unchanged"}, [run for run in runs if run.reason]
    return engine


async def ask(engine: Engine, text: str, **variables: Any) -> Any:
    body = (await engine.execute(Operation(query=text, variables=variables))).body
    assert "errors" not in body, body["errors"]
    return body["data"]["city"]


async def test_home_answers_for_every_city_from_what_was_imported(database: Database) -> None:
    engine = await imported(database)
    cities = engine.services.cities().by_slug
    assert {
        slug: set(city.plugins) & {"news", "events", "waste", "places"} for slug, city in cities.items()
    } == EXPECTED
    for slug, on in EXPECTED.items():
        streets = ((await ask(engine, STREETS, city=slug))["waste"] or {}).get("streets", [])
        area = cities[slug].area
        variables = {"street": streets[0]["name"] if streets else "–", "lat": area.lat, "lon": area.lon}
        with database.count() as statements:
            home = await ask(engine, HOME, city=slug, **variables)
        assert {name for name in LISTS if home[name] is not None} == on, slug
        assert {m["name"] for m in home["modules"] if m["status"] == "ON"} >= on, slug
        for name in on:
            field, least = LISTS[name]
            assert len(home[name][field]) >= least, (slug, name, home[name])
        assert len(statements) <= STATEMENTS, (slug, *statements)


async def test_one_request_for_two_cities_keeps_them_apart(database: Database) -> None:
    engine = await imported(database)
    text = '{ a: city(slug: "beckum") { news { latest { id } } } b: city(slug: "muenster") { news { latest { id } } } }'
    body = (await engine.execute(Operation(query=text))).body
    ids = [{item["id"] for item in body["data"][alias]["news"]["latest"]} for alias in ("a", "b")]
    assert all(ids)
    assert ids[0] & ids[1] == set()


async def test_importing_again_writes_nothing_and_keeps_every_id(database: Database) -> None:
    engine = await imported(database)
    text = '{ city(slug: "musterstadt") { events { upcoming(first: 50) { id } } news { latest(first: 10) { id } } } }'
    before = (await engine.execute(Operation(query=text))).body
    again = await imported(database)
    assert (await again.execute(Operation(query=text))).body == before
