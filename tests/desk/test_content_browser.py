"""Editors do their work in a real browser: by mouse, by keyboard alone, on a phone, in the dark, without scripts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from allmende.content.items import create, find, save
from allmende.graphql.compose import Composed
from allmende.testing.databases import SQLite
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.content.newsroom import FEED, SOURCE, desk, news, titles
from tests.desk.house import House, open_house
from tests.pages.conftest import browser as browser
from tests.pages.test_browser import AXE
from tests.pages.test_browser import axe as axe

EDITOR = frozenset({"content.read", "content.edit"})
PUBLISHER = EDITOR | {"content.publish", "content.share"}
NEWS = "content/news/item"
PLACES = (
    '[[categories]]\nid = "bad"\nname = { de = "Schwimmbad", en = "Swimming pool" }\nicon = "🏊"\n'
    '[[categories]]\nid = "amt"\nname = "Amt"\n'
)


@pytest.fixture(scope="module")
def house(composed: Composed, sqlite: SQLite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    shutil.copy(sqlite.template(), folder / "database.sqlite")
    with open_house(composed, f"sqlite:///{folder / 'database.sqlite'}", folder) as house:
        house.permissions = {"ada-ada-": EDITOR, "ben-ben-": PUBLISHER}
        town = house.town
        town.write("data/news.xml", FEED.format(title="Schwimbad zu", text="Bis Montag."))
        town.switch_on("news", SOURCE)
        town.switch_on("events", '[venues."Rathaus"]\naddress = "Markt 1"\nlat = 51.96\nlon = 7.63\n')
        town.switch_on("places", PLACES)
        house.do(town.load("news"))
        south = town.neighbour("suedstadt")
        south.switch_on("news")
        yield house


@contextmanager
def at_desk(
    browser: Browser,
    house: House,
    who: str = "ben-ben-",
    *,
    width: int = 1280,
    scheme: Literal["light", "dark"] = "light",
    city: str = "teststadt",
    **options: Any,
) -> Iterator[Page]:
    options = {"locale": "de-DE", **options}
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    context.add_cookies([{"name": "signed", "value": who, "url": house.url}])
    context.set_default_timeout(60_000)
    try:
        yield context.new_page()
    finally:
        context.close()


def address(house: House, path: str, city: str = "teststadt") -> str:
    return f"{house.url}/{city}/desk/{path}"


def draft(house: House, title: str) -> str:
    """An item that is there already; the path of its page."""

    async def make() -> str:
        at = desk(house.town)
        async with at.ctx.transaction() as session:
            return (await create(session, at, news(title))).id

    return f"{NEWS}/item/{house.do(make())}"


def test_an_editor_writes_sees_the_preview_and_submits(house: House, browser: Browser) -> None:
    with at_desk(browser, house, "ada-ada-") as page:
        page.goto(address(house, NEWS))
        page.get_by_role("link", name="Neu: Meldung").click()
        page.get_by_role("group", name="Überschrift").get_by_label("Deutsch").fill("Der Markt zieht um")
        page.get_by_role("group", name="Text", exact=True).get_by_label("Deutsch").fill("Ab **Mai** am Ring. " * 12)
        expect(page.get_by_text("Leicht zu lesen")).to_be_visible()
        expect(page.get_by_text("Zwischengespeichert um")).to_be_visible()
        page.get_by_role("button", name="Vorschau").click()
        expect(page.locator("#preview h3", has_text="Der Markt zieht um")).to_be_visible()
        page.get_by_role("button", name="Speichern und einreichen").click()
        expect(page.get_by_text("Eingereicht: Der Markt zieht um")).to_be_visible()
        expect(page.get_by_text("Wartet auf Prüfung")).to_be_visible()


def title_field(page: Page) -> Locator:
    return page.get_by_role("group", name="Überschrift").get_by_label("Deutsch")


def test_what_is_typed_before_the_scripts_are_there_is_kept(house: House, browser: Browser) -> None:
    path = draft(house, "Langsame Leitung")
    held: list[Route] = []
    with at_desk(browser, house, "ada-ada-") as page:
        page.route("**/htmx.min.js", lambda route: held.append(route), times=1)
        page.goto(address(house, path), wait_until="commit")
        title_field(page).fill("Vor den Skripten getippt")
        expect(page.get_by_text("Gesichert wird erst, wenn Sie speichern")).to_be_visible()
        held[0].continue_()
        expect(page.get_by_text("Zwischengespeichert um")).to_be_visible()
        page.goto(address(house, f"{path}?typed=1"))
        expect(title_field(page)).to_have_value("Vor den Skripten getippt")


def test_what_could_not_be_kept_is_said_and_tried_again(house: House, browser: Browser) -> None:
    path = draft(house, "Funkloch")
    with at_desk(browser, house, "ada-ada-") as page:
        page.clock.install()
        page.goto(address(house, path))
        page.route("**/typed", lambda route: route.abort())
        title_field(page).fill("Im Funkloch getippt")
        page.clock.run_for(2_000)
        expect(page.get_by_text("Noch nicht zwischengespeichert: Der Server")).to_be_visible()
        page.unroute("**/typed")
        page.clock.run_for(5_000)
        expect(page.get_by_text("Zwischengespeichert um")).to_be_visible()
        expect(page.get_by_text("Noch nicht zwischengespeichert")).to_be_hidden()


def test_a_session_that_ends_while_somebody_writes_costs_nothing(house: House, browser: Browser) -> None:
    path = draft(house, "Lange Pause")
    with at_desk(browser, house, "ada-ada-") as page:
        page.clock.install()
        page.goto(address(house, path))
        page.context.clear_cookies()
        title_field(page).fill("Nach der Pause getippt")
        page.clock.run_for(2_000)
        expect(page.get_by_text("Noch nicht zwischengespeichert: Sie sind abgemeldet")).to_be_visible()
        page.context.add_cookies([{"name": "signed", "value": "ben-ben-", "url": house.url}])
        page.clock.run_for(5_000)
        expect(page.get_by_text("Zwischengespeichert um")).to_be_visible()
        page.get_by_role("button", name="Speichern", exact=True).click()
        expect(page.get_by_role("heading", name="Nach der Pause getippt")).to_be_visible()


def test_a_publisher_publishes_with_the_keyboard_alone(house: House, browser: Browser) -> None:
    path = draft(house, "Nur mit Tasten")
    with at_desk(browser, house) as page:
        page.goto(address(house, NEWS))
        page.get_by_label("Suchen").focus()
        page.keyboard.type("tasten")
        page.keyboard.press("Enter")
        page.wait_for_url("**q=tasten**")
        tab_to(page, "Nur mit Tasten")
        page.keyboard.press("Enter")
        expect(page).to_have_url(address(house, path))
        tab_to(page, "Speichern und veröffentlichen")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Veröffentlicht: Nur mit Tasten")).to_be_visible()
    assert "Nur mit Tasten" in house.do(titles(house.town))


def tab_to(page: Page, text: str) -> None:
    """Press the tab key until what is focused says this, as somebody does who has no mouse."""
    for _ in range(90):
        page.keyboard.press("Tab")
        if page.evaluate("() => document.activeElement.textContent.trim()") == text:
            return
    raise AssertionError(f"the tab key never came to {text!r}")


def test_two_editors_find_out_and_decide(house: House, browser: Browser) -> None:
    path = draft(house, "Zwei zugleich")
    with at_desk(browser, house, "ada-ada-") as ada, at_desk(browser, house) as ben:
        for page in (ada, ben):
            page.goto(address(house, path))
        for page, title in ((ben, "Von Ben"), (ada, "Von Ada")):
            page.get_by_role("group", name="Überschrift").get_by_label("Deutsch").fill(title)
            page.get_by_role("button", name="Speichern", exact=True).click()
        expect(ada.get_by_role("heading", name="Zwei haben denselben Inhalt bearbeitet")).to_be_visible()
        expect(ada.get_by_text("Von Ben")).to_be_visible()
        ada.get_by_role("button", name="Meinen Text als neue Fassung speichern").click()
        expect(ada.get_by_role("heading", name="Von Ada")).to_be_visible()


def test_an_event_that_repeats_is_entered_in_plain_terms_on_a_phone(house: House, browser: Browser) -> None:
    with at_desk(browser, house, width=390) as page:
        page.goto(address(house, "content/events/event/new"))
        page.get_by_role("group", name="Titel").get_by_label("Deutsch").fill("Sprechstunde")
        page.get_by_label("Beginn").fill("2026-11-24T17:00")
        page.get_by_label("Wiederholung").select_option(
            "jeden Monat am selben Wochentag (zum Beispiel am ersten Montag)"
        )
        page.get_by_label("Veranstaltungsort").fill("Rathaus")
        expect(page.get_by_text("Jeden Monat am vierten Dienstag")).to_be_visible()
        page.get_by_role("button", name="Speichern und veröffentlichen").click()
        expect(page.get_by_text("Veröffentlicht: Sprechstunde")).to_be_visible()
    shown = house.do(house.town.ask("events { upcoming(first: 2) { title start venue { address } } }"))
    assert shown["events"]["upcoming"] == [
        {"title": "Sprechstunde", "start": f"{day}T17:00:00+01:00", "venue": {"address": "Markt 1"}}
        for day in ("2026-11-24", "2026-12-22")
    ]


def test_a_place_is_entered_with_a_picture_and_its_hours_explained(
    house: House, browser: Browser, picture: bytes, tmp_path: Path
) -> None:
    (tmp_path / "bad.png").write_bytes(picture)
    with at_desk(browser, house) as page:
        page.goto(address(house, "content/places/place/new"))
        page.get_by_role("group", name="Name").get_by_label("Deutsch").fill("Freibad")
        page.get_by_label("Art des Ortes").select_option("🏊 Schwimmbad")
        page.get_by_label("Breite").fill("51,96")
        page.get_by_label("Länge").fill("17,63")
        page.get_by_label("Öffnungszeiten").fill("Mo-Fr 08:00-18:00")
        page.get_by_text("Bild 1").click()
        page.get_by_label("Datei hochladen").set_input_files(tmp_path / "bad.png")
        page.get_by_label("Was ist zu sehen?").fill("Das Becken")
        page.get_by_role("button", name="Speichern und veröffentlichen").click()
        expect(page.get_by_text("Der Punkt liegt nicht in Teststadt").first).to_be_visible()
        page.get_by_label("Länge").fill("7,63")
        expect(page.get_by_text("Montag: 08:00–18:00 Uhr")).to_be_visible()
        page.get_by_role("button", name="Speichern und veröffentlichen").click()
        expect(page.get_by_text("Veröffentlicht: Freibad")).to_be_visible()
    shown = house.do(house.town.ask("places { near { name category image { alt } } }"))
    assert shown["places"]["near"] == [{"name": "Freibad", "category": "Schwimmbad", "image": {"alt": "Das Becken"}}]


def test_an_imported_item_is_corrected_without_scripts(house: House, browser: Browser) -> None:
    with at_desk(browser, house, java_script_enabled=False) as page:
        page.goto(address(house, f"{NEWS}/imported"))
        page.get_by_role("link", name="Schwimbad zu").click()
        page.get_by_label("Überschrift").fill("Schwimmbad zu")
        page.get_by_role("button", name="Korrektur speichern").click()
        expect(page.get_by_text("Die Korrektur ist gespeichert")).to_be_visible()
    assert "Schwimmbad zu" in house.do(titles(house.town))


def test_an_item_goes_to_a_neighbour_and_comes_back_when_it_is_withdrawn(house: House, browser: Browser) -> None:
    path = draft(house, "Gruß aus {city}")
    with at_desk(browser, house) as ours, at_desk(browser, house) as theirs:
        ours.goto(address(house, path))
        ours.get_by_role("button", name="Veröffentlichen", exact=True).click()
        ours.get_by_role("link", name="Mit anderen Städten teilen").click()
        ours.get_by_label("Suedstadt").check()
        ours.get_by_role("button", name="Anbieten").click()
        theirs.goto(address(house, "shared", "suedstadt"))
        theirs.get_by_role("link", name="Gruß aus {city}").click()
        theirs.get_by_role("button", name="Als Entwurf übernehmen").click()
        expect(theirs.get_by_text("Dieser Inhalt stammt aus Teststadt")).to_be_visible()
        theirs.get_by_role("button", name="Veröffentlichen", exact=True).click()
        expect(theirs.get_by_text("Veröffentlicht: ").first).to_be_visible()
        ours.get_by_role("button", name="Angebot zurückziehen").click()
        theirs.reload()
        expect(theirs.get_by_text("Die andere Stadt hat ihn zurückgezogen")).to_be_visible()


PAGES = (NEWS, f"{NEWS}/imported", f"{NEWS}/new", "content/events/event/new", "content/places/place/new", "shared")
BEHIND = ("", "/history", "/share", "/preview")


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_every_page_fits_and_is_accessible(
    house: House, browser: Browser, axe: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    path = draft(house, "Ein Titel mit einem Donaudampfschifffahrtsgesellschaftskapitänspatent")
    found: list[Any] = []
    with at_desk(browser, house, width=width, scheme=scheme, bypass_csp=True) as page:

        def look(one: str) -> None:
            page.wait_for_load_state("networkidle")
            for details in page.locator("main details > summary").all():
                details.click()
            if page.evaluate("document.documentElement.scrollWidth - window.innerWidth") > 0:
                found.append((one, "is wider than the screen"))
            page.evaluate(axe)
            found.extend((one, violation) for violation in page.evaluate(AXE))

        for one in (*PAGES, *(path + end for end in BEHIND)):
            page.goto(address(house, one))
            look(one)
        page.goto(address(house, f"{NEWS}/imported"))
        page.locator("main a.over").first.click()
        page.get_by_label("Überschrift").fill("Schwimmbad geschlossen")
        page.get_by_role("button", name="Korrektur speichern").click()
        expect(page.get_by_role("button", name="Wieder der Quelle folgen")).to_be_visible()
        look("a correction")
        page.goto(address(house, path))
        saved_by_another(house, path)
        title_field(page).fill("Von Ben")
        page.get_by_role("button", name="Speichern", exact=True).click()
        expect(page.get_by_role("heading", name="Zwei haben denselben Inhalt bearbeitet")).to_be_visible()
        look("a conflict")
        page.goto(address(house, path))
        page.get_by_role("button", name="Veröffentlichen", exact=True).click()
        page.get_by_role("link", name="Mit anderen Städten teilen").click()
        page.get_by_label("Suedstadt").check()
        page.get_by_role("button", name="Anbieten").click()
        page.goto(address(house, "shared", "suedstadt"))
        page.get_by_role("link", name="Von Ada").first.click()
        expect(page.get_by_role("button", name="Als Entwurf übernehmen")).to_be_visible()
        look("an offer")
    assert found == []


def saved_by_another(house: House, path: str) -> None:
    async def write() -> None:
        at = desk(house.town, by="Ada")
        async with at.ctx.transaction() as session:
            item = await find(session, at, path.rpartition("/")[2], write=True)
            await save(session, at, item, news("Von Ada"), item.version)

    house.do(write())
