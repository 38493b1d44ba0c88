"""Case work at the desk: found, answered, moved, assigned, merged; and seen by nobody whose task it is not."""

from __future__ import annotations

import re
from typing import Any
from uuid import uuid4

import pytest
from allmende import cases
from allmende.cases.tables import Case
from allmende.testing import Town
from sqlalchemy import select

from tests.desk.conftest import Hire

CONFIG = """
[[categories]]
id = "light"
name = { de = "Laterne defekt", en = "Street light broken" }

[[categories]]
id = "waste"
name = { de = "Wilder Müll", en = "Dumped waste" }

[[routing]]
department = "Entsorgung"
category = ["waste"]

[[routing]]
department = "Tiefbauamt"
deadline_hours = 48
"""
TEMPLATES = """
[[desk.templates]]
title = { de = "Dank", en = "Thanks" }
text = { de = "Danke für Ihre Meldung {number}.", en = "Thank you for your report {number}." }
"""
CREATE = "mutation($input: ReportsCreateInput!) { reportsCreate(input: $input) { report number receipt } }"
WORKER = ("cases.read", "cases.work")


async def file(town: Town, text: str, category: str = "light", lat: float = 51.96) -> dict[str, Any]:
    draft = {"city": town.slug, "idempotencyKey": str(uuid4()), "category": category, "lat": lat, "lon": 7.63}
    body = await town.answer(CREATE, input={**draft, "text": text})
    assert "errors" not in body, body
    filed: dict[str, Any] = body["data"]["reportsCreate"]
    return filed


async def id_of(town: Town, filed: dict[str, Any]) -> str:
    async with town.instance.database.session(town.slug) as session:
        found = await cases.find(session, number=filed["number"])
    assert found
    return found.id


@pytest.fixture
def open_town(town: Town) -> Town:
    town.write("city.toml", (town.folder / "city.toml").read_text() + TEMPLATES)
    town.switch_on("reports", CONFIG)
    return town


async def test_inbox_is_filtered_by_department_state_word_and_whose_it_is(open_town: Town, hire: Hire) -> None:
    light = await file(open_town, "Die Laterne am Markt ist aus.")
    await file(open_town, "Sperrmüll am Teich", "waste")
    staff = hire(*WORKER)
    everything = await staff.text("cases")
    assert "2 Anliegen" in everything
    assert "Laterne defekt" in everything
    assert "Tiefbauamt" in everything
    _, one, rows = (await staff.text("cases", department="Entsorgung")).partition("Ein Anliegen")
    assert one
    assert "Laterne defekt" not in rows
    assert "Ein Anliegen" in await staff.text("cases", q=light["number"])
    assert "Hier ist nichts" in await staff.text("cases", state="mine")
    assert "2 Anliegen" in await staff.text("cases", state="waiting")
    open_town.wait(hours=49)
    assert "Ein Anliegen" in await staff.text("cases", state="overdue")
    assert "von 2 offenen Anliegen" in await staff.text()
    assert "2 Anliegen mit Ort" in await staff.text("cases-map", state="open")
    assert "Tiefbauamt 1 1 1" in await staff.text("cases-figures")


