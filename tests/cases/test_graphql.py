"""A case over the API: followed and answered with the receipt, worked on by staff, hidden from everybody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from allmende import Plugin, cases
from allmende.db.engine import Database
from allmende.files.store import Store
from allmende.graphql.execute import Engine, Operation
from allmende.reader import ANONYMOUS, Reader
from allmende.testing import make_city

from tests.graphql.gazette import make_engine

from .lamps import LAMP, context, draft, new_key

HERE, THERE = "oben", "unten"
DEVICE = Reader(kind="device", id="d" * 32, city=HERE)
OTHER = Reader(kind="device", id="e" * 32, city=HERE)
WORK = frozenset({"cases.read", "cases.work"})
WORKER = Reader(kind="staff", id="5" * 32, city=HERE, name="Amt", permissions=WORK)
LAMPS_ONLY = Reader(
    kind="staff", id="7" * 32, city=HERE, permissions=frozenset({"cases.work:lamps", "cases.read:lamps"})
)
TREES_ONLY = Reader(
    kind="staff", id="8" * 32, city=HERE, permissions=frozenset({"cases.work:trees", "cases.read:trees"})
)
READER = Reader(kind="staff", id="9" * 32, city=HERE, permissions=frozenset({"cases.read"}))
PRESS = Reader(kind="staff", id="6" * 32, city=HERE, permissions=frozenset({"news.publish"}))
ABROAD = Reader(kind="staff", id="a" * 32, city=THERE, permissions=WORK)

CASE = """query($city: String!, $number: String!, $receipt: String! = "") { city(slug: $city) {
  case(number: $number, receipt: $receipt) {
    number status open published waiting department fields privateFields
    events { what by text status asks } pictures { id }
  } } }"""
ANSWER = "mutation($input: CaseAnswerInput!) { caseAnswer(input: $input) { waiting events { what by text } } }"
WITHDRAW = "mutation($input: CaseWithdrawInput!) { caseWithdraw(input: $input) { status open } }"
FOLLOW = "mutation($input: CaseFollowInput!) { caseFollow(input: $input) { receipt case { followers privateFields } } }"
DO = (
    "mutation($input: CaseWorkInput!) { caseWork(input: $input) { status waiting department events { what by text } } }"
)
INBOX = """query($city: String!, $filter: CaseFilter) { city(slug: $city) {
  cases(filter: $filter) { totalCount nodes { number title department } } } }"""


@pytest.fixture
def engine(database: Database) -> Engine:
    return make_engine(database, Plugin(name="lamps", cases=(LAMP,)))


async def ask(
    engine: Engine, query: str, reader: Reader = ANONYMOUS, *, get: bool = False, charge: Any = None, **variables: Any
) -> dict[str, Any]:
    operation = Operation(query=query, variables=variables, reader=reader, read_only=get, charge=charge)
    return (await engine.execute(operation)).body


async def submitted(
    database: Database, title: str = "Lampe dunkel", reader: Reader = DEVICE, city: str = HERE, **values: Any
) -> cases.Submitted:
    ctx = context(database, reader, city=make_city(city))
    async with ctx.transaction() as session:
        return await cases.submit(session, ctx, LAMP, draft(title, **values), key=new_key())


def codes(body: dict[str, Any]) -> list[str]:
    return [error["extensions"]["code"] for error in body.get("errors", ())]


def given(number: str, city: str = HERE, **values: Any) -> dict[str, Any]:
    return {"city": city, "number": number, "idempotencyKey": new_key(), **values}


async def test_a_case_is_followed_asked_about_answered_and_closed(database: Database, engine: Engine) -> None:
    done = await submitted(database, reader=ANONYMOUS)
    number, receipt = done.case.number, done.receipt.lower().replace("-", " ")
    body = await ask(engine, CASE, city=HERE, number=number, receipt=receipt)
    case = body["data"]["city"]["case"]
    assert (case["status"], case["open"], case["department"]) == ("received", True, None)
    assert (case["fields"], case["privateFields"]) == ({"colour": "gelb"}, {"phone": "0251 123456"})
    assert [event["what"] for event in case["events"]] == ["submitted"]

    asked = given(number, message="Wo genau?", asks=True, note="Nicht bei uns?", department="parks")
    body = await ask(engine, DO, WORKER, input=asked)
    assert (body["data"]["caseWork"]["waiting"], body["data"]["caseWork"]["department"]) == ("citizen", "parks")
    answer = given(number, receipt=receipt, text="Vor Haus 3.")
    body = await ask(engine, ANSWER, input=answer)
    assert body["data"]["caseAnswer"]["waiting"] == "staff"
    assert await ask(engine, ANSWER, input=answer) == body, "a retry is answered alike, and writes nothing"
    closed = given(number, status="fixed", reason="Danke!")
    assert (await ask(engine, DO, WORKER, input=closed))["data"]["caseWork"]["status"] == "fixed"
    body = await ask(engine, CASE, city=HERE, number=number, receipt=receipt)
    assert [(e["what"], e["by"], e["text"]) for e in body["data"]["city"]["case"]["events"]] == [
        ("submitted", "citizen", None),
        ("message", "staff", "Wo genau?"),
        ("message", "citizen", "Vor Haus 3."),
        ("status", "staff", "Danke!"),
    ]


@pytest.mark.parametrize("reader", [ANONYMOUS, OTHER, PRESS, TREES_ONLY, ABROAD])
async def test_who_has_nothing_to_do_with_a_case_learns_not_even_that_it_is_there(
    database: Database, engine: Engine, reader: Reader
) -> None:
    done = await submitted(database)
    nobodys = await ask(engine, CASE, reader, city=HERE, number="OBE-2026-000000")
    somebodys = await ask(engine, CASE, reader, city=HERE, number=done.case.number)
    guessed = await ask(engine, CASE, reader, city=HERE, number=done.case.number, receipt="7K3QX-0V9TR-7K3QX-0V9TR")
    elsewhere = await ask(engine, CASE, reader, city=THERE, number=done.case.number, receipt=done.receipt)
    assert codes(nobodys) == ["NOT_FOUND"]
    assert nobodys == somebodys == guessed == elsewhere
    refused = ["UNAUTHENTICATED" if reader == ABROAD else "NOT_FOUND"]  # whose token changes nothing here, whatever for
    for query in (ANSWER, WITHDRAW, FOLLOW):
        values = given(done.case.number, **({"text": "Hallo"} if query == ANSWER else {}))
        assert codes(await ask(engine, query, reader, input=values)) == refused
    async with database.session(HERE) as session:
        case = await cases.find(session, id=done.case.id)
        assert case is not None
        assert len(await cases.events(session, case)) == 1, "and nothing was written"


async def test_guessing_receipts_is_dear(database: Database, engine: Engine) -> None:
    done = await submitted(database)
    spent: list[int] = []
    await ask(engine, CASE, city=HERE, number=done.case.number, receipt="0" * 20, charge=spent.append)
    wrong = sum(spent)
    spent.clear()
    await ask(engine, CASE, city=HERE, number=done.case.number, receipt=done.receipt, charge=spent.append)
    assert wrong - sum(spent) >= 20_000


async def test_a_receipt_never_comes_by_get(database: Database, engine: Engine) -> None:
    done = await submitted(database)
    body = await ask(engine, CASE, get=True, city=HERE, number=done.case.number, receipt=done.receipt)
    assert (codes(body), body["data"]["city"]["case"]) == (["METHOD"], None)


async def test_the_inbox_is_for_staff_of_the_city_and_of_the_module(database: Database, engine: Engine) -> None:
    await submitted(database, "Eins", category="park")
    await submitted(database, "Zwei Straßenlampen")
    await submitted(database, "Drei", city=THERE)

    async def seen(reader: Reader, city: str = HERE, **wanted: Any) -> Any:
        body = await ask(engine, INBOX, reader, city=city, filter=wanted)
        return codes(body) or sorted(node["title"] for node in body["data"]["city"]["cases"]["nodes"])

    assert await seen(WORKER) == await seen(LAMPS_ONLY) == await seen(READER) == ["Eins", "Zwei Straßenlampen"]
    assert await seen(ABROAD, THERE) == ["Drei"]
    assert await seen(ABROAD) == await seen(ANONYMOUS) == ["UNAUTHENTICATED"]
    assert await seen(PRESS) == ["FORBIDDEN"]
    assert await seen(DEVICE) == ["FORBIDDEN"]
    assert await seen(TREES_ONLY) == []
    assert await seen(WORKER, departments=["parks"]) == ["Eins"]
    assert await seen(WORKER, text="strassen") == ["Zwei Straßenlampen"]
    assert await seen(WORKER, open=False) == []
    assert await seen(WORKER, departments=["x"] * 51) == ["BAD_INPUT"]


@pytest.mark.parametrize(
    ("reader", "code"),
    [
        (ANONYMOUS, "UNAUTHENTICATED"),
        (DEVICE, "FORBIDDEN"),
        (PRESS, "NOT_FOUND"),
        (READER, "FORBIDDEN"),
        (TREES_ONLY, "NOT_FOUND"),
        (ABROAD, "UNAUTHENTICATED"),
    ],
)
async def test_only_who_may_works_on_a_case(database: Database, engine: Engine, reader: Reader, code: str) -> None:
    done = await submitted(database)
    body = await ask(engine, DO, reader, input=given(done.case.number, status="fixed"))
    assert (codes(body), body["data"]) == ([code], None)
    body = await ask(engine, CASE, DEVICE, city=HERE, number=done.case.number)
    assert body["data"]["city"]["case"]["status"] == "received"


async def test_what_is_published_is_seen_by_everybody_without_what_is_private(
    database: Database, engine: Engine
) -> None:
    done = await submitted(database)
    number = done.case.number
    await ask(engine, DO, WORKER, input=given(number, status="started", published=True, note="intern"))
    case = (await ask(engine, CASE, city=HERE, number=number))["data"]["city"]["case"]
    assert (case["published"], case["fields"], case["privateFields"]) == (True, {"colour": "gelb"}, None)
    assert (case["waiting"], case["department"]) == (None, None)
    assert [event["what"] for event in case["events"]] == ["submitted", "status"]
    key = given(number)
    followed = (await ask(engine, FOLLOW, OTHER, input=key))["data"]["caseFollow"]
    assert followed["case"] == {"followers": 1, "privateFields": None}
    again = (await ask(engine, FOLLOW, OTHER, input=key))["data"]["caseFollow"]
    assert again == followed
    mine = "{ city(slug: %r) { myCases { nodes { number } } } }".replace("%r", f'"{HERE}"')
    assert (await ask(engine, mine, OTHER))["data"]["city"]["myCases"]["nodes"] == [{"number": number}]
    assert codes(await ask(engine, mine)) == ["UNAUTHENTICATED"]
    as_follower = await ask(engine, CASE, city=HERE, number=number, receipt=followed["receipt"])
    assert as_follower["data"]["city"]["case"]["privateFields"] is None
    body = await ask(engine, ANSWER, input=given(number, receipt=followed["receipt"], text="Ich auch"))
    assert codes(body) == ["FORBIDDEN"]


async def test_staff_link_cases_and_make_them_parts_and_nobody_else_sees_that(
    database: Database, engine: Engine
) -> None:
    one, two, three = [await submitted(database, title) for title in ("eins", "zwei", "drei")]
    do = "mutation($input: CaseWorkInput!) { caseWork(input: $input) { related { number title open relation } } }"

    async def work(case: cases.Submitted, **values: Any) -> Any:
        body = await ask(engine, do, WORKER, input=given(case.case.number, **values))
        return body["data"]["caseWork"]["related"] if "errors" not in body else codes(body)

    def shown(case: cases.Submitted, title: str, relation: str) -> dict[str, Any]:
        return {"number": case.case.number, "title": title, "open": True, "relation": relation}

    assert await work(one, linkTo=two.case.number) == [shown(two, "zwei", "linked")]
    assert await work(three, partOf=one.case.number) == [shown(one, "eins", "whole")]
    assert await work(one, partOf=three.case.number) == ["BAD_INPUT"]
    assert await work(one, linkTo="TES-2026-000000") == ["NOT_FOUND"]
    both = sorted(await work(one, note="x"), key=lambda row: row["title"])
    assert both == [shown(three, "drei", "part"), shown(two, "zwei", "linked")]
    await work(two, mergeInto=one.case.number)
    query = CASE.replace("pictures { id }", "related { relation }")
    values = {"city": HERE, "number": one.case.number}
    seen = (await ask(engine, query, WORKER, **values))["data"]["city"]["case"]["related"]
    assert sorted(row["relation"] for row in seen) == ["duplicate", "part"]
    mine = await ask(engine, query, DEVICE, **values)
    assert mine["data"]["city"]["case"]["related"] == []


async def test_a_case_is_withdrawn_by_who_submitted_it_once(database: Database, engine: Engine) -> None:
    done = await submitted(database)
    body = await ask(engine, WITHDRAW, DEVICE, input=given(done.case.number))
    assert body["data"]["caseWithdraw"] == {"status": "withdrawn", "open": False}
    body = await ask(engine, WITHDRAW, DEVICE, input=given(done.case.number))
    assert codes(body) == ["CASE_CLOSED"]


async def test_a_state_that_cannot_follow_is_refused_and_nothing_else_of_the_input_is_done(
    database: Database, engine: Engine
) -> None:
    done = await submitted(database)
    body = await ask(engine, DO, WORKER, input=given(done.case.number, note="schon einmal", status="received"))
    assert codes(body) == ["CASE_TRANSITION"]
    case = (await ask(engine, CASE, WORKER, city=HERE, number=done.case.number))["data"]["city"]["case"]
    assert [event["what"] for event in case["events"]] == ["submitted"]


async def test_a_page_of_the_inbox_costs_as_many_statements_for_ten_as_for_one(
    database: Database, engine: Engine
) -> None:
    await submitted(database)
    with database.count() as one:
        await ask(engine, INBOX, WORKER, city=HERE)
    for _ in range(9):
        await submitted(database, reader=ANONYMOUS)
    with database.count() as ten:
        await ask(engine, INBOX, WORKER, city=HERE)
    assert len(ten) == len(one) == 2


async def test_one_can_be_told_of_ones_cases_where_a_module_has_any(database: Database, engine: Engine) -> None:
    query = "query($city: String!) { city(slug: $city) { topics { name personal } } }"
    here, there = [(await ask(engine, query, city=city))["data"]["city"]["topics"] for city in (HERE, THERE)]
    assert (here, there) == ([{"name": "cases.mine", "personal": True}], [])


async def test_a_case_that_is_handed_over_is_in_the_other_city_at_once(database: Database, tmp_path: Path) -> None:
    engine = make_engine(database, Plugin(name="lamps", cases=(LAMP,)), files=Store(str(tmp_path / "files")))
    done = await submitted(database, reader=ANONYMOUS)
    given_away = given(done.case.number, handOverTo=THERE, reason="Das liegt beim Nachbarn.")
    for _ in range(2):
        assert codes(await ask(engine, DO, WORKER, input=given_away)) == []
    query = CASE.replace("number status", "handedTo number status")
    here = await ask(engine, query, city=HERE, number=done.case.number, receipt=done.receipt)
    there = await ask(engine, query, city=THERE, number=done.case.number, receipt=done.receipt)
    assert [body["data"]["city"]["case"]["handedTo"] for body in (here, there)] == [THERE, None]
    assert [body["data"]["city"]["case"]["open"] for body in (here, there)] == [False, True]
    assert there["data"]["city"]["case"]["privateFields"] == {"phone": "0251 123456"}
    assert codes(await ask(engine, CASE, WORKER, city=THERE, number=done.case.number)) == ["NOT_FOUND"]
    assert codes(await ask(engine, CASE, ABROAD, city=THERE, number=done.case.number)) == []
