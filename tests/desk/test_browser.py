"""Case workers and city admins in a real browser: by keyboard alone, on a phone, in the dark, without scripts."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest
from allmende import cases
from allmende.accounts.signing_in import sign_in_link
from allmende.accounts.staff import OPERATOR, add_staff
from allmende.files.upload import take_in
from allmende.graphql.compose import Composed
from allmende.reader import Reader
from allmende.testing import Town
from allmende.testing.databases import SQLite
from playwright.sync_api import Browser, Page, expect

from tests.desk.house import House, open_house
from tests.desk.test_admin import counted, message
from tests.desk.test_cases import CONFIG as REPORTS
from tests.desk.test_cases import CREATE, TEMPLATES
from tests.desk.test_content_browser import address, at_desk, tab_to
from tests.desk.test_feeds import CONFIG as PLACES
from tests.desk.test_feeds import PATH as SOURCE
from tests.desk.test_feeds import table
from tests.files.photos import photo
from tests.pages.conftest import browser as browser
from tests.pages.test_browser import AXE
from tests.pages.test_browser import axe as axe

ROLES = (("admin", "*"), ("publisher", "*"), ("case_worker", "*"))
TEXT = "Die Laterne vor Haus 7 ist aus.\nAuch die am Donaudampfschifffahrtsgesellschaftskapitänspatentplatz flackert."


@dataclass
class Hall:
    """A town hall with one member of staff, a case with a picture and a message, and an import that is held."""

    house: House
    account: str
    case: str
    number: str
    state: Any = None
    """Cookies of the member of staff once they have signed in."""


@pytest.fixture(scope="module")
def hall(composed: Composed, sqlite: SQLite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hall]:
    folder = tmp_path_factory.mktemp("hall")
    shutil.copy(sqlite.template(), folder / "database.sqlite")
    with open_house(composed, f"sqlite:///{folder / 'database.sqlite'}", folder) as house:
        yield house.do(furnish(house))


async def furnish(house: House) -> Hall:
    town = house.town
    town.write("city.toml", (town.folder / "city.toml").read_text() + TEMPLATES)
    town.write("data/aemter.csv", table(1, 2, 3, 4, 5, 6))
    town.switch_on("reports", REPORTS)
    town.switch_on("places", PLACES % 'file = "data/aemter.csv"')
    await town.load()
    town.write("data/aemter.csv", table(1, name="Rathaus"))
    await town.load()
    town.neighbour().switch_on("reports", REPORTS)
    account = await add_staff(
        town.instance.services.accounts, town.slug, "probe@example.org", "Bürgerbüro", ROLES, by=OPERATOR
    )
    await report(town, "Sperrmüll", lat=51.9601)
    number = await report(town, TEXT, pictures=2)
    async with town.instance.database.transaction(town.slug) as session:
        case = await cases.find(session, number=number)
        assert case
        ctx = town.context("reports", reader=Reader(kind="staff", id=account, city=town.slug, name="Bürgerbüro"))
        await cases.message(session, ctx, case, "Wir sehen nach. Welche Nummer steht am Mast?", asks=True)
        await cases.note(session, ctx, case, "Der Bauhof kennt die Stelle.")
        session.add_all(message("Bombenfund am Bahnhof", sent=40, failed=2))
        session.add_all(one for one in counted() if one.measure != "report")  # those are counted already
    return Hall(house, account, case.id, number)


async def report(town: Town, text: str, *, lat: float = 51.96, pictures: int = 0) -> str:
    """A report of a citizen, sent as the app sends it; its number."""
    services = town.instance.services
    taken = [
        await take_in(services.database, services.store, town.slug, photo(640, 480 + n), town.now)
        for n in range(pictures)
    ]
    given = {"city": town.slug, "idempotencyKey": str(uuid4()), "category": "light", "lat": lat, "lon": 7.63}
    body = await town.answer(
        CREATE, input={**given, "text": text, "address": "Markt 7", "photos": [file.id for file in taken]}
    )
    assert "errors" not in body, body
    return str(body["data"]["reportsCreate"]["number"])


def link(hall: Hall) -> str:
    """The one-time link that the command line prints for somebody new."""
    accounts = hall.house.town.instance.services.accounts
    return address(hall.house, f"enter?link={hall.house.do(sign_in_link(accounts, 'teststadt', hall.account))}")


@pytest.fixture
def signed(hall: Hall, browser: Browser) -> dict[str, Any]:
    """For a browser that has signed in already."""
    if hall.state is None:
        with at_desk(browser, hall.house, "") as page:
            page.goto(link(hall))
            page.get_by_role("button", name="Jetzt anmelden").click()
            expect(page.get_by_role("heading", name="Guten Tag, Bürgerbüro")).to_be_visible()
            hall.state = page.context.storage_state()
    return {"storage_state": hall.state}


def test_a_case_worker_signs_in_and_answers_with_the_keyboard_alone(hall: Hall, browser: Browser) -> None:
    number = hall.house.do(report(hall.house.town, "Laterne am Bahnhof"))
    with at_desk(browser, hall.house, "") as page:
        page.goto(link(hall))
        press(page, "Jetzt anmelden")
        expect(page.get_by_role("heading", name="Guten Tag, Bürgerbüro")).to_be_visible()
        press(page, "Eingang")
        page.get_by_label("Suchen").focus()
        page.keyboard.type(number)
        page.keyboard.press("Enter")
        page.wait_for_url(f"**q={number}**")
        expect(page.get_by_text("Ein Anliegen")).to_be_visible()
        press(page, "Laterne defekt")
        expect(page.get_by_text("Laterne am Bahnhof")).to_be_visible()
        while page.evaluate("document.activeElement.id") != "f-text":
            page.keyboard.press("Tab")
        page.keyboard.type("Danke, der Bauhof kommt morgen.")
        press(page, "Absenden")
        expect(page.get_by_text("Die Nachricht ist abgeschickt.")).to_be_visible()
        expect(page.get_by_role("listitem").filter(has_text="Danke, der Bauhof kommt morgen.")).to_be_visible()


def press(page: Page, text: str) -> None:
    tab_to(page, text)
    page.keyboard.press("Enter")


def test_the_map_opens_with_the_keyboard_and_leads_to_the_list(
    hall: Hall, browser: Browser, signed: dict[str, Any]
) -> None:
    with at_desk(browser, hall.house, **signed) as page:
        page.goto(address(hall.house, "cases-map"))
        page.locator("svg.map a").first.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**box=**")
        expect(page.get_by_role("link", name="Die ganze Stadt")).to_be_visible()
        page.locator("svg.map a").first.focus()
        page.keyboard.press("Enter")  # they lie within a few metres: the map does not open any further
        expect(page.get_by_role("heading", name="Dieselben als Liste")).to_be_focused()
        press(page, "Laterne defekt")
        expect(page.get_by_role("heading", name="Worum es geht")).to_be_visible()


def test_a_case_is_worked_on_and_handed_over_without_scripts(
    hall: Hall, browser: Browser, signed: dict[str, Any]
) -> None:
    number = hall.house.do(report(hall.house.town, "Das liegt beim Nachbarn"))
    with at_desk(browser, hall.house, java_script_enabled=False, **signed) as page:
        page.goto(address(hall.house, "cases"))
        page.get_by_label("Suchen").fill(number)
        page.get_by_role("button", name="Filtern").click()
        page.get_by_role("link", name="Laterne defekt").click()
        page.get_by_label("Neuer Stand").select_option("in_progress")
        page.get_by_role("button", name="Stand ändern").click()
        expect(page.get_by_text("Der Stand ist geändert.")).to_be_visible()
        page.get_by_text("An eine andere Stadt oder Stelle").click()
        page.get_by_label("An eine Stadt").select_option("nachbardorf")
        page.get_by_role("button", name="Abgeben und hier schließen").click()
        expect(page.get_by_text("Das Anliegen ist abgegeben: Nachbardorf")).to_be_visible()
        expect(page.get_by_role("button", name="Abgeben und hier schließen")).to_have_count(0)
        with page.expect_download() as download:
            page.get_by_role("link", name="Als Seite").click()
        assert download.value.suggested_filename == f"{number}.html"


def test_a_file_is_looked_at_before_it_counts(
    hall: Hall, browser: Browser, axe: str, signed: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "neu.csv").write_text(table(1, 2, 3, 4, 5, 6, 7))
    with at_desk(browser, hall.house, width=320, bypass_csp=True, **signed) as page:
        page.goto(address(hall.house, f"{SOURCE}/upload"))
        page.get_by_label("Datei").set_input_files(tmp_path / "neu.csv")
        page.get_by_role("button", name="Ansehen").click()
        expect(page.get_by_text("kommt neu").first).to_be_visible()
        assert faults(page, axe) == []


PAGES = (
    "", "account", "account/second", "cases", "cases-map", "cases-figures", "feeds", SOURCE, f"{SOURCE}/held",
    f"{SOURCE}/upload", "modules", "settings", "usage", "users", "users/new", "tokens", "pushes", "log", "export",
)  # fmt: skip
OPEN = ("sign-in", "enter")


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (1280, "dark")])
def test_every_page_fits_and_is_accessible(
    hall: Hall, browser: Browser, axe: str, signed: dict[str, Any], width: int, scheme: Literal["light", "dark"]
) -> None:
    found: list[Any] = []
    options: dict[str, Any] = {"width": width, "scheme": scheme, "bypass_csp": True}
    with at_desk(browser, hall.house, **options, **signed) as page, at_desk(browser, hall.house, "", **options) as new:
        mine = (*PAGES, f"users/{hall.account}", f"cases/{hall.case}")
        for path, tab in (*((path, page) for path in mine), *((path, new) for path in OPEN)):
            answer = tab.goto(address(hall.house, path))
            assert answer
            assert answer.status == 200, path
            for details in tab.locator("main details > summary").all():
                details.click()
            found += [(path, fault) for fault in faults(tab, axe)]
        expect(page.get_by_alt_text("Bild 2 zum Anliegen")).to_be_visible()
    assert found == []


def faults(page: Page, axe: str) -> list[Any]:
    """What is wrong with the page that is open: it is wider than the screen, a photo does not load, what axe finds."""
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth") > 0
    photos = page.locator("main img.photo")
    loads = "photo => photo.decode().then(() => true, () => false)"
    lost = [photo.get_attribute("src") for photo in photos.all() if not photo.evaluate(loads)]
    page.evaluate(axe)
    return [*(["is wider than the screen"] if wide else []), *lost, *page.evaluate(AXE)]