async def test_case_is_asked_answered_noted_moved_and_assigned(open_town: Town, hire: Hire) -> None:
    filed = await file(open_town, "Die Laterne ist aus.")
    staff, id_ = hire(*WORKER), await id_of(open_town, filed)
    here = f"cases/{id_}"
    assert "Text Die Laterne ist aus." in await staff.text(here)
    assert f"Danke für Ihre Meldung {filed['number']}." in await staff.text(here, template="0")
    assert "wartet auf Antwort" in await staff.done(f"{here}/answer", to="asks", text="Welche Nummer steht am Mast?")
    assert "Die Notiz ist gespeichert." in await staff.done(f"{here}/answer", to="note", text="Kollegen fragen")
    seen = await open_town.ask(
        f'case(number: "{filed["number"]}", receipt: "{filed["receipt"]}") {{ events {{ text }} }}'
    )
    told = [event["text"] for event in seen["case"]["events"] if event["text"]]
    assert told == ["Welche Nummer steht am Mast?"], "the citizen reads the question, and not the note"
    assert "Der Stand ist geändert." in await staff.done(f"{here}/move", status="in_progress", why="Wir sind dran.")
    said = await staff.done(f"{here}/assign", department="Bauhof", deadline="2026-12-24", assignee="")
    assert "Die Zuständigkeit ist gespeichert." in said
    assert "Zugewiesen: Bauhof" in said
    async with open_town.instance.database.session(open_town.slug) as session:
        case = (await session.scalars(select(Case))).one()
        assert (case.status, case.department) == ("in_progress", "Bauhof")
        assert case.deadline
        assert case.deadline.isoformat() == "2026-12-24T22:59:00+00:00"
        assert await cases.verify(session, case) == []


async def test_wrong_entries_are_named_and_nothing_changes(open_town: Town, hire: Hire) -> None:
    staff, id_ = hire(*WORKER), await id_of(open_town, await file(open_town, "Aus."))
    for path, form, fault in (
        ("answer", {"to": "citizen", "text": " "}, "Diese Angabe fehlt."),
        ("answer", {"to": "everybody", "text": "x"}, "Bitte wählen Sie"),
        ("assign", {"department": "x", "deadline": "morgen"}, "Bitte geben Sie ein Datum ein."),
        ("assign", {"department": "x", "assignee": "f" * 32}, "Bitte wählen Sie"),
        ("join", {"number": "TES-2026-000000", "how": "merge"}, "gibt es nicht"),
    ):
        answer = await staff.post(f"cases/{id_}/{path}", **form)
        assert (answer.status_code, fault in answer.text) == (422, True), path
    assert (await staff.post(f"cases/{id_}/move", status="withdrawn")).status_code == 400
    async with open_town.instance.database.session(open_town.slug) as session:
        case = (await session.scalars(select(Case))).one()
        assert (case.status, case.department) == ("received", "Tiefbauamt")
        assert [event.what for event, _ in await cases.events(session, case)] == ["submitted"]


async def test_duplicates_are_proposed_and_merged(open_town: Town, hire: Hire) -> None:
    first, second = await file(open_town, "Laterne aus"), await file(open_town, "Licht kaputt", lat=51.9601)
    staff, id_ = hire(*WORKER), await id_of(open_town, second)
    near = rf"In der Nähe, noch offen {first['number']} \d+ m entfernt, .{{,30}} Laterne aus Ist dasselbe"
    assert re.search(near, await staff.text(f"cases/{id_}"))
    assert "Zusammengeführt" in await staff.done(f"cases/{id_}/join", number=first["number"], how="merge")
    merged = await staff.text(f"cases/{id_}")
    assert f"Dort geht es weiter: {first['number']}" in merged
    assert "Stand ändern" not in merged
    assert "Ein Anliegen" in await staff.text("cases")
    again = await staff.post(f"cases/{id_}/join", number=first["number"], how="merge")
    assert (again.status_code, "lassen sich nicht verbinden" in again.text) == (422, True)


