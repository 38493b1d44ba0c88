"""What can be declared beside lists and rows: pages, second attempts, what all rows share, what a method works out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from allmende.db.engine import Database
from allmende.graphql.execute import Engine, Operation

from ..gazette import make_engine, publish
from .bulletin import BULLETIN
from .test_safe import ask

RANKS = (3, None, 1, 2, None, 3, 4)
PAGE = """all(first: $first, after: $after, least: 0) {
    nodes { title rank apart } edges { cursor node { id published } } pageInfo { hasNextPage hasPreviousPage
    startCursor endCursor } totalCount __typename }"""


@pytest.fixture
async def engine(database: Database) -> Engine:
    days = (datetime(2026, 11, day, tzinfo=UTC) for day in (5, 5, 9, 5, 7, 5, 5))
    notices = ({"title": f"{n}", "rank": rank, "published": next(days)} for n, rank in enumerate(RANKS))
    await publish(database, "oben", *notices)
    await publish(database, "unten", {"title": "Unten", "rank": 1})
    return make_engine(database, BULLETIN)


async def both(engine: Engine, selection: str, **variables: Any) -> Any:
    """The answer, which is the same with plans and without."""
    bodies = []
    for on in (False, True):
        engine.plans.on = on
        bodies.append(await ask(engine, selection, **variables))
    assert bodies[0] == bodies[1]
    return bodies[1]["data"]["city"]["bulletin"]


async def test_pages_of_a_plan_are_those_of_the_reference(engine: Engine) -> None:
    """Turned to the end: ties are broken by the next column, and every page is planned."""
    after, seen, turned = None, [], 0
    while after is not None or not turned:
        page = (await both(engine, PAGE, declare="($first: Int!, $after: String)", first=2, after=after))["all"]
        assert (page["totalCount"], page["pageInfo"]["hasPreviousPage"]) == (5, turned > 0)
        turned += 1
        assert [edge["cursor"] for edge in page["edges"]][-1] == page["pageInfo"]["endCursor"]
        seen += [(node["rank"], node["apart"]) for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
    assert seen == [(1, 1), (2, 2), (3, 3), (3, 3), (4, 4)]
    assert engine.plans.planned == turned == 3


async def test_nulls_come_last_in_pages_of_a_plan(engine: Engine) -> None:
    page = (await both(engine, "all(first: 5) { nodes { rank } pageInfo { endCursor } }"))["all"]
    assert [node["rank"] for node in page["nodes"]] == [1, 2, 3, 3, 4]
    rest = f'all(first: 5, after: "{page["pageInfo"]["endCursor"]}") {{ nodes {{ rank }} totalCount }}'
    assert (await both(engine, rest))["all"] == {"nodes": [{"rank": None}, {"rank": None}], "totalCount": 7}


@pytest.mark.parametrize(
    ("selection", "statements"),
    [
        ("all { totalCount }", ["count"]),
        ("all { nodes { id } }", ["rows"]),
        ("all { pageInfo { hasNextPage } }", ["rows"]),
        ("all { totalCount nodes { id } }", ["rows", "count"]),
    ],
)
async def test_only_what_is_selected_of_a_page_is_asked_for(
    engine: Engine, database: Database, selection: str, statements: list[str]
) -> None:
    with database.count() as asked:
        await ask(engine, selection)
    assert engine.plans.planned == 1
    together = database.reader.postgresql is not None
    assert len(asked) == (1 if together else len(statements))
    assert ("count(" in " ".join(asked)) is ("count" in statements)


async def test_pages_that_are_too_long_or_begin_nowhere_are_refused_as_without_plans(engine: Engine) -> None:
    for selection, code in (
        ("all(first: 6) { totalCount }", "BAD_FIRST"),
        ('all(after: "x") { totalCount }', "BAD_CURSOR"),
    ):
        for on in (False, True):
            engine.plans.on = on
            body = await ask(engine, selection)
            assert body["errors"][0]["extensions"]["code"] == code
    assert engine.plans.planned == 0


async def test_a_second_statement_is_asked_where_the_first_finds_too_little(engine: Engine, database: Database) -> None:
    shown = "{ rank apart }"
    assert (await both(engine, f"ranked(least: 3) {shown}"))["ranked"] == [{"rank": 3, "apart": 0}] * 2
    few = [{"rank": 1, "apart": -3}, {"rank": 2, "apart": -2}]
    assert (await both(engine, f"ranked(least: 4) {shown}"))["ranked"] == few
    assert engine.plans.planned == 2
    for least, times in ((3, 1), (4, 2)):
        with database.count() as asked:
            await ask(engine, f"ranked(least: {least}) {shown}")
        assert len(asked) == times


CHILDREN = "title peers { title slow } few: peers(first: 1) { title } peer { slow title }"


async def test_children_are_read_for_all_rows_of_a_list_together(engine: Engine, database: Database) -> None:
    """One more statement for each selection of them, planned or not; another city's rows of that rank do not show."""
    found = (await both(engine, f"notices {{ {CHILDREN} }}"))["notices"]
    assert {one["title"]: ([each["title"] for each in one["peers"]], one["few"]) for one in found} == {
        "0": (["0", "5"], [{"title": "0"}]),
        "1": ([], []),
        "2": (["2"], [{"title": "2"}]),
        "3": (["3"], [{"title": "3"}]),
        "4": ([], []),
        "5": (["0", "5"], [{"title": "0"}]),
        "6": (["6"], [{"title": "6"}]),
    }
    assert [one["peer"]["slow"] for one in found] == [one["title"] for one in found]
    for on, statements in ((False, 3), (True, 3)):
        engine.plans.on = on
        with database.count() as asked:
            await ask(engine, f"notices {{ {CHILDREN} }}")
        assert len(asked) == statements


