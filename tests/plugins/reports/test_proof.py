"""The whole way of one report by GraphQL: photo, lost answers, receipt, question, answer, push, end."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import uuid4

from allmende.files.store import Store
from allmende.files.upload import take_in
from allmende.reader import ANONYMOUS, Reader
from allmende.testing import Town

from tests.files.photos import photo

CASE = """query($city: String!, $number: String!, $receipt: String! = "") { city(slug: $city) {
  case(number: $number, receipt: $receipt) { status waiting open privateFields events { text } pictures { id } } } }"""
WORK = "mutation($input: CaseWorkInput!) { caseWork(input: $input) { status waiting } }"
ANSWER = "mutation($input: CaseAnswerInput!) { caseAnswer(input: $input) { waiting } }"


async def test_a_report_goes_its_whole_way_and_another_city_sees_nothing(
    make_desk: Any, town: Town, tmp_path: Path
) -> None:
    desk = make_desk(town).open("before")
    store, database = Store(str(tmp_path / "files")), town.instance.database
    key, raw = str(uuid4()), photo()
    uploads = [await take_in(database, store, town.slug, raw, town.now, key) for _ in range(2)]
    assert uploads[0].id == uploads[1].id, "the upload's answer was lost, and the phone sent it again"
    draft = desk.draft(photos=[uploads[0].id], email="jemand@example.org")
    filed = [(await town.answer(desk.CREATE, input=draft))["data"]["reportsCreate"] for _ in range(3)]
    assert ([one["repeated"] for one in filed], await desk.count()) == ([False, True, True], 1)
    assert len({(one["number"], one["receipt"]) for one in filed}) == 1
    number, receipt = filed[0]["number"], filed[0]["receipt"]

    async def case(receipt: str = receipt, reader: Reader = ANONYMOUS, city: str = town.slug) -> Any:
        body = await town.answer(CASE, reader=reader, city=city, number=number, receipt=receipt)
        return body["data"]["city"]["case"]

    async def work(**what: Any) -> Any:
        body = await town.answer(WORK, reader=desk.worker, input={**desk.key(), "number": number, **what})
        assert "errors" not in body, body
        return body["data"]["caseWork"]

    mine = await case()
    assert (mine["status"], mine["privateFields"]["email"], len(mine["pictures"])) == (
        "received", "jemand@example.org", 1,
    )  # fmt: skip
    assert (await case(receipt=""), await case(receipt="0" * 20)) == (None, None), "before moderation, and by guessing"
    assert (await work(message="Welche Laterne?", asks=True))["waiting"] == "citizen"
    answer = {**desk.key(), "number": number, "receipt": receipt, "text": "Die vor Haus 3."}
    for _ in range(2):
        answered = await town.answer(ANSWER, input=answer)
        assert answered["data"]["caseAnswer"]["waiting"] == "staff"
    await work(published=True)
    (shown,) = await desk.listed()
    assert [one["url"].split("/")[3] for one in shown["photos"]] == [uploads[0].id]
    assert (await work(status="done", reason="Lampe getauscht."))["status"] == "done"
    closed = await case()
    texts = [event["text"] for event in closed["events"] if event["text"]]
    assert (closed["open"], texts) == (False, ["Welche Laterne?", "Die vor Haus 3.", "Lampe getauscht."])
    assert (await case(receipt=""))["privateFields"] is None, "everybody sees the public part only"

    neighbour = make_desk(town.neighbour()).open("before")
    stranger = neighbour.worker
    for city in (town.slug, neighbour.town.slug):
        seen = await case(receipt="", reader=stranger, city=city)
        assert seen is None or seen["privateFields"] is None
    assert (await case(receipt=receipt, reader=stranger, city=neighbour.town.slug), await neighbour.count()) == (
        None,
        0,
    )


async def test_a_token_of_another_city_changes_nothing_here(make_desk: Any, town: Town) -> None:
    desk, foreign = make_desk(town).open(), Reader(kind="device", id="f" * 32, city="nachbardorf")
    make_desk(town.neighbour()).open()
    filed = await desk.file()
    assert await desk.refused(foreign) == (
        "UNAUTHENTICATED", "the token is for nachbardorf; send one for teststadt, or none",
    )  # fmt: skip
    answer = {**desk.key(), "number": filed["number"], "receipt": filed["receipt"], "text": "Die vor Haus 3."}
    assert await desk.codes(ANSWER, foreign, input=answer) == ["UNAUTHENTICATED"]
    assert (await desk.codes(ANSWER, input=answer), await desk.count()) == ([], 1)


async def test_who_filed_it_with_a_device_gets_a_push_for_each_step(make_desk: Any, town: Town) -> None:
    desk = make_desk(town).open("before")
    filed = await desk.file(desk.device)
    change = {**desk.key(), "number": filed["number"], "status": "in_progress"}
    assert "errors" not in await town.answer(WORK, reader=desk.worker, input=change)
    told = await town.told()
    assert [one["to"] for one in told] == [[desk.device.id]]
    assert filed["number"] in str(told[0]["texts"])