async def test_case_is_handed_to_another_city_and_goes_on_there(open_town: Town, hire: Hire) -> None:
    filed = await file(open_town, "Die Laterne steht schon drüben.")
    staff, id_ = hire(*WORKER), await id_of(open_town, filed)
    assert "An eine Stadt" not in await staff.text(f"cases/{id_}"), "no other city has the module"
    there = open_town.neighbour()
    there.switch_on("reports", CONFIG)
    for wrong in ({}, {"city": there.slug, "body": "Kreis"}, {"city": "atlantis"}, {"body": "x" * 201}):
        assert (await staff.post(f"cases/{id_}/hand-over", **wrong)).status_code == 422, wrong
    said = await staff.done(f"cases/{id_}/hand-over", city=there.slug, word="Das ist Sache der Nachbarn.")
    assert f"Abgegeben an {open_town.instance.cities.by_slug[there.slug].name}" in said
    again = await staff.post(f"cases/{id_}/hand-over", body="Kreis")
    assert (again.status_code, "schon geschlossen" in again.text) == (422, True)
    theirs = hire(*WORKER, city=there.slug)
    assert filed["number"] in await theirs.text("cases")
    assert "Das ist Sache der Nachbarn." in await theirs.text(f"cases/{id_}")
    assert "Die Notiz ist gespeichert." in await theirs.done(f"cases/{id_}/answer", to="note", text="Unsere")


async def test_case_is_handed_to_a_body_outside_and_its_submitter_is_told(open_town: Town, hire: Hire) -> None:
    filed = await file(open_town, "Ampel an der Landesstraße")
    staff, id_ = hire(*WORKER), await id_of(open_town, filed)
    said = await staff.done(f"cases/{id_}/hand-over", body="Straßen NRW", word="Dort ist man zuständig.")
    assert "Abgegeben an Straßen NRW" in said
    assert "Abgeben und hier schließen" not in said
    asked = f'case(number: "{filed["number"]}", receipt: "{filed["receipt"]}") {{ open events {{ text }} }}'
    seen = (await open_town.ask(asked))["case"]
    assert seen["open"] is False
    assert "Dort ist man zuständig." in [event["text"] for event in seen["events"]]


async def test_case_leaves_as_a_page_and_as_json(open_town: Town, hire: Hire) -> None:
    filed = await file(open_town, "Die Laterne <b>ist</b> aus.")
    staff, id_ = hire(*WORKER, "cases.export"), await id_of(open_town, filed)
    await staff.done(f"cases/{id_}/answer", to="note", text="Nur für Kollegen")
    page = await staff.get(f"cases/{id_}/export", format="html")
    assert f"{filed['number']}.html" in page.headers["content-disposition"]
    assert "Die Laterne &lt;b&gt;ist&lt;/b&gt; aus." in page.text
    assert "Nur für Kollegen" in page.text
    data = (await staff.get(f"cases/{id_}/export", format="json")).json()
    assert (data["case"]["number"], data["faults"]) == (filed["number"], [])
    assert "receipt" not in data["case"]
    assert (await staff.get(f"cases/{id_}/export", format="pdf")).status_code == 400
    assert (await hire(*WORKER).get(f"cases/{id_}/export", format="html")).status_code == 403
    assert (await hire("content.edit").get(f"cases/{id_}/export", format="html")).status_code == 404
    reader = hire("cases.read")
    assert "Als JSON" not in await reader.text(f"cases/{id_}")
    assert (await reader.post(f"cases/{id_}/hand-over", body="Kreis")).status_code == 403


async def test_cases_are_seen_by_those_only_whose_task_they_are(open_town: Town, hire: Hire) -> None:
    id_ = await id_of(open_town, await file(open_town, "Aus."))
    editor, reader, theirs = hire("content.edit"), hire("cases.read"), hire("cases.read:events")
    other = open_town.neighbour()
    for path in ("cases", "cases-map", "cases-table", "cases-figures"):
        assert (await editor.get(path)).status_code == 403
    for staff in (editor, theirs, hire(*WORKER, city=other.slug)):
        assert (await staff.get(f"cases/{id_}")).status_code == 404
    assert "0 Anliegen" in await theirs.text("cases")
    assert "Antworten" not in await reader.text(f"cases/{id_}")
    assert (await reader.post(f"cases/{id_}/answer", to="note", text="x")).status_code == 403
    assert (await reader.get("cases-table")).status_code == 403
    table = await hire("cases.read", "cases.export").get("cases-table")
    assert table.text.startswith("\ufeffNummer;Art;Kategorie;Stand;Betreff;")
