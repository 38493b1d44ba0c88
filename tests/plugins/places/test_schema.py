"""The module as an app asks it: its part of the Home operation, all fields of a place, both languages."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import strawberry
from allmende import BBox, InputError
from allmende.graphql.meeting import objects
from allmende.testing import make_payload
from strawberry.schema.config import StrawberryConfig

from plugins.places import plugin, schema
from plugins.places.routes import export
from tests.standstill import largest_stretch

from .conftest import make_row

Ask = Callable[..., Any]


@pytest.fixture
def ask(make_ctx: Any) -> Ask:
    """Sends a selection on `places` and gives the answer, or the text of the errors."""

    @strawberry.type
    class Query:
        @strawberry.field
        def places(self, info: strawberry.Info) -> schema.Places:
            return schema.Places(ctx=info.context)

    built = strawberry.Schema(Query, config=StrawberryConfig(auto_camel_case=True))

    async def send(selection: str, *, head: str = "", language: str = "de", **variables: Any) -> Any:
        context = make_ctx(language=language)
        with context.database.count() as statements:
            result = await built.execute(
                f"query {head} {{ places {{ {selection} }} }}", context_value=context, variable_values=variables
            )
        assert len(statements) <= 2
        return [error.message for error in result.errors] if result.errors else result.data["places"]  # type: ignore[index]

    return send


async def test_home_operation_answers(ask: Ask, store: Any) -> None:
    await store([make_row("Amt", 51.961, 7.63, category="amt", opening_hours="Mo-Fr 08:00-16:00")])
    await store([make_row("Park", 51.96, 7.63)], source="t")
    assert await ask("near(lat: 51.96, lon: 7.63, first: 5) { name category distance open }") == {
        "near": [
            {"name": "Park", "category": "Grünfläche", "distance": 0.0, "open": None},
            {"name": "Amt", "category": "Amt", "distance": 111.2, "open": True},
        ]
    }


async def test_selection_for_the_home_screen_is_valid(ask: Ask, store: Any, make_ctx: Any) -> None:
    await store([make_row("Park", 51.97, 7.63)])
    assert plugin.home is not None
    assert plugin.home.defaults is not None
    head = "(" + ", ".join(f"${name}: {kind}" for name, kind in plugin.home.variables.items()) + ")"
    variables = await plugin.home.defaults(make_ctx())
    answer = await ask(plugin.home.selection, head=head, **variables)
    assert [(place["name"], place["distance"]) for place in answer["near"]] == [("Park", 1112.0)]
    assert await ask(plugin.home.selection, head=head) == answer


async def test_place_says_all_it_knows_in_the_readers_language(ask: Ask, store: Any) -> None:
    row = make_row(
        "a",
        51.96,
        7.63,
        name="Rathaus",
        category="amt",
        opening_hours="Mo,Tu 08:00-12:00,14:00-16:00; We off",
        wheelchair="yes",
        tags={"toilets:wheelchair": "yes", "unheard:of": "x"},
        facts=[{"label": {"de": "Fläche", "en": "Area"}, "value": "3 m²"}],
        image={"url": "https://example.org/a.jpg", "alt": "Giebel", "credit": ""},
        phone="+49 0000 1",
        website="https://example.org",
    )
    await store([row])
    place = (
        await ask(
            f"""place(id: "{row.id}") {{ id title module categoryId category icon position {{ lat lon }} open opensAt
            closesAt openingHours openingHoursText wheelchair accessibility {{ label value }} facts {{ label value }}
            phone website image {{ url alt credit }} distance address text language
            source {{ title licence attribution fetchedAt }} }}""",
            language="en",
        )
    )["place"]
    assert place == {
        "id": row.id,
        "title": "Rathaus",
        "module": "places",
        "categoryId": "amt",
        "category": "Office",
        "icon": "📍",
        "position": {"lat": 51.96, "lon": 7.63},
        "open": False,
        "opensAt": "2026-11-23T14:00:00+01:00",
        "closesAt": None,
        "openingHours": "Mo,Tu 08:00-12:00,14:00-16:00; We off",
        "openingHoursText": [
            "Monday: 08:00–12:00, 14:00–16:00",
            "Tuesday: 08:00–12:00, 14:00–16:00",
            "Wednesday: closed",
            "Thursday: closed",
            "Friday: closed",
            "Saturday: closed",
            "Sunday: closed",
        ],
        "wheelchair": "yes",
        "accessibility": [
            {"label": "Wheelchair-accessible toilet", "value": "yes"},
            {"label": "unheard:of", "value": "x"},
        ],
        "facts": [{"label": "Area", "value": "3 m²"}],
        "phone": "+49 0000 1",
        "website": "https://example.org",
        "image": {"url": "https://example.org/a.jpg", "alt": "Giebel", "credit": None},
        "distance": None,
        "address": None,
        "text": None,
        "language": "de",
        "source": {
            "title": "Grünamt",
            "licence": "CC0-1.0",
            "attribution": None,
            "fetchedAt": "2026-11-01T01:00:00+01:00",
        },
    }


async def test_what_is_not_known_is_not_said_to_be_closed(ask: Ask, store: Any) -> None:
    await store(
        [make_row("a", 51.96, 7.63, opening_hours='Mo,Tu 09:00-12:00; Th "nach Vereinbarung"; Fr unknown; PH off')]
    )
    place = (await ask("near { openingHoursText }"))["near"][0]
    assert place["openingHoursText"][2:5] == [
        "Mittwoch: geschlossen",
        "Donnerstag: nach Vereinbarung",
        "Freitag: nicht bekannt",
    ]


async def test_always_open_is_said_in_words(ask: Ask, store: Any) -> None:
    row = make_row("a", 51.96, 7.63, opening_hours="24/7")
    await store([row])
    place = (await ask(f'place(id: "{row.id}") {{ open closesAt openingHoursText }}'))["place"]
    assert (place["open"], place["closesAt"]) == (True, None)
    assert place["openingHoursText"][0] == "Montag: durchgehend geöffnet"


async def test_lists_are_filtered_paged_and_counted(ask: Ask, store: Any) -> None:
    await store([make_row(f"p{n}", 51.96 + n / 1000, 7.63, category="amt" if n < 2 else "x") for n in range(5)])
    page = (await ask("all(first: 2) { totalCount nodes { name } pageInfo { hasNextPage endCursor } }"))["all"]
    assert (page["totalCount"], [node["name"] for node in page["nodes"]]) == (5, ["p0", "p1"])
    cursor = page["pageInfo"]["endCursor"]
    following = (await ask(f'all(first: 9, after: "{cursor}") {{ nodes {{ name }} }}'))["all"]
    assert [node["name"] for node in following["nodes"]] == ["p2", "p3", "p4"]
    box = 'in(bbox: {south: 51.9595, north: 51.9615, west: 7, east: 8}, category: "amt") { name }'
    assert (await ask(box))["in"] == [{"name": "p0"}, {"name": "p1"}]
    assert (await ask("categories { id name count }"))["categories"] == [
        {"id": "park", "name": "Grünfläche", "count": 0},
        {"id": "amt", "name": "Amt", "count": 2},
        {"id": "other", "name": "Sonstiges", "count": 3},
    ]
    assert (await ask('place(id: "0") { name }')) == {"place": None}
    assert (await ask('search(text: "p3") { name category }'))["search"] == [{"name": "p3", "category": "Sonstiges"}]


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ("near(lat: 91, lon: 7) { name }", "lat: 91.0 is not between -90 and 90"),
        ("near(lat: 51, lon: 200) { name }", "lon: 200.0 is not between -180 and 180"),
        ("near(lat: 51) { name }", "lat, lon: give both, or neither for the city's centre"),
        ("near(first: 101) { name }", "first: 101 is not between 0 and 100"),
        ("near(metres: 0) { name }", "metres: 0.0 is not greater than 0"),
        ("in(bbox: {south: 2, north: 1, west: 7, east: 8}) { name }", "bbox: needs -90 <= south <= north <= 90"),
        ('search(text: "x", first: -1) { name }', "first: -1 is not between 0 and 100"),
    ],
)
async def test_bad_arguments_are_named(ask: Ask, selection: str, message: str) -> None:
    assert await ask(selection) == [message]


async def test_map_and_search_hits_are_places(make_ctx: Any, store: Any) -> None:
    row = make_row("a", 51.96, 7.63)
    await store([row])
    ctx = make_ctx()
    assert plugin.map is not None
    box = BBox(south=51, west=7, north=52, east=8)
    assert [place.title for place in await objects(plugin.map, ctx, box, 10)] == ["a"]
    assert [place.title for place in await objects(plugin.search[0], ctx, [row.id, "gone"])] == ["a"]


async def test_export_is_geojson_that_can_be_imported_again(make_ctx: Any, store: Any) -> None:

    await store([make_row("a", 51.96, 7.63, opening_hours="24/7"), make_row("b", 51.97, 7.63, category="amt")])
    ctx = make_ctx()
    reply = await export(ctx, {}, {"category": "park"})
    assert (reply.media_type, reply.filename) == ("application/geo+json", "teststadt-park.geojson")
    (feature,) = json.loads(reply.content)["features"]
    assert feature["properties"] == {"name": "a", "category": "park", "opening_hours": "24/7"}
    batch = plugin.importers[0].read(make_payload(reply.content), ctx.config.sources[0], ctx)
    assert [(row.name, row.lat, row.lon, row.opening_hours) for row in batch.rows] == [("a", 51.96, 7.63, "24/7")]
    assert len(json.loads((await export(ctx, {}, {})).content)["features"]) == 2
    with pytest.raises(InputError, match="category: 'zoo' is none of amt, other, park"):
        await export(ctx, {}, {"category": "zoo"})


async def test_export_of_very_many_places_lets_others_be_answered_in_between(make_ctx: Any, store: Any) -> None:
    await store([make_row(f"p{n}", 51.9 + n * 1e-6, 7.6, tags={"toilets": "yes"}) for n in range(4000)])
    assert await largest_stretch(export(make_ctx(), {}, {})) < 0.4
    assert len(json.loads((await export(make_ctx(), {}, {})).content)["features"]) == 4000