@pytest.mark.parametrize("field", ["notices", "read"])
async def test_what_no_statement_says_is_read_once_for_all_rows_of_a_list(
    engine: Engine, database: Database, field: str
) -> None:
    """In lists of a statement, and in those that a method has read; by the reference, as it is no matter of plans."""
    with database.count() as asked:
        body = await ask(engine, f"{field} {{ rank crowd peers {{ title }} apart }}")
    found = body["data"]["city"]["bulletin"][field]
    assert [(one["rank"], one["crowd"]) for one in found if one["rank"] == 3] == [(3, 2)] * 2
    assert {one["apart"] for one in found if one["rank"] == 3} == {2 if field == "read" else None}
    assert (len(asked), engine.plans.planned) == (3, 0)


async def test_pages_have_children_too_each_selection_its_own(engine: Engine) -> None:
    page = "nodes { title peers { title } slow } edges { node { slow peers(first: 1) { slow } } cursor }"
    found = (await both(engine, f"all(first: 4) {{ {page} }}"))["all"]
    assert [len(one["peers"]) for one in found["nodes"]] == [1, 1, 2, 2]
    assert [len(edge["node"]["peers"]) for edge in found["edges"]] == [1, 1, 1, 1]
    assert engine.plans.planned == 1


async def test_the_same_row_as_another_type_has_what_the_list_shares(engine: Engine) -> None:
    found = (await both(engine, "ranked(least: 2) { apart peer { apart } }"))["ranked"]
    assert [one["peer"]["apart"] for one in found] == [one["apart"] for one in found] == [0, 1]
    assert engine.plans.planned == 1


async def test_a_list_without_rows_asks_for_no_children_and_wrong_arguments_are_the_references(
    engine: Engine, database: Database
) -> None:
    with database.count() as asked:
        body = await ask(engine, "notices(first: 0) { peers { title } }")
    assert (body["data"]["city"]["bulletin"], len(asked)) == ({"notices": []}, 1)
    assert (await both(engine, 'notice(id: "x") { peers { title } }'))["notice"] is None
    bodies = []
    for on in (False, True):
        engine.plans.on = on
        bodies.append(await ask(engine, "notices { title peers(first: 6) { title } }"))
        assert bodies[-1]["errors"][0]["extensions"]["code"] == "BAD_FIRST"
    assert bodies[0]["data"] == bodies[1]["data"]


async def test_what_a_method_works_out_is_part_of_the_plan(engine: Engine) -> None:
    found = await both(engine, "count { total __typename } notices(first: 1) { title }")
    assert found["count"] == {"total": 7, "__typename": "BulletinCount"}
    ((plan,),) = (entry.cases.values() for entry in engine.plans.entries.values())
    assert plan is not None
    assert plan.rest is None


@pytest.mark.parametrize("field", ["secret", "laterSecret"])
async def test_what_is_not_for_everybody_is_no_matter_of_plans(engine: Engine, field: str) -> None:
    for on in (False, True):
        engine.plans.on = on
        body = await ask(engine, f"{field} notices(first: 1) {{ title }}")
        assert body["data"]["city"]["bulletin"] == {field: None, "notices": [{"title": "2"}]}
        assert body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("selection", "planned"),
    [
        ("cities(first: 1) { totalCount nodes { slug name position { lat } } pageInfo { hasNextPage endCursor } }", 1),
        ('cities(search: "unter") { edges { cursor node { name } } __typename } city(slug: "oben") { name }', 1),
        ("cities(near: { lat: 52, lon: 7 }) { nodes { slug language } }", 1),
        ("cities { nodes { slug bulletin { count { total } } } }", 0),
        ("cities(first: 101) { nodes { slug } }", 0),
        ('cities(after: "x") { totalCount }', 0),
    ],
)
async def test_the_directory_of_cities_is_shown_by_a_plan_without_a_statement(
    engine: Engine, database: Database, selection: str, planned: int
) -> None:
    bodies = []
    for on in (False, True):
        engine.plans.on = on
        with database.count() as asked:
            bodies.append((await engine.execute(Operation(query=f"{{ {selection} }}", accept_language="en"))).body)
    assert bodies[0] == bodies[1]
    assert (engine.plans.planned, planned and asked) == (planned, planned and [])
