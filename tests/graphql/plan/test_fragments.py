"""Rows that are known are not read again, and never shown as they were once something was committed to their table."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from allmende.db.engine import Database
from allmende.graphql import exact
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.plan.lists import TRUST
from sqlalchemy import update

from ..gazette import GazetteNotice, publish
from ..test_exact import taken
from .test_safe import ask, make

SHOWN = "id title published rank position { lat lon } slow"
LIST = f"notices(first: 50) {{ {SHOWN} }}"
PAGE = (
    f"all(first: 3) {{ nodes {{ {SHOWN} }} edges {{ cursor node {{ title }} }} pageInfo {{ endCursor hasNextPage }} }}"
)


@pytest.fixture(autouse=True)
def hears(database: Database) -> None:
    """No listener runs in these tests; nothing is written by another machine either."""
    database.hears = lambda: True


async def interpreted(engine: Engine, selection: str) -> Any:
    engine.plans.on = False
    try:
        return await ask(engine, selection)
    finally:
        engine.plans.on = True


async def test_rows_that_are_known_are_asked_for_by_their_keys(database: Database) -> None:
    """What is read the third time is the key alone; the answer is that of graphql-core all the same."""
    engine = await make(database, *(f"T{number}" for number in range(8)))
    for selection in (LIST, PAGE):
        answers = [await ask(engine, selection) for _ in range(2)]
        with database.count() as statements:
            answers.append(await ask(engine, selection))
        assert answers == [await interpreted(engine, selection)] * 3
        (statement,) = statements
        assert "gazette_notice.id" in statement
        assert "gazette_notice.title" not in statement
    assert engine.plans.planned == 6


async def test_which_rows_and_in_which_order_is_asked_each_time(database: Database) -> None:
    """A list with another limit, or behind a cursor, is put together of the same rows, and reads those that are new."""
    engine = await make(database, *(f"T{number}" for number in range(8)))
    for _ in range(3):
        await ask(engine, LIST)
    few = LIST.replace("50", "$first")
    for first in (50, 50, 50, 3, 1, 0, 7):
        answer = await ask(engine, few, declare="($first: Int!)", first=first)
        assert answer == await interpreted(engine, LIST.replace("50", str(first)))
    every = await interpreted(engine, LIST.replace("notices(first: 50)", "all(first: 5) { nodes") + "}")
    assert len(every["data"]["city"]["bulletin"]["all"]["nodes"]) == 5


async def test_a_committed_change_shows_at_once(database: Database) -> None:
    engine = await make(database, "Alt", "Anderer")
    for _ in range(3):
        await ask(engine, LIST)
        await ask(engine, PAGE)
    async with database.transaction("oben") as session:
        await session.execute(update(GazetteNotice).where(GazetteNotice.title == "Alt").values(title="Neu"))
    await publish(database, "oben", {"title": "Ganz neu"})
    for selection in (LIST, PAGE):
        for _ in range(4):
            answer = await ask(engine, selection)
            assert answer == await interpreted(engine, selection)
            assert '"Alt"' not in str(answer).replace("'", '"')


async def test_a_change_that_nobody_has_heard_of_makes_nothing_known(database: Database) -> None:
    """While the changes of other machines are not heard, everything is read."""
    engine = await make(database, "Alt")
    for _ in range(3):
        await ask(engine, LIST)
    database.hears = lambda: False
    for _ in range(3):
        with database.count() as statements:
            await ask(engine, LIST)
        assert "gazette_notice.title" in statements[-1]


async def test_rows_of_one_language_or_city_are_never_those_of_another(database: Database) -> None:
    engine = await make(database, "Gleich")
    memory = engine.plans.store.rows  # type: ignore[union-attr] # it has a reader
    for language in ("de", "en", "de"):
        for _ in range(3):
            query = f'{{ city(slug: "oben") {{ bulletin {{ {LIST} }} }} }}'
            await engine.execute(Operation(query=query, accept_language=language))
    assert len(memory.lists) == 2
    assert await ask(engine, LIST, "unten") == {"data": {"city": {"bulletin": None}}}


async def test_of_known_rows_that_are_alike_the_first_is_shown(database: Database) -> None:
    """What they agree in is known with them, also where it is not selected."""
    engine = await make(database, *(f"T{number}" for number in range(6)))
    async with database.transaction("oben") as session:
        alike = update(GazetteNotice).where(GazetteNotice.title.in_(["T1", "T3", "T4"])).values(rank=1)
        await session.execute(alike)
    selection = "ofRanks { title slow }"
    answers = [await ask(engine, selection) for _ in range(2)]
    with database.count() as statements:
        answers.append(await ask(engine, selection))
    assert answers == [await interpreted(engine, selection)] * 3
    assert len(answers[0]["data"]["city"]["bulletin"]["ofRanks"]) == 2
    (statement,) = statements
    assert "gazette_notice.rank" not in statement
    async with database.transaction("oben") as session:
        await session.execute(update(GazetteNotice).where(GazetteNotice.title == "T4").values(rank=9))
    for _ in range(3):
        assert await ask(engine, selection) == await interpreted(engine, selection)


async def test_a_single_row_is_asked_for_by_its_key_where_it_has_been_known_for_long(database: Database) -> None:
    """One that nobody asked for before is read again, and then as a whole for a while: a wrong guess costs a second
    statement."""
    engine = await make(database, "Eins", "Zwei")
    answer = await ask(engine, "notices { id }")
    one, two = (each["id"] for each in answer["data"]["city"]["bulletin"]["notices"])

    async def read(id: str) -> list[str]:
        with database.count() as statements:
            answer = await ask(engine, "notice(id: $id) { id title }", declare="($id: ID!)", id=id)
        assert answer == await interpreted(engine, f'notice(id: "{id}") {{ id title }}')
        return statements

    def whole(statement: str) -> bool:
        return "gazette_notice.title" in statement

    for _ in range(TRUST + 1):
        assert [whole(each) for each in await read(one)] == [True]
    assert [whole(each) for each in await read(one)] == [False]
    assert [whole(each) for each in await read("none")] == [False]
    assert [whole(each) for each in await read(two)] == [False, True]
    assert [whole(each) for each in await read(two)] == [True]


async def test_what_depends_on_more_than_the_row_is_made_each_time(database: Database) -> None:
    engine = await make(database, "Oben")
    for _ in range(4):
        with database.count() as statements:
            await ask(engine, "notices { id title loud }")
            await ask(engine, "ranked(least: 0) { id apart }")
        assert "gazette_notice.title" in statements[0]
        assert "gazette_notice.rank" in statements[1]
    assert not engine.plans.store.rows.lists  # type: ignore[union-attr] # it has a reader


async def test_a_row_that_is_known_is_not_made_again_and_none_of_its_values_is_kept(database: Database) -> None:
    """Where the rows are kept as JSON, their instants and steady values would never be asked for again."""
    engine = await make(database, *(f"T{number}" for number in range(8)))
    made: list[int] = []
    for number in range(4):
        if number == 2:
            await publish(database, "oben", {"title": "Neu"})
        for _ in range(2):
            assert await ask(engine, LIST) == await interpreted(engine, LIST)
        (keeping,) = [
            one
            for place in engine.plans.store.places.values()  # type: ignore[union-attr] # it has a reader
            for many in place.modules.values()
            for one in many
        ]
        made.append(len(keeping.fragments[0].rows))
        assert list(map(len, keeping.steady)) == [0]
    assert made == [8, 8, 9, 9]


async def test_a_kept_row_takes_no_more_memory_than_it_is_long(database: Database) -> None:
    """An encoder leaves room behind what it has written: up to half of it."""
    engine = await make(database, *("T" * length for length in range(900, 950)))
    with taken(exact) as bytes_of_rows:
        await ask(engine, LIST)
    (fragments,) = engine.plans.store.rows.lists  # type: ignore[union-attr] # it has a reader
    assert len(fragments.rows) == 50
    assert bytes_of_rows() == sum(map(sys.getsizeof, fragments.rows.values()))


async def test_memory_is_bounded_and_the_list_that_was_asked_for_last_stays(database: Database) -> None:
    engine = await make(database, *(f"T{number}" for number in range(10)))
    memory = engine.plans.store.rows  # type: ignore[union-attr] # it has a reader
    memory.capacity = 12_000
    for number in range(20):
        selection = f"a{number}: {LIST}"
        for _ in range(3):
            await ask(engine, selection)
            assert memory.size <= memory.capacity
            assert memory.size == sum(each.size for each in memory.lists)
        with database.count() as statements:
            await ask(engine, selection)
        assert "gazette_notice.title" not in statements[0]
    assert 1 < len(memory.lists) < 20
    memory.capacity = 100
    for _ in range(3):
        assert await ask(engine, LIST) == await interpreted(engine, LIST)
    assert memory.size == 0
    assert not memory.lists


async def test_nothing_is_kept_where_there_is_no_room(database: Database) -> None:
    engine = await make(database, "Oben")
    engine.plans.store.rows.capacity = 0  # type: ignore[union-attr] # it has a reader
    for _ in range(3):
        with database.count() as statements:
            await ask(engine, LIST)
        assert "gazette_notice.title" in statements[0]
