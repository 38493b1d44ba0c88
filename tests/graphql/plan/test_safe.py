"""Plans under attack: no other city's row, no statement past the compiler, no failure that an app would notice."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from allmende.db.direct import postgresql as driver
from allmende.db.direct.reader import Ask
from allmende.db.direct.statement import Unplannable, compile_text, gather, is_city
from allmende.db.engine import Database
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.plan import store
from sqlalchemy import Select, func, literal_column, select, text

from ..gazette import GazetteNotice, make_engine, publish
from .bulletin import BULLETIN, newest

FIELDS = "id title published rank position { lat lon } loud"


async def make(database: Database, *titles: str) -> Engine:
    """Each title is a notice of `oben`; `unten` has one of its own."""
    await publish(database, "oben", *({"title": title} for title in titles or ("Oben",)))
    await publish(database, "unten", {"title": "Unten"})
    return make_engine(database, BULLETIN)


async def ask(engine: Engine, selection: str, slug: str = "oben", **variables: Any) -> Any:
    query = f"query {variables.pop('declare', '')} {{ city(slug: {slug!r}) {{ bulletin {{ {selection} }} }} }}"
    return (await engine.execute(Operation(query=query.replace("'", '"'), variables=variables))).body


async def test_a_plan_shows_the_rows_of_its_city_only(database: Database) -> None:
    engine = await make(database)
    body = await ask(engine, "notices { title }")
    assert body == {"data": {"city": {"bulletin": {"notices": [{"title": "Oben"}]}}}}
    (other,) = await publish(database, "unten", {"title": "Geheim"})
    body = await ask(engine, "notice(id: $id) { title }", declare="($id: ID!)", id=other)
    assert body == {"data": {"city": {"bulletin": {"notice": None}}}}
    assert await ask(engine, "stolen(city: 'unten') { title }") == {"data": {"city": {"bulletin": {"stolen": []}}}}
    assert engine.plans.planned == 3


async def test_a_module_that_is_off_is_null_in_a_plan_too(database: Database) -> None:
    engine = await make(database)
    assert await ask(engine, "notices { title }", "unten") == {"data": {"city": {"bulletin": None}}}
    assert engine.plans.planned == 1


async def test_connections_of_plans_show_nothing_without_a_city_and_keep_none(database: Database) -> None:
    engine = await make(database)
    await ask(engine, "notices { title }")
    connections = database.reader.postgresql
    if connections is None:
        pytest.skip("row-level security is PostgreSQL's")
    assert await connections.fetch("SELECT title FROM gazette_notice", [], 5) == []
    setting = "SELECT coalesce(current_setting('allmende.city', true), '') AS city"
    assert [row["city"] for row in await connections.fetch(setting, [], 5)] == [""]


@pytest.mark.parametrize(
    "statement",
    [
        select(func.now()),
        select(GazetteNotice).where(text("1 = 1")),
        select(GazetteNotice).where(literal_column("(SELECT 1)") == 1),
        select(GazetteNotice).where(func.set_config("allmende.city", "unten", True) == "unten"),
    ],
)
async def test_a_statement_that_could_step_out_of_its_city_is_not_planned(
    database: Database, statement: Select[Any]
) -> None:
    column = GazetteNotice.id if "gazette" in str(statement) else func.now()
    with pytest.raises(Unplannable):
        compile_text(statement, [column], database.reader.dialect)


async def test_every_planned_statement_is_bound_to_the_city(database: Database) -> None:
    prepared = newest(first=3)
    compiled = database.reader.compile(prepared, [GazetteNotice.id])
    assert "gazette_notice.city = " in compiled.sql
    for to_server in (False, True):
        bound = gather([(prepared, compiled.slots)], to_server=to_server)("oben", prepared.values)
        assert bound[0 if to_server else [is_city(slot) for slot in compiled.slots].index(True)] == "oben"
    assert compiled.tables == {"gazette_notice"}


async def test_what_a_plan_cannot_do_is_answered_as_without_plans(database: Database) -> None:
    """Undeclared fields, values that are not as declared, and everything that raises."""
    engine = await make(database, "Oben", "Nothing", "Broken")
    for selection in ("notices { title quiet }", "notices { loud }", "notices(first: -1) { id }", "exits { id }"):
        bodies = []
        for on in (False, True):
            engine.plans.on = on
            body = await ask(engine, selection)
            for error in body.get("errors", ()):
                error["extensions"].pop("id", None)
                error["message"] = error["message"].partition(" (")[0]
            bodies.append(body)
        assert bodies[0] == bodies[1], selection
    assert engine.plans.planned == 0


async def test_steady_values_are_kept_within_bounds(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many plans and rows there are; and what was forgotten comes out the same."""
    monkeypatch.setattr(store, "VALUES", 12)
    engine = await make(database, *(f"T{number}" for number in range(10)))
    engine.plans.store.rows.capacity = 0  # where rows are kept, no values are
    expected = sorted(f"T-{number}" for number in range(10))
    for number in range(20):
        body = await ask(engine, f"a{number}: notices(first: 10) {{ slow }}")
        assert sorted(one["slow"] for one in body["data"]["city"]["bulletin"][f"a{number}"]) == expected
        kept = [
            one
            for place in engine.plans.store.places.values()
            for many in place.modules.values()
            for one in many[0].steady
        ]
        assert 0 < sum(map(len, kept)) < 12 + 10
    assert engine.plans.planned == 20


