"""City.changes: pages of what is new, different or gone, with the items themselves, in few statements."""

from __future__ import annotations

from typing import Any

from allmende.changes.log import record
from allmende.db.engine import Database
from allmende.graphql.execute import Engine
from allmende.graphql.pages import encode_cursor
from allmende.testing import NOON

from tests.graphql.gazette import GazetteNotice, ask, make_engine, publish

QUERY = """query ($since: String, $first: Int! = 100) { city(slug: "oben") { changes(since: $since, first: $first) {
  items { module type id deleted node { __typename id title } } cursor hasMore reset } } }"""


async def write(database: Database, *notices: dict[str, Any]) -> list[str]:
    ids = await publish(database, "oben", *notices)
    await log(database, changed=ids)
    return ids


async def log(database: Database, changed: Any = (), removed: Any = ()) -> None:
    async with database.transaction("oben") as session:
        await record(session, plugin="gazette", table=GazetteNotice, changed=changed, removed=removed, now=NOON)


async def changes(engine: Engine, **variables: Any) -> dict[str, Any]:
    body = await ask(engine, QUERY, variables=variables)
    assert "errors" not in body, body
    return body["data"]["city"]["changes"]  # type: ignore[no-any-return]


async def test_a_phone_gets_everything_once_and_then_only_what_has_changed(database: Database) -> None:
    engine = make_engine(database)
    ids = await write(database, {"title": "A"}, {"title": "B"}, {"title": "C"})
    page = await changes(engine, first=2)
    rest = await changes(engine, first=2, since=page["cursor"])
    assert (page["hasMore"], rest["hasMore"], page["reset"], rest["reset"]) == (True, False, False, False)
    found = {item["id"]: item["node"]["title"] for item in (*page["items"], *rest["items"])}
    assert found == dict(zip(ids, "ABC", strict=True))
    assert (await changes(engine, since=rest["cursor"]))["items"] == []
    await log(database, changed=ids[:1], removed=ids[1:2])
    assert (await changes(engine, since=rest["cursor"]))["items"] == [
        {
            "module": "gazette",
            "type": "GazetteNotice",
            "id": id_,
            "deleted": deleted,
            "node": None if deleted else {"__typename": "GazetteNotice", "id": id_, "title": "A"},
        }
        for id_, deleted in sorted(((ids[0], False), (ids[1], True)))
    ]


async def test_a_page_takes_two_statements_and_one_more_for_all_of_its_nodes(database: Database) -> None:
    engine = make_engine(database)
    await write(database, *({"title": str(number)} for number in range(50)))
    await changes(engine)
    with database.count() as statements:
        assert len((await changes(engine))["items"]) == 50
    with_nodes = len(statements)
    with database.count() as statements:
        await ask(engine, '{ city(slug: "oben") { changes { items { id } } } }')
    assert (with_nodes, len(statements)) == (3, 2)


async def test_what_is_no_cursor_or_too_many_is_refused_and_the_city_stays(database: Database) -> None:
    engine = make_engine(database)
    for argument, code in (
        ('since: "nonsense"', "BAD_CURSOR"),
        (f'since: "{encode_cursor("changes", ["", "", 0, 0, chr(0)])}"', "BAD_CURSOR"),
        ("first: 501", "BAD_FIRST"),
        ('modules: ["nothing"]', "BAD_INPUT"),
    ):
        body = await ask(engine, f'{{ city(slug: "oben") {{ slug changes({argument}) {{ cursor }} }} }}')
        assert body["data"]["city"] == {"slug": "oben", "changes": None}
        assert [error["extensions"]["code"] for error in body["errors"]] == [code]


async def test_modules_that_are_off_are_not_told_of(database: Database) -> None:
    await write(database, {"title": "A"})
    body = await ask(make_engine(database), '{ city(slug: "unten") { changes { items { id } hasMore reset } } }')
    assert body == {"data": {"city": {"changes": {"items": [], "hasMore": False, "reset": False}}}}


async def test_a_subscription_over_plain_http_is_refused_with_the_way_to_go(database: Database) -> None:
    body = await ask(make_engine(database), 'subscription { changes(city: "oben") { module } }')
    assert [error["extensions"]["code"] for error in body["errors"]] == ["METHOD"]
