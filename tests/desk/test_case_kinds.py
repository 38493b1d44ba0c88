"""Cases in the city's own words, and cases whose module is off or gone: nothing is lost, and work goes on."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from allmende import cases
from allmende.accounts.staff import OPERATOR, add_staff, disable
from allmende.cases.tables import Case
from allmende.testing import Town
from sqlalchemy import select

from tests.desk.conftest import Hire
from tests.desk.test_cases import CREATE, TEMPLATES, WORKER, id_of

CONFIG = """
[[categories]]
id = "light"
name = { de = "Laterne defekt", en = "Street light broken" }
[[categories.fields]]
id = "mast"
label = { de = "Nummer am Mast", en = "Number on the post" }
public = true
[[categories.fields]]
id = "what"
label = { de = "Was ist mit ihr?", en = "What is wrong with it?" }
kind = "choice"
choices = [{ id = "off", name = { de = "ist aus", en = "is off" } }]

[[categories]]
id = "waste"
name = { de = "Wilder Müll", en = "Dumped waste" }

[[routing]]
department = "Tiefbauamt"
"""
EVERYTHING = (*WORKER, "cases.export")


async def report(town: Town, category: str = "light") -> dict[str, Any]:
    given = {"city": town.slug, "idempotencyKey": str(uuid4()), "category": category, "lat": 51.96, "lon": 7.63}
    answers = [{"field": "mast", "value": "A 17"}, {"field": "what", "value": "off"}] if category == "light" else []
    body = await town.answer(
        CREATE, input={**given, "text": "Dunkel hier.", "answers": answers, "email": "wer@example.org"}
    )
    assert "errors" not in body, body
    filed: dict[str, Any] = body["data"]["reportsCreate"]
    return filed


@pytest.fixture
def open_town(town: Town) -> Town:
    town.write("city.toml", (town.folder / "city.toml").read_text() + TEMPLATES)
    town.switch_on("reports", CONFIG)
    return town


async def test_category_and_answers_are_in_the_citys_words_and_the_readers_language(
    open_town: Town, hire: Hire
) -> None:
    filed = await report(open_town)
    await report(open_town, "waste")
    here = f"cases/{await id_of(open_town, filed)}"
    german, english = hire(*EVERYTHING), hire(*EVERYTHING, language="en")
    assert "Kategorie Laterne defekt" in (page := await german.text(here))
    assert "Nummer am Mast A 17 Was ist mit ihr? nicht öffentlich ist aus E-Mail nicht öffentlich wer@" in page
    assert "Category Street light broken" in (page := await english.text(here))
    assert "Number on the post A 17 What is wrong with it? not public is off E-mail not public wer@" in page
    assert "Street light broken" in await english.text("cases")
    assert "Ein Anliegen" in await german.text("cases", category="waste")
    assert "Wilder Müll 1 1 0" in await german.text("cases-figures")
    assert ";Street light broken;received;" in (await english.get("cases-table")).text
    saved = (await english.get(f"{here}/export", format="html")).text
    assert "<dt>Category</dt><dd>Street light broken</dd>" in saved
    assert '<dt>What is wrong with it?</dt><dd class="text">is off</dd>' in saved


@pytest.mark.parametrize("how", ["off", "gone"])
async def test_case_stays_in_hand_while_its_module_is_off_or_gone(open_town: Town, hire: Hire, how: str) -> None:
    filed = await report(open_town)
    here = f"cases/{await id_of(open_town, filed)}"
    if how == "off":
        open_town.switch_off("reports")
    else:
        open_town.instance.registry = open_town.instance.registry.without("reports", "is not installed")
    staff = hire(*EVERYTHING)
    assert filed["number"] in await staff.text("cases")
    page = await staff.text(here)
    assert "Das Modul dieses Anliegens ist hier nicht da" in page
    assert "Text Dunkel hier. Mast A 17 What nicht öffentlich off E-Mail nicht öffentlich wer@example.org" in page
    assert "Die Nachricht ist abgeschickt." in await staff.done(f"{here}/answer", to="citizen", text="Wir kommen.")
    assert "Zugewiesen: Bauhof" in await staff.done(f"{here}/assign", department="Bauhof", deadline="", assignee="")
    closing, again = ("done", "in_progress") if how == "off" else ("closed", "open")
    assert "Der Stand ist geändert." in await staff.done(f"{here}/move", status=closing)
    assert (await open_case(open_town)).open is False
    assert "Der Stand ist geändert." in await staff.done(f"{here}/move", status=again)
    for path in ("cases-map", "cases-figures", "cases-table"):
        assert (await staff.get(path)).status_code == 200, path
    assert "A 17" in (await staff.get(f"{here}/export", format="html")).text
    assert (await staff.get(f"{here}/export", format="json")).json()["case"]["public"]["fields"]["mast"] == "A 17"
    assert "Abgegeben an Kreis" in await staff.done(f"{here}/hand-over", body="Kreis", word="Dort geht es weiter.")
    case = await open_case(open_town)
    async with open_town.instance.database.session(open_town.slug) as session:
        assert await cases.verify(session, case) == []


async def test_case_that_was_closed_while_its_module_was_gone_goes_on_with_it(open_town: Town, hire: Hire) -> None:
    here = f"cases/{await id_of(open_town, await report(open_town))}"
    there = open_town.instance.registry
    open_town.instance.registry = there.without("reports", "is not installed")
    await hire(*EVERYTHING).done(f"{here}/move", status="closed")
    open_town.instance.registry = there
    staff = hire(*EVERYTHING)
    assert "Abgeschlossen" in await staff.text(here)
    assert "Der Stand ist geändert." in await staff.done(f"{here}/move", status="in_progress")
    assert (await open_case(open_town)).open is True


async def test_case_is_given_only_to_those_who_may_work_on_it_and_stays_with_who_has_it(
    open_town: Town, hire: Hire
) -> None:
    accounts = open_town.instance.services.accounts
    id_ = await id_of(open_town, await report(open_town))

    async def add(name: str, *roles: tuple[str, str]) -> str:
        return await add_staff(accounts, open_town.slug, f"{name}@example.org", name.title(), roles, by=OPERATOR)

    bauhof = await add("bauhof", ("case_worker", "reports"))
    presse = await add("presse", ("publisher", "*"))
    gone = await add("ehemals", ("case_worker", "*"))
    staff = hire(*WORKER)
    await staff.done(f"cases/{id_}/assign", department="", deadline="", assignee=gone)
    await disable(accounts, open_town.slug, gone, by=OPERATOR)
    page = await staff.text(f"cases/{id_}")
    assert ("Bauhof" in page, "Ehemals" in page, "Presse" in page) == (True, True, False)
    assert (await staff.post(f"cases/{id_}/assign", department="", assignee=presse)).status_code == 422
    await staff.done(f"cases/{id_}/assign", department="Tiefbau", deadline="", assignee=gone)
    assert (await open_case(open_town)).assignee == gone
    await staff.done(f"cases/{id_}/assign", department="Tiefbau", deadline="", assignee=bauhof)
    assert "Niemand Bauhof Frist" in await staff.text(f"cases/{id_}"), "who has left is offered no more"


async def open_case(town: Town) -> Case:
    async with town.instance.database.session(town.slug) as session:
        return (await session.scalars(select(Case))).one()
