"""`City.waste` on a real database: streets, addresses, pickups, notices, errors, and the number of statements."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from allmende import Context
from allmende.db.engine import Database
from strawberry.types import ExecutionResult

from plugins.waste.config import DatesSource, Fraction, StreetsSource
from plugins.waste.home import HOME, defaults

BERLIN = ZoneInfo("Europe/Berlin")
STREETS = """Straße;Nr;Ort;Bezirk
Domplatz;;;1
Kölner Str.;;;1
Marktstraße;1-27 ungerade;;1
Marktstraße;2-28 gerade;;2
Marktstraße;12a-12f;;3
Hauptstraße;;Nord;1
Hauptstraße;;Süd;2
Große Gasse;;;2
"""
DATES = """Datum;Bezirk;Abfall
16.11.2026;1;Restmüll
23.11.2026;1;Restmüll 2-wöchentlich
23.11.2026;2;Bio
24.11.2026;3;Papier
30.11.2026;1;Restmüll
7.12.2026;1;Restmüll
14.12.2026;1;Restmüll
21.12.2026;1;Restmüll
21.12.2026;2;Bio
9.1.2027;1;Weihnachtsbäume
"""
ERROR = Callable[[Context[Any], str], Awaitable[tuple[str, str]]]
Ask = Callable[[Context[Any], str], Awaitable[Any]]


@pytest_asyncio.fixture
async def ctx(
    database: Database, context: Callable[..., Any], store: Callable[..., Any]
) -> AsyncIterator[Context[Any]]:
    made = context(database)
    await store(made, StreetsSource(id="strassen", file="f", place="Ort", numbers="Nr"), STREETS)
    await store(made, DatesSource(id="termine", file="f", date="Datum", district="Bezirk", fraction="Abfall"), DATES)
    yield made


@pytest.fixture
def error(run: Callable[..., Awaitable[ExecutionResult]]) -> ERROR:
    async def first(ctx: Context[Any], selection: str) -> tuple[str, str]:
        answer = await run(ctx, selection)
        assert answer.errors is not None
        cause: Any = answer.errors[0].original_error
        return cause.code, cause.message

    return first


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Domp", ["Domplatz"]),
        ("koelner strasse", ["Kölner Str."]),
        ("GROSSE", ["Große Gasse"]),
        ("markt", ["Marktstraße"]),
        ("gasse", ["Große Gasse"]),
        ("str", ["Hauptstraße (Nord)", "Hauptstraße (Süd)", "Kölner Str.", "Marktstraße"]),
        ("%", ["Domplatz", "Große Gasse", "Hauptstraße (Nord)", "Hauptstraße (Süd)", "Kölner Str.", "Marktstraße"]),
        ("xyz", []),
    ],
)
async def test_streets_are_found_in_any_spelling(ctx: Context[Any], ask: Ask, typed: str, found: list[str]) -> None:
    data = await ask(ctx, f'streets(search: "{typed}") {{ title }}')
    assert [street["title"] for street in data["streets"]] == found


async def test_home_operation_gives_date_fraction_and_colour(ctx: Context[Any], ask: Ask) -> None:
    data = await ask(ctx, 'pickups(street: "Domplatz", days: 14) { date fraction { name colour } }')
    rest = {"name": "Restmüll", "colour": "#4a4a4a"}
    assert data == {"pickups": [{"date": "2026-11-23", "fraction": rest}, {"date": "2026-11-30", "fraction": rest}]}


@pytest.mark.parametrize(
    ("arguments", "dates"),
    [
        ('street: "Marktstraße 3"', ["rest"]),
        ('street: "Marktstr.", houseNumber: "27b"', ["rest"]),
        ('street: "marktstrasse 12"', ["bio"]),
        ('street: "Marktstraße", houseNumber: "12 c"', ["paper"]),
        ('street: "Hauptstraße (Süd)"', ["bio"]),
        ('street: "Hauptstrasse (nord) 5"', ["rest"]),
        ('street: "Hauptstr. 5, Süd"', ["bio"]),
        ('street: "Hauptstr. 5, 12345 Adorf-Nord"', ["rest"]),
        ('street: "Domplatz 5, 12345 Adorf"', ["rest"]),
        ('district: "3"', ["paper"]),
        ('district: "9"', []),
    ],
)
async def test_address_leads_to_its_district(ctx: Context[Any], ask: Ask, arguments: str, dates: list[str]) -> None:
    data = await ask(ctx, f"pickups({arguments}, days: 2) {{ fraction {{ id }} }}")
    assert [pickup["fraction"]["id"] for pickup in data["pickups"]] == dates


async def test_street_id_stands_for_the_street(ctx: Context[Any], ask: Ask) -> None:
    (street,) = (await ask(ctx, 'streets(search: "Markt") { id needsHouseNumber ranges { numbers districts } }'))[
        "streets"
    ]
    assert street["needsHouseNumber"] is True
    assert street["ranges"] == [
        {"numbers": "1-27 ungerade", "districts": ["1"]},
        {"numbers": "2-28 gerade", "districts": ["2"]},
        {"numbers": "12a-12f", "districts": ["3"]},
    ]
    data = await ask(ctx, f'pickups(streetId: "{street["id"]}", houseNumber: "4", days: 1) {{ fraction {{ id }} }}')
    assert data["pickups"] == [{"fraction": {"id": "bio"}}]


@pytest.mark.parametrize(
    ("selection", "code", "message"),
    [
        (
            'pickups(street: "Dommplatz") { id }',
            "WASTE_STREET_UNKNOWN",
            "street: 'Dommplatz' is not in the calendar; do you mean Domplatz?",
        ),
        ('pickups(street: "Q") { id }', "WASTE_STREET_UNKNOWN", "street: 'Q' is not in the calendar"),
        (
            'pickups(street: "Marktstraße") { id }',
            "WASTE_HOUSE_NUMBER_NEEDED",
            "houseNumber: Marktstraße has several districts, so the house number is needed "
            "(1-27 ungerade: 1; 2-28 gerade: 2; 12a-12f: 3)",
        ),
        (
            'pickups(street: "Marktstraße 99") { id }',
            "WASTE_HOUSE_NUMBER_UNKNOWN",
            "houseNumber: Marktstraße has no number 99 in the calendar (1-27 ungerade: 1; 2-28 gerade: 2; 12a-12f: 3)",
        ),
        (
            'pickups(street: "Marktstraße", houseNumber: "hinten") { id }',
            "WASTE_HOUSE_NUMBER_INVALID",
            "houseNumber: 'hinten' is not a house number such as 12 or 12a",
        ),
        (
            'pickups(street: "Hauptstraße") { id }',
            "WASTE_STREET_AMBIGUOUS",
            "street: 'Hauptstraße' exists more than once: Hauptstraße (Nord), Hauptstraße (Süd)",
        ),
        ("pickups { id }", "WASTE_ADDRESS_NEEDED", "street: give a street, or a district (1, 2, 3)"),
        ('pickups(street: "Domplatz", days: 0) { id }', "BAD_INPUT", "days: 0 is not between 1 and 730"),
        (
            'pickups(street: "Domplatz", fractions: ["lava"]) { id }',
            "BAD_INPUT",
            "fractions: 'lava' is unknown; there are rest, bio, paper, packaging, recyclables, glass, green, trees, "
            "bulky, hazardous, electrical",
        ),
        ("streets(first: -1) { id }", "BAD_FIRST", "first: -1 is not between 0 and 1000"),
    ],
)
async def test_bad_input_is_explained(ctx: Context[Any], error: ERROR, selection: str, code: str, message: str) -> None:
    assert await error(ctx, selection) == (code, message)


async def test_unknown_address_leaves_the_rest_of_the_answer(
    ctx: Context[Any], run: Callable[..., Awaitable[ExecutionResult]]
) -> None:
    answer = await run(ctx, 'pickups(street: "Nirgends") { id } streets(first: 1) { title }')
    assert answer.data == {"waste": {"pickups": None, "streets": [{"title": "Domplatz"}]}}


async def test_pickup_tells_everything_about_itself(
    database: Database, context: Callable[..., Any], ask: Ask, ctx: Context[Any]
) -> None:
    english = context(database, language="en", reminder_hour=19, fractions={"rest": Fraction(colour="#ffee00")})
    selection = """pickups(street: "Domplatz", days: 1) {
        date note shifted shiftedFrom reminders fraction { id textColour icon hints { belongs excluded } } }"""
    assert (await ask(english, selection))["pickups"] == [
        {
            "date": "2026-11-23",
            "note": "2-wöchentlich",
            "shifted": False,
            "shiftedFrom": None,
            "reminders": ["2026-11-22T19:00:00+01:00", "2026-11-23T06:00:00+01:00"],
            "fraction": {
                "id": "rest",
                "textColour": "#000000",
                "icon": "🗑",
                "hints": {
                    "belongs": "Ash, hygiene products, vacuum cleaner bags, soiled paper",
                    "excluded": "Batteries, electrical devices and hazardous waste (recycling centre), packaging, "
                    "glass",
                },
            },
        }
    ]


async def test_reminders_follow_summer_time(
    database: Database, context: Callable[..., Any], store: Callable[..., Any], ask: Ask
) -> None:
    """On Sunday 29 March 2026 the clocks go forward: the evening before is still winter time."""
    ctx = context(database, now=datetime(2026, 3, 28, 12, tzinfo=BERLIN))
    await store(ctx, DatesSource(id="t", file="f", date="Datum", fraction="Abfall"), "Datum;Abfall\n29.3.2026;Bio\n")
    data = await ask(ctx, "pickups { reminders }")
    assert data["pickups"] == [{"reminders": ["2026-03-28T18:00:00+01:00", "2026-03-29T06:00:00+02:00"]}]


async def test_from_and_fractions_narrow_the_pickups(ctx: Context[Any], ask: Ask) -> None:
    data = await ask(ctx, 'pickups(street: "Domplatz", from: "2026-12-20", days: 60, fractions: ["trees"]) { date }')
    assert data["pickups"] == [{"date": "2027-01-09"}]


@pytest.mark.parametrize(
    ("now", "codes"),
    [
        (datetime(2026, 11, 30, 23, 59, tzinfo=BERLIN), []),
        (datetime(2026, 12, 1, 0, 0, tzinfo=BERLIN), ["MISSING_NEXT_YEAR"]),
        (datetime(2027, 1, 1, 0, 0, tzinfo=BERLIN), ["CALENDAR_ENDED"]),
    ],
)
async def test_citizens_see_when_next_year_is_missing(
    database: Database, ctx: Context[Any], context: Callable[..., Any], ask: Ask, now: datetime, codes: list[str]
) -> None:
    """January's Christmas trees do not hide that the regular dates end in December."""
    later = context(database, now=now)
    data = await ask(later, 'calendarUntil(street: "Domplatz") notices(street: "Domplatz") { code }')
    assert data["calendarUntil"] == "2026-12-31"
    assert [notice["code"] for notice in data["notices"]] == codes


