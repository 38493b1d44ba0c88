"""Parking, imported and asked as in production, on both databases: numbers, staleness, trend, opening, distance."""

from __future__ import annotations

from pathlib import Path

from allmende.testing import Town

PAYLOADS = Path(__file__).parent / "payloads"
PARKS = "parking { carParks { name free capacity open stale trend maxHeight updatedAt } }"


async def test_car_parks_are_imported_and_what_is_none_is_refused_with_its_place(town: Town) -> None:
    run = (await town.replay("parking", PAYLOADS, kind="csv"))["sample.csv"]
    assert (run.status, run.added) == ("fresh", 3)
    assert [(refusal.place, refusal.reason) for refusal in run.refusals] == [
        ("line 5", "has no name (looked for name)"),
        ("line 6", "'Ferienparkplatz' at 54.40000, 10.20000 is outside the city's box"),
    ]


async def test_numbers_come_with_their_age_and_closed_is_not_empty(town: Town) -> None:
    await town.replay("parking", PAYLOADS, kind="csv")
    with town.count() as statements:
        parks = (await town.ask(PARKS))["parking"]["carParks"]
    assert len(statements) == 2, "the car parks, and the readings of half an hour ago"
    assert {park["name"]: park for park in parks} == {
        "Tiefgarage Rathaus": {
            "name": "Tiefgarage Rathaus", "free": 64, "capacity": 210, "open": True, "stale": False, "trend": None,
            "maxHeight": 2.0, "updatedAt": "2026-11-23T11:55:00+01:00",
        },
        "Parkhaus Bahnhof": {
            "name": "Parkhaus Bahnhof", "free": 0, "capacity": 480, "open": False, "stale": True, "trend": None,
            "maxHeight": 2.1, "updatedAt": "2026-11-23T09:00:00+01:00",
        },
        "Parkplatz Seepark": {
            "name": "Parkplatz Seepark", "free": None, "capacity": 120, "open": None, "stale": False, "trend": None,
            "maxHeight": None, "updatedAt": None,
        },
    }  # fmt: skip


async def test_a_number_grows_stale_while_nobody_measures(town: Town) -> None:
    await town.replay("parking", PAYLOADS, kind="csv")
    town.wait(minutes=20)
    parks = (await town.ask("parking { carParks(free: true) { name free stale } }"))["parking"]["carParks"]
    assert parks == [{"name": "Tiefgarage Rathaus", "free": 64, "stale": True}]


async def test_the_trend_comes_from_what_was_free_half_an_hour_ago(town: Town) -> None:
    await town.replay("parking", PAYLOADS, kind="csv")
    await town.work("parking", "remember")
    town.wait(minutes=25)
    table = (PAYLOADS / "sample.csv").read_text().replace(";210;64;", ";210;12;").replace(";480;0;", ";480;4;")
    town.write("data/sample.csv", table)
    await town.load("parking")
    parks = (await town.ask("parking { carParks { name trend } }"))["parking"]["carParks"]
    assert parks == [
        {"name": "Parkhaus Bahnhof", "trend": "STEADY"},
        {"name": "Parkplatz Seepark", "trend": None},
        {"name": "Tiefgarage Rathaus", "trend": "FALLING"},
    ]
    town.wait(hours=2)
    await town.work("parking", "remember")
    assert {p["trend"] for p in (await town.ask(PARKS))["parking"]["carParks"]} == {None, "STEADY"}


async def test_the_nearest_come_first_with_their_distance(town: Town) -> None:
    await town.replay("parking", PAYLOADS, kind="csv")
    answer = await town.ask("parking { near(lat: 51.957, lon: 7.635, first: 2) { name distance } }")
    near = [(park["name"], round(park["distance"])) for park in answer["parking"]["near"]]
    assert near == [("Parkhaus Bahnhof", 0), ("Tiefgarage Rathaus", 522)]


async def test_search_map_and_document_show_them_too(town: Town) -> None:
    await town.replay("parking", PAYLOADS, kind="csv")
    box = "bbox: { south: 51.9, west: 7.6, north: 52, east: 7.7 }"
    hit = "... on ParkingCarPark { free }"
    pin = "... on ParkingPin { carPark { name } }"
    answer = await town.ask(f'search(text: "rathausplatz") {{ title {hit} }} map({box}) {{ module {pin} }}')
    assert answer["search"] == [{"title": "Tiefgarage Rathaus", "free": 64}]
    assert sorted(each["carPark"]["name"] for each in answer["map"]) == [
        "Parkhaus Bahnhof", "Parkplatz Seepark", "Tiefgarage Rathaus"
    ]  # fmt: skip
    reply = await town.document("parking", "car-parks.geojson")
    assert reply.media_type == "application/geo+json"
    assert str(reply.content).count('"Feature"') == 3


async def test_one_car_park_is_found_by_its_id_and_nothing_by_another(town: Town) -> None:
    await town.replay("parking", PAYLOADS, kind="csv")
    first = (await town.ask("parking { carParks(first: 1) { id name } }"))["parking"]["carParks"][0]
    answer = await town.ask(f'parking {{ carPark(id: "{first["id"]}") {{ name }} }}')
    assert answer == {"parking": {"carPark": {"name": "Parkhaus Bahnhof"}}}
    assert await town.ask('parking { carPark(id: "0") { name } }') == {"parking": {"carPark": None}}


async def test_a_web_page_instead_of_the_table_changes_nothing(town: Town) -> None:
    await town.replay("parking", PAYLOADS, kind="csv")
    town.write("data/sample.csv", "<html>503</html>\n<p>\n")
    run = (await town.load("parking"))["sample-csv"]
    assert (run.status, run.reason.split(" (")[0]) == ("failed", "line 1: has none of the columns name")
    assert len((await town.ask(PARKS))["parking"]["carParks"]) == 3


async def test_another_city_sees_nothing_of_it(town: Town) -> None:
    await town.replay("parking", PAYLOADS, kind="csv")
    neighbour = town.neighbour()
    assert await neighbour.ask(PARKS) == {"parking": None}, "off means off"
    neighbour.switch_on("parking")
    assert await neighbour.ask(PARKS) == {"parking": {"carParks": []}}


async def test_the_preview_speaks_both_languages(town: Town) -> None:
    town.switch_on("parking")
    assert await town.preview("parking") == '<p class="muted">Zurzeit sind keine Parkhäuser bekannt.</p>'
    await town.replay("parking", PAYLOADS, kind="csv")
    german, english = await town.preview("parking"), await town.preview("parking", "en")
    assert ("64 von 210 frei" in german, "geschlossen" in german, "120 Plätze" in german) == (True, True, True)
    assert ("64 of 210 free" in english, "height limit 2 m" in english) == (True, True)
