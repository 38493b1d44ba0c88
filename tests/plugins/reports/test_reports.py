"""Reports on both databases: filed once, moderated, followed, found nearby, on the map; and what is refused."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from allmende import cases
from allmende.errors import ConfigError
from allmende.reader import Reader
from allmende.testing import Town


async def test_categories_come_with_their_fields_in_the_readers_language(desk: Any) -> None:
    fields = "{ id categoryId label kind required public choices { id name } }"
    asked = f'categories {{ id name }} fields {fields} waste: fields(category: "waste") {{ id }}'
    answer = (await desk.town.ask(f"reports {{ {asked} }}", language="en"))["reports"]
    assert [one["name"] for one in answer["categories"]] == ["Street light broken", "Dumped waste"]
    assert (len(answer["fields"]), answer["waste"]) == (5, [{"id": "seen"}])
    assert answer["fields"][1] == {
        "categoryId": "light", "id": "what",
        "label": "What is wrong?", "kind": "choice", "required": False, "public": True,
        "choices": [{"id": "off", "name": "is off"}, {"id": "day", "name": "brennt am Tag"}],
    }  # fmt: skip


async def test_a_filed_report_is_shown_with_its_public_answers_only(desk: Any) -> None:
    given = {"mast": "L-4711", "what": "off", "height": "4,5", "danger": "true"}
    answers = [{"field": field, "value": value} for field, value in given.items()]
    filed = await desk.file(answers=answers, name="Ohne Namen", email="jemand@example.org", address="Domplatz")
    assert (filed["number"][:9], filed["published"], filed["repeated"]) == ("TES-2026-", True, False)
    shown = "title text number address status { id text } answers { label value } expectedAt photos { url }"
    report = (await desk.town.ask(f'reports {{ report(id: "{filed["report"]}") {{ {shown} }} }}'))["reports"]["report"]
    assert report == {
        "title": "Laterne defekt", "text": "Die Laterne ist aus.", "number": filed["number"], "address": "Domplatz",
        "status": {"id": "received", "text": "eingegangen"}, "expectedAt": None, "photos": [],
        "answers": [
            {"label": "Nummer am Mast", "value": "L-4711"},
            {"label": "Was ist mit ihr?", "value": "ist aus"},
            {"label": "Gefährlich?", "value": "ja"},
        ],
    }  # fmt: skip
    document = await desk.town.document("reports", "reports.geojson")
    everything = json.dumps(await desk.town.ask(desk.LIST)) + str(document.content)
    assert [word for word in ("Ohne Namen", "jemand@example.org", "4.5") if word in everything] == []
    case = await desk.work(filed["report"], cases.note, "Gesehen.")
    assert (case.department, case.private["email"], case.private["fields"]) == (
        "Tiefbauamt", "jemand@example.org", {"height": 4.5},
    )  # fmt: skip


async def test_a_retry_gets_the_first_answer_and_files_nothing(desk: Any) -> None:
    key = str(uuid4())
    first = await desk.file(idempotencyKey=key)
    assert await desk.file(idempotencyKey=key) == first | {"repeated": True}
    assert (await desk.refused(idempotencyKey=key, text="Etwas anderes"))[0] == "IDEMPOTENCY_MISMATCH"
    assert await desk.count() == 1


async def test_a_report_is_filed_with_one_statement_and_two_on_sqlite(desk: Any) -> None:
    with desk.town.count() as statements:
        await desk.file()
    assert len(statements) == (2 if desk.town.instance.database.is_sqlite else 1)


async def test_several_drafts_at_once_each_have_their_own_answer(desk: Any) -> None:
    arguments = ", ".join(f"${name}: ReportsCreateInput!" for name in "abc")
    fields = " ".join(f"{name}: reportsCreate(input: ${name}) {{ number repeated }}" for name in "abc")
    drafts = {"a": desk.draft(), "b": desk.draft(lat=54.0), "c": desk.draft(text="Noch eine.")}
    first = await desk.town.answer(f"mutation({arguments}) {{ {fields} }}", **drafts)
    codes = [error["extensions"]["code"] for error in first["errors"]]
    assert (codes, first["data"]["b"], await desk.count()) == (["OUTSIDE"], None, 2)
    again = await desk.town.answer(f"mutation({arguments}) {{ {fields} }}", **drafts)
    assert [again["data"][name]["number"] for name in "ac"] == [first["data"][name]["number"] for name in "ac"]
    assert await desk.count() == 2


async def test_before_moderation_only_staff_see_it_and_then_everybody_in_other_words(
    make_desk: Any, town: Town
) -> None:
    desk = make_desk(town).open("before")
    photos = [await desk.upload("a"), await desk.upload("b")]
    filed = await desk.file(text="Nachbar M. hat Müll abgeladen", photos=photos)
    box = "map(bbox: { south: 51.9, west: 7.6, north: 52, east: 7.7 }) { id module }"
    assert (filed["published"], await desk.listed(), (await town.ask(box))["map"]) == (False, [], [])
    assert await desk.codes(desk.FOLLOW, input={**desk.key(), "report": filed["report"]}) == ["NOT_FOUND"]
    publish = {"city": town.slug, "report": filed["report"], "published": True, "text": "Müll", "hide": ["b" * 32]}
    assert await desk.codes(desk.MODERATE, input=publish) == ["UNAUTHENTICATED"]
    assert await desk.codes(desk.MODERATE, desk.device, input=publish) == ["FORBIDDEN"]
    done = await town.answer(desk.MODERATE, reader=desk.worker, input=publish)
    assert done == {"data": {"reportsModerate": {"report": filed["report"], "published": True}}}
    (report,) = await desk.listed()
    assert (report["text"], report["photos"]) == ("Müll", [{"url": f"/{town.slug}/files/{'a' * 32}/medium.jpg"}])
    assert (await town.ask(box))["map"] == [{"id": filed["report"], "module": "reports"}]
    case = await desk.work(filed["report"], cases.publish, False)
    assert (case.private["original"], await desk.listed()) == ("Nachbar M. hat Müll abgeladen", [])


async def test_moderation_never_leaves_a_report_without_words_and_can_show_again_what_it_hid(desk: Any) -> None:
    filed = await desk.file(photos=[await desk.upload("a")])

    async def moderate(**values: Any) -> list[str]:
        change = {"city": desk.town.slug, "report": filed["report"], "published": True, **values}
        return await desk.codes(desk.MODERATE, desk.worker, input=change)

    async def shown() -> tuple[str, int]:
        (report,) = await desk.listed()
        return report["text"], len(report["photos"])

    assert await moderate(text="  ") == ["BAD_INPUT"]
    assert (await moderate(hide=["a" * 32]), await shown()) == ([], ("Die Laterne ist aus.", 0))
    assert (await moderate(show=["a" * 32]), await shown()) == ([], ("Die Laterne ist aus.", 1))


async def test_staff_of_another_city_see_and_do_nothing(make_desk: Any, town: Town) -> None:
    desk, neighbour = make_desk(town).open("before"), make_desk(town.neighbour()).open("before")
    filed = await desk.file()
    rights = desk.worker.permissions
    stranger = Reader(kind="staff", id="7" * 32, city=neighbour.town.slug, permissions=rights)
    change = {"report": filed["report"], "published": True}
    there = await neighbour.codes(desk.MODERATE, stranger, input={"city": neighbour.town.slug, **change})
    here = await desk.codes(desk.MODERATE, stranger, input={"city": town.slug, **change})
    assert (there, here) == (["NOT_FOUND"], ["UNAUTHENTICATED"])
    report = f'reports {{ report(id: "{filed["report"]}") {{ id }} updates(report: "{filed["report"]}") {{ at }} }}'
    assert await neighbour.town.ask(report, reader=stranger) == {"reports": {"report": None, "updates": []}}


async def test_duplicates_nearby_are_proposed_and_followed_without_an_account(desk: Any) -> None:
    filed = await desk.file()

    async def duplicates(lat: float, category: str) -> list[tuple[str, float]]:
        call = f'duplicates(lat: {lat}, lon: 7.63, category: "{category}") {{ id distance }}'
        found = (await desk.town.ask(f"reports {{ {call} }}"))["reports"]["duplicates"]
        return [(one["id"], one["distance"]) for one in found]

    assert await duplicates(51.9601, "light") == [(filed["report"], 11.1)]
    assert (await duplicates(51.9603, "light"), await duplicates(51.96, "waste")) == ([], [])
    follow = {**desk.key(), "report": filed["report"]}
    first = (await desk.town.answer(desk.FOLLOW, input=follow))["data"]["reportsFollow"]
    assert (await desk.town.answer(desk.FOLLOW, input=follow))["data"]["reportsFollow"] == first
    assert (first["number"], first["receipt"] in ("", filed["receipt"])) == (filed["number"], False)
    assert [report["followers"] for report in await desk.listed()] == [1]
    ctx = desk.town.context("reports")
    async with ctx.session() as session:
        seen = await cases.track(session, ctx, number=first["number"], receipt=first["receipt"])
    assert (seen.case.id, seen.as_) == (filed["report"], "public")


async def test_updates_say_what_everybody_may_know(desk: Any) -> None:
    filed = await desk.file(desk.device)
    report, photo, private = filed["report"], await desk.upload("c"), await desk.upload("e")
    await desk.work(report, cases.message, "Welche Laterne?", asks=True, files_=[private])
    await desk.work(report, cases.transition, "in_progress", text="Die Firma ist beauftragt.")
    await desk.work(report, cases.message, "So sieht es jetzt aus.", public=True, files_=[photo])
    await desk.work(report, cases.transition, "done")
    updates = f'updates(report: "{report}") {{ status {{ id text }} text photos {{ url }} }}'
    assert (await desk.town.ask(f"reports {{ {updates} }}", language="en"))["reports"]["updates"] == [
        {"status": None, "text": "", "photos": []},
        {"status": {"id": "in_progress", "text": "in progress"}, "text": "Die Firma ist beauftragt.", "photos": []},
        {"status": None, "text": "So sieht es jetzt aus.", "photos": [{"url": f"/teststadt/files/{photo}/medium.jpg"}]},
        {"status": {"id": "done", "text": "done"}, "text": "", "photos": []},
    ]
    assert [one["status"] for one in await desk.listed()] == [{"id": "done", "text": "erledigt", "open": False}]
    desk.town.wait(days=92)
    assert await desk.listed() == [], "closed reports are shown for ninety days"


async def test_rejected_and_withdrawn_reports_are_shown_no_more(desk: Any) -> None:
    first, second = await desk.file(), await desk.file()
    await desk.work(first["report"], cases.transition, "rejected")
    await desk.work(second["report"], cases.withdraw)
    assert await desk.listed() == []


@pytest.mark.parametrize(
    ("values", "code", "message"),
    [
        ({"lat": 91.0}, "BAD_INPUT", "lat: 91.0 is not between -90 and 90 degrees"),
        ({"lon": -200.0}, "BAD_INPUT", "lon: -200.0 is not between -180 and 180 degrees"),
        ({"lat": 51.7}, "OUTSIDE", "lat, lon: 51.7, 7.63 is not in the area of Teststadt"),
        ({"category": "ufo"}, "BAD_INPUT", "category: 'ufo' is none of this city's (light, waste)"),
        ({"text": " \n"}, "BAD_INPUT", "text: is empty; say what is wrong"),
        ({"text": "\u200b\u202e"}, "BAD_INPUT", "text: is empty; say what is wrong"),
        ({"text": "x" * 5001}, "TOO_LONG", "public.text: has 5001 characters; at most 5000 are possible"),
        ({"text": "a\x01b"}, "BAD_INPUT", "public.text: holds control characters; plain text is needed"),
        ({"email": "nobody"}, "BAD_INPUT", "email: is no e-mail address; name@example.org is expected"),
        ({"category": "waste"}, "BAD_INPUT", "fields.seen: is needed for waste"),
        ({"answers": [{"field": "what", "value": "green"}]}, "BAD_INPUT", "fields.what: 'green' is none of off, day"),
        ({"answers": [{"field": "height", "value": "nan"}]}, "BAD_INPUT", "fields.height: 'nan' is no number"),
        ({"answers": [{"field": "danger", "value": "?"}]}, "BAD_INPUT", "fields.danger: '?' is neither true nor false"),
        ({"answers": [{"field": "mast", "value": "x" * 501}]}, "TOO_LONG", "fields.mast: at most 500 characters are"),
        ({"answers": [{"field": "colour", "value": "x"}]}, "BAD_INPUT", "fields.colour: the category light has no"),
        ({"answers": [{"field": "mast", "value": "1"}] * 2}, "BAD_INPUT", "answers: names a field twice"),
        ({"photos": ["f" * 32]}, "FILE_UNKNOWN", "files: 'ffff"),
        ({"idempotencyKey": " " * 36}, "BAD_INPUT", "idempotencyKey: 16 to 128 ASCII characters are needed"),
        ({"idempotencyKey": "1"}, "BAD_INPUT", "idempotencyKey: 16 to 128 ASCII characters are needed"),
    ],
)
async def test_bad_input_is_refused_with_its_place(desk: Any, values: dict[str, Any], code: str, message: str) -> None:
    refused = await desk.refused(**values)
    assert (refused[0], refused[1][: len(message)]) == (code, message)
    assert await desk.count() == 0


async def test_a_place_outside_the_citys_outline_is_refused(make_desk: Any, town: Town) -> None:
    desk = make_desk(town).open(more='area = "data/area.geojson"')
    corners = [[7.6, 51.9], [7.7, 51.9], [7.7, 52.0], [7.6, 51.9]]
    town.write("data/area.geojson", json.dumps({"type": "Polygon", "coordinates": [corners]}))
    await desk.file(lat=51.93, lon=7.68)
    assert (await desk.refused(lat=51.98, lon=7.61))[0] == "OUTSIDE"


async def test_scripts_in_texts_are_texts(desk: Any) -> None:
    text = "<script>alert(1)</script> {{ 7*7 }} ' OR 1=1 --"
    await desk.file(text=text, address="<img src=x onerror=alert(1)>")
    assert [report["text"] for report in await desk.listed()] == [text]
    preview = await desk.town.preview("reports")
    assert ("<img src=x" in preview, "&lt;img src=x" in preview) == (False, True)


async def test_one_device_and_all_without_a_token_have_their_limits(desk: Any) -> None:
    for _ in range(30):
        await desk.file(desk.device)
    assert (await desk.refused(desk.device))[0] == "RATE_LIMITED"
    first = desk.draft()
    await desk.town.answer(desk.CREATE, input=first)
    for _ in range(4):
        await desk.file()
    assert (await desk.refused())[0] == "RATE_LIMITED"
    again = await desk.town.answer(desk.CREATE, input=first)
    assert again["data"]["reportsCreate"]["repeated"] is True, "a retry is no further report"
    assert await desk.count() == 35
    desk.town.wait(minutes=61)
    await desk.file(desk.device)
    await desk.file()


async def test_a_city_can_want_a_token_and_no_names(make_desk: Any, town: Town) -> None:
    desk = make_desk(town).open(more='contact = "no"')
    assert (await desk.refused(email="jemand@example.org"))[0] == "BAD_INPUT"
    town.switch_on("reports", (town.folder / "plugins/reports.toml").read_text().replace("_hour = 5", "_hour = 0"))
    assert (await desk.refused())[0] == "UNAUTHENTICATED"
    await desk.file(desk.device)


async def test_a_page_of_reports_takes_as_many_statements_as_one(desk: Any) -> None:
    for _ in range(4):
        await desk.file(desk.device)
    with desk.town.count() as few:
        await desk.town.ask("reports { list(first: 1) { nodes { id text photos { url } } } }")
    with desk.town.count() as many:
        assert len(await desk.listed()) == 4
    assert (len(few), len(many)) == (2, 3), "cases and pictures; and the total"


async def test_near_gives_the_nearest_first(desk: Any) -> None:
    far, close = await desk.file(lat=51.97), await desk.file(lat=51.961)
    near = "near(lat: 51.96, lon: 7.63) { id distance }"
    found = (await desk.town.ask(f"reports {{ {near} }}"))["reports"]["near"]
    assert [one["id"] for one in found] == [close["report"], far["report"]]


async def test_the_document_for_maps_holds_the_published_reports(desk: Any) -> None:
    filed = await desk.file()
    reply = await desk.town.document("reports", "reports.geojson")
    (feature,) = json.loads(reply.content)["features"]
    assert (reply.media_type, feature["id"]) == ("application/geo+json", filed["report"])
    assert (feature["geometry"]["coordinates"], feature["properties"]["status_text"]) == ([7.63, 51.96], "eingegangen")


async def test_the_preview_speaks_both_languages(desk: Any) -> None:
    assert "Zurzeit sind keine Meldungen zu sehen." in await desk.town.preview("reports")
    await desk.file()
    assert "eingegangen" in await desk.town.preview("reports")
    assert "received" in await desk.town.preview("reports", "en")


@pytest.mark.parametrize(
    ("further", "message"),
    [
        ('[[categories]]\nid = "light"\nname = "Nochmal"', "two categories have the id 'light'"),
        (
            '[[categories]]\nid = "x"\nname = "X"\n[[categories.fields]]\nid = "a"\nlabel = "A"\nkind = "choice"',
            "needs",
        ),
        ('[[routing]]\ndepartment = "Amt"\ncategory = ["ufo"]', "'ufo' is no category: light, waste"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(make_desk: Any, town: Town, further: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_desk(town).open(further=further)