async def test_pickups_take_two_statements(database: Database, ctx: Context[Any], ask: Ask) -> None:
    with database.count() as statements:
        await ask(ctx, 'pickups(street: "Marktstraße 3") { id date fraction { name } }')
    assert len(statements) == 2


async def test_home_screen_takes_four_statements(database: Database, ctx: Context[Any], ask: Ask) -> None:
    """Address, pickups, known-until (shared with the notices), streets; whatever the number of pickups."""
    chosen = await defaults(ctx)
    assert chosen == {"waste_street": "Domplatz"}
    selection = HOME.selection.replace("$waste_street", '"Domplatz"').replace("$waste_district", "null")
    with database.count() as statements:
        data = await ask(ctx, selection)
    assert len(statements) == 4
    assert (data["address"], len(data["pickups"]), len(data["streets"])) == ({"label": "Domplatz"}, 2, 6)


async def test_same_pickup_from_two_sources_is_shown_once(
    ctx: Context[Any], store: Callable[..., Any], ask: Ask
) -> None:
    source = DatesSource(id="neu", file="f", date="Datum", district="Bezirk", fraction="Abfall")
    await store(ctx, source, "Datum;Bezirk;Abfall\n30.11.2026;1;Restmüll\n")
    data = await ask(ctx, 'pickups(street: "Domplatz", days: 14) { date }')
    assert [pickup["date"] for pickup in data["pickups"]] == ["2026-11-23", "2026-11-30"]


async def test_fractions_are_the_city_s_in_its_order(context: Callable[..., Any], ask: Ask) -> None:
    ctx = context(fractions={"paper": Fraction(name="Blaue Tonne"), "rest": Fraction()})
    data = await ask(ctx, "fractions { id name }")
    assert data["fractions"] == [{"id": "paper", "name": "Blaue Tonne"}, {"id": "rest", "name": "Restmüll"}]


async def test_season_that_ends_in_autumn_does_not_end_the_calendar(
    database: Database, context: Callable[..., Any], store: Callable[..., Any], ask: Ask
) -> None:
    ctx = context(database)
    source = DatesSource(id="t", file="f", date="Datum", fraction="Abfall")
    rest = "".join(f"{day}.12.2027;Rest-\n" for day in (1, 8, 15, 22))
    await store(
        ctx,
        source,
        f"Datum;Abfall\n1.9.2027;Laub Bio\n{rest}" + "".join(f"{day}.10.2027;Grünschnitt\n" for day in (1, 8, 15, 22)),
    )
    assert await ask(ctx, "calendarUntil notices { code }") == {"calendarUntil": "2027-12-31", "notices": []}
