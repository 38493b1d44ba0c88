"""City, cities, modules, feed, search and map, as an app asks for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from allmende.db.engine import Database
from allmende.graphql.directory import Directory
from allmende.graphql.pages import encode_cursor
from allmende.testing import make_city
from hypothesis import given
from hypothesis import strategies as st

from .gazette import Towns, ask, make_engine, publish


async def test_city_is_found_by_slug_or_host_and_null_where_there_is_none(database: Database) -> None:
    engine = make_engine(database)
    query = "query($slug: String) { city(slug: $slug) { slug } }"
    assert await ask(engine, query, variables={"slug": "unten"}) == {"data": {"city": {"slug": "unten"}}}
    assert await ask(engine, query, variables={"slug": "nowhere"}) == {"data": {"city": None}}
    assert await ask(engine, query, host="oben.example") == {"data": {"city": {"slug": "oben"}}}
    body = await ask(engine, query, host="localhost")
    assert body["data"] == {"city": None}
    assert [e["extensions"] for e in body["errors"]] == [{"code": "BAD_INPUT"}]


async def test_language_comes_from_argument_then_header_then_city(database: Database) -> None:
    engine = make_engine(database)

    async def language(argument: str, header: str) -> str:
        body = await ask(
            engine, f'{{ city(slug: "oben"{argument}) {{ language gazette {{ language }} }} }}', accept_language=header
        )
        assert body["data"]["city"]["language"] == body["data"]["city"]["gazette"]["language"]
        return str(body["data"]["city"]["language"])

    assert await language("", "") == "de"
    assert await language("", "fr, en-US;q=0.8, de;q=0.5") == "en"
    assert await language(', language: "de-AT"', "en") == "de"
    assert await language(', language: "tr"', "en") == "en"


async def test_modules_tell_what_is_on_and_off_with_one_statement(database: Database) -> None:
    engine = make_engine(database)
    query = "query($slug: String) { city(slug: $slug) { modules { name title status version owner } } }"
    with database.count() as statements:
        body = await ask(engine, query, variables={"slug": "oben"}, accept_language="en")
    assert len(statements) == 1
    facts = {"title": "Title", "version": "1", "owner": "us"}
    assert body["data"]["city"]["modules"] == [
        {"name": "gazette", "status": "ON", **facts},
        {"name": "tower", "status": "ON", **facts},
    ]
    body = await ask(engine, query, variables={"slug": "unten"})
    assert [m["status"] for m in body["data"]["city"]["modules"]] == ["OFF", "OFF"]


async def test_facts_about_a_city_cost_no_statement(database: Database) -> None:
    with database.count() as statements:
        body = await ask(
            make_engine(database), '{ city(slug: "oben") { position { lat } bbox { south } brand { primary logo } } }'
        )
    assert body["data"]["city"] == {
        "position": {"lat": 51.96},
        "bbox": {"south": 51.8},
        "brand": {"primary": "#1f5f5b", "logo": None},
    }
    assert len(statements) == 0


async def test_scalars_are_iso_and_refuse_times_without_an_offset(database: Database) -> None:
    engine = make_engine(database)
    query = 'query($d: Date!, $t: DateTime!) { city(slug: "oben") { gazette { day(on: $d) instant(at: $t) } } }'
    good = {"d": "2026-02-28", "t": "2026-05-01T18:30:00+02:00"}
    body = await ask(engine, query, variables=good)
    assert body["data"]["city"]["gazette"] == {"day": "2026-03-01", "instant": "2026-05-01T18:30:00+02:00"}
    for wrong in ({**good, "t": "2026-05-01T18:30:00"}, {**good, "d": "20260228"}, {**good, "d": 5}):
        body = await ask(engine, query, variables=wrong)
        assert "data" not in body
        assert [e["extensions"]["code"] for e in body["errors"]] == ["BAD_INPUT"]


@pytest.mark.parametrize("size", [1, 2, 3, 10])
async def test_feed_pages_show_everything_once_even_with_equal_dates(database: Database, size: int) -> None:
    start = datetime(2026, 11, 1, tzinfo=UTC)
    notices = [{"title": f"N{i}", "published": start + timedelta(days=i // 4)} for i in range(9)]
    await publish(database, "oben", *notices)
    engine, seen, after = make_engine(database), [], None
    query = """query($first: Int!, $after: String) { city(slug: "oben") { feed(first: $first, after: $after) {
        nodes { title date } pageInfo { hasNextPage endCursor } } } }"""
    for _ in range(20):
        body = await ask(engine, query, variables={"first": size, "after": after})
        page = body["data"]["city"]["feed"]
        seen += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert sorted(node["title"] for node in seen) == [f"N{i}" for i in range(9)]
    assert [node["date"] for node in seen] == sorted((node["date"] for node in seen), reverse=True)


async def test_search_finds_by_beginnings_ranks_titles_first_and_costs_two_statements(database: Database) -> None:
    await publish(
        database,
        "oben",
        {"title": "Straßenfest", "text": "mit Müllabfuhr"},
        {"title": "Müllabfuhr fällt aus", "text": ""},
        {"title": "Anderes", "text": "nichts"},
    )
    await publish(database, "unten", {"title": "Müllabfuhr in Unten"})
    engine = make_engine(database)
    query = 'query($text: String!) { city(slug: "oben") { search(text: $text) { title module } } }'
    with database.count() as statements:
        body = await ask(engine, query, variables={"text": "Muellab"})
    titles = [hit["title"] for hit in body["data"]["city"]["search"]]
    assert titles == ["Müllabfuhr fällt aus", "Straßenfest"]
    assert len(statements) == 2
    body = await ask(engine, query, variables={"text": "strassenfest müllabfuhr"})
    assert body["data"]["city"]["search"] == [{"title": "Straßenfest", "module": "gazette"}]


async def test_search_shows_nothing_of_modules_that_are_off(database: Database) -> None:
    await publish(database, "unten", {"title": "Müllabfuhr"})
    body = await ask(
        make_engine(database), '{ city(slug: "unten") { search(text: "Müll") { title } feed { nodes { id } } } }'
    )
    assert body == {"data": {"city": {"search": [], "feed": {"nodes": []}}}}


async def test_bad_arguments_name_the_argument(database: Database) -> None:
    engine = make_engine(database)
    outside = encode_cursor("feed", ["0001-01-01T00:00:00+23:59", "a", 1])
    for field, code in {
        "feed(first: 101) { nodes { id } }": "BAD_FIRST",
        'feed(after: "x") { nodes { id } }': "BAD_CURSOR",
        f'feed(after: "{outside}") {{ nodes {{ id }} }}': "BAD_CURSOR",
        'search(text: "x", first: 51) { id }': "BAD_FIRST",
        "map(bbox: {south: 1, north: 0, west: 0, east: 1}) { id }": "BAD_INPUT",
        'feed(modules: ["nosuch"]) { nodes { id } }': "BAD_INPUT",
    }.items():
        body = await ask(engine, f'{{ city(slug: "oben") {{ name {field} }} }}')
        assert body["data"]["city"]["name"] == "Oben"
        assert [e["extensions"]["code"] for e in body["errors"]] == [code]


async def test_cities_are_searched_sorted_by_distance_and_paged(database: Database) -> None:
    engine = make_engine(database)
    query = """query($s: String!, $n: PositionInput, $f: Int!, $a: String) {
        cities(search: $s, near: $n, first: $f, after: $a) {
            totalCount nodes { slug } pageInfo { endCursor hasNextPage } } }"""
    first = (await ask(engine, query, variables={"s": "", "f": 1}))["data"]["cities"]
    assert (first["totalCount"], first["nodes"], first["pageInfo"]["hasNextPage"]) == (2, [{"slug": "oben"}], True)
    after = first["pageInfo"]["endCursor"]
    second = (await ask(engine, query, variables={"s": "", "f": 1, "a": after}))["data"]["cities"]
    assert (second["nodes"], second["pageInfo"]["hasNextPage"]) == ([{"slug": "unten"}], False)
    for text in ("untermuell", "Untermüllb", "unten"):
        found = await ask(engine, query, variables={"s": text, "f": 5})
        assert found["data"]["cities"]["nodes"] == [{"slug": "unten"}]
    wrong = await ask(engine, query, variables={"s": "", "f": 1, "a": after, "n": {"lat": 1.0, "lon": 1.0}})
    assert wrong["errors"][0]["extensions"]["code"] == "BAD_CURSOR"


@given(st.lists(st.tuples(st.floats(-90, 90), st.floats(-180, 180)), min_size=1, max_size=12), st.integers(1, 4))
def test_directory_pages_hold_every_city_once_nearest_first(places: list[tuple[float, float]], size: int) -> None:
    template = make_city()
    cities = {}
    for i, (lat, lon) in enumerate(places):
        area = type(template.area)(lat=lat, lon=lon, bbox=template.area.bbox)
        cities[f"c{i}"] = make_city(f"c{i}", area=area)
    directory, seen, after, more = Directory(Towns(cities)), [], None, True
    while more:
        found, more = directory.page("", (51.0, 7.0), size, after)
        seen += found
        after = found[-1][0]
    assert sorted(city.slug for _, city in seen) == sorted(cities)
    assert [key for key, _ in seen] == sorted(key for key, _ in seen)


async def test_module_that_could_not_be_loaded_is_shown_as_failed(database: Database) -> None:
    engine = make_engine(database)
    towns = engine.services.cities()
    engine.services.cities = lambda: Towns(dict(towns.by_slug), unavailable={"unten": ("fountains",)})
    body = await ask(engine, '{ city(slug: "unten", language: "en") { modules { name status reason } } }')
    failed = {"name": "fountains", "status": "FAILED", "reason": "The module could not be loaded."}
    assert body["data"]["city"]["modules"][-1] == failed