async def test_lists_of_one_city_take_one_round_trip_on_postgresql(database: Database) -> None:
    engine = await make(database)
    with database.count() as statements:
        body = await ask(engine, f"a: notices {{ {FIELDS} }} b: notices(first: 1) {{ id }} c: notice(id: 'x') {{ id }}")
    assert body["data"]["city"]["bulletin"]["c"] is None
    assert len(body["data"]["city"]["bulletin"]["a"]) == 1
    assert len(statements) == (2 if database.reader.postgresql else 3)  # `c` has no LIMIT, so it goes by itself


async def test_many_at_once_share_a_bounded_number_of_connections(database: Database) -> None:
    engine = await make(database)
    bodies = await asyncio.gather(*(ask(engine, "notices { title }") for _ in range(60)))
    assert bodies == [{"data": {"city": {"bulletin": {"notices": [{"title": "Oben"}]}}}}] * 60
    connections = database.reader.postgresql
    if connections is not None:
        assert (len(connections.free) <= 5, len(connections.free) + connections.room) == (True, 5)


async def test_who_waits_for_a_connection_is_not_overtaken_and_none_is_lost(postgresql_url: str) -> None:
    """Each asks again as soon as it has its answer: who waits would be passed by, if nobody held the places."""
    database = Database(postgresql_url, pool_size=2)
    connections = database.reader.postgresql
    assert connections is not None
    order: list[int] = []

    async def ask(who: int, times: int) -> None:
        for _ in range(times):
            await connections.fetch("SELECT 1", (), 10)
            order.append(who)

    await asyncio.gather(ask(0, 1), ask(1, 1))  # both connections are there
    order.clear()
    await asyncio.gather(*(ask(who, 20) for who in range(8)))
    # Of the first half each has about ten; where places are not held, two have all their twenty before others have one.
    assert max(order[:80].count(who) for who in range(8)) <= 15, order
    late = (connections.fetch("SELECT pg_sleep(2)", (), 0.2) for _ in range(6))
    assert {type(each) for each in await asyncio.gather(*late, return_exceptions=True)} == {TimeoutError}
    waiters = [asyncio.ensure_future(connections.fetch("SELECT pg_sleep(0.2)", (), 5)) for _ in range(6)]
    await asyncio.sleep(0.1)
    for waiter in waiters[1:5]:
        waiter.cancel()
    await asyncio.gather(*waiters, return_exceptions=True)
    assert (len(connections.free) + connections.room, len(connections.waiting)) == (2, 0)
    await database.close()


async def test_connections_are_opened_one_after_the_other_and_as_many_as_are_needed(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten that begin at once, when many come after a quiet time, keep PostgreSQL from answering anybody."""
    database = Database(postgresql_url, pool_size=5)
    connections = database.reader.postgresql
    assert connections is not None
    connect, opening, most = driver._connect, set(), []

    async def counted(options: Any) -> Any:
        this = object()
        opening.add(this)
        most.append(len(opening))
        try:
            return await connect(options)
        finally:
            opening.discard(this)

    monkeypatch.setattr(driver, "_connect", counted)
    held = [asyncio.ensure_future(connections.fetch("SELECT pg_sleep(60)", (), 60)) for _ in range(4)]
    await asyncio.sleep(0)  # they are asked for first
    assert len(await connections.fetch("SELECT 1", (), 10)) == 1  # the fifth connection
    assert most == [1] * 5
    for each in held:
        each.cancel()
    await asyncio.gather(*held, return_exceptions=True)
    assert len(await asyncio.gather(*(connections.fetch("SELECT 1", (), 10) for _ in range(50)))) == 50
    assert set(most) == {1}
    await database.close()
    assert (connections.room, connections.opening, len(connections.waiting)) == (5, False, 0)


async def test_postgresql_plans_a_statement_once_for_all_its_executions(postgresql_url: str) -> None:
    database = Database(postgresql_url, pool_size=1)
    engine = await make(database)
    for _ in range(3):
        await ask(engine, "notices { title }")
    connections = database.reader.postgresql
    assert connections is not None
    counted = "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement NOT LIKE '%pg_prepared%'"
    assert [tuple(row) for row in await connections.fetch(counted, (), 5)] == [(3, 0)]
    await database.close()


async def test_a_lost_connection_is_replaced_and_nobody_notices(postgresql: Any, postgresql_url: str) -> None:
    database = Database(postgresql_url, pool_size=2)
    engine = await make(database)
    expected = await ask(engine, "notices { title }")
    assert engine.plans.planned == 1
    ours = f"usename = 'allmende' AND datname = '{database.url.database}'"  # and none of tests that run beside it
    postgresql.execute(f"SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE {ours}")
    await asyncio.sleep(0.2)
    assert [await ask(engine, "notices { title }") for _ in range(3)] == [expected] * 3
    for entry in engine.plans.entries.values():
        entry.paused = 0.0
    planned = engine.plans.planned
    assert await ask(engine, "notices { title }") == expected
    assert engine.plans.planned == planned + 1
    await database.close()


async def test_whoever_gives_up_while_waiting_leaves_the_connection_to_others(database: Database) -> None:
    reader = database.reader
    if reader.postgresql is None:
        pytest.skip("the embedded database is asked in turn")
    text_ = reader.compile(newest(first=3), [GazetteNotice.id])
    tasks = [asyncio.create_task(reader.read("oben", [Ask(newest(first=3), text_)])) for _ in range(30)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, list) for result in results[1::2])
    assert len(reader.postgresql.free) + reader.postgresql.room == 5
