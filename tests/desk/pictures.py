"""`make pictures`: the pictures of docs/desk.md, made from a fresh instance in which people of the town hall work.

Each shows a page on a desktop and on a phone, one of them dark.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect, sync_playwright

from tests.desk import shopwindow
from tests.desk.shopwindow import CITY
from tests.pages.browser import launch
from tests.pages.pictures import save
from tests.server import ROOT, Server, clean_environment, eventually, instance

CITIES = ("_shared", CITY, "beckum", "guetersloh")
DESKTOP, PHONE, GAP, HEIGHT = 1200, 360, 24, 760
"""Widths, and how high a picture is."""
HEAD = 76
"""Height of what stays at the top while one scrolls."""
WRITERS, EDITORS, WORKERS, ADMINS = shopwindow.TEAM
HELD = "feeds/places/osm"
NEWS = "content/news/item"
ARTICLES = (
    ("Freibad öffnet am 2. Mai", "Das Freibad öffnet um **10 Uhr**.", "veröffentlichen"),
    ("Bürgerbüro am Freitag geschlossen", "Wir ziehen in den ersten Stock.", "veröffentlichen"),
    ("Termine der Seniorenberatung", "Die Beratung ist jeden Dienstag im Rathaus.", ""),
)
HANDED_IN = ("Neue Radwege in der Innenstadt", "Ab Montag baut die Stadt zwei neue Radwege.", "einreichen")
LONG = (
    "Das Freibad öffnet am **2. Mai** um 10 Uhr. Der Eintritt ist am ersten Tag frei. "
    "Neu sind ein flaches Becken für Kinder und Umkleiden ohne Stufen.\n\n"
    "Alle Zeiten und Preise stehen [auf der Seite der Bäder](https://www.musterstadt.example/baeder)."
)


class Shot(NamedTuple):
    """A page as this account sees it; on the desktop in this scheme, on the phone in the other one."""

    name: str
    who: str
    path: str
    scheme: Literal["light", "dark"] = "light"
    at: str = ""
    """What is scrolled to on the phone."""
    wide_at: str = ""
    """And on the desktop."""
    height: int = HEIGHT


@contextmanager
def signed_in(browser: Browser, server: Server, links: dict[str, str], who: str) -> Iterator[Page]:
    """A page of somebody who has signed in by the link that the command line has printed."""
    context = browser.new_context(viewport={"width": DESKTOP, "height": HEIGHT}, locale="de-DE")
    page = context.new_page()
    page.goto(links[who])
    page.get_by_role("button", name="Jetzt anmelden").click()
    expect(page.get_by_role("heading", name="Guten Tag")).to_be_visible()
    try:
        yield page
    finally:
        context.close()


def field(page: Page, name: str) -> Locator:
    """The German text, in cities of one language and of several."""
    of_many = page.get_by_role("group", name=name, exact=True).get_by_label("Deutsch")
    return of_many.or_(page.get_by_role("textbox", name=name, exact=True))


def write(page: Page, base: str, title: str, text: str, then: str = "") -> None:
    """An article of the editors, as they write it: kept as a draft, handed in, or published."""
    page.goto(f"{base}/{NEWS}/new")
    field(page, "Überschrift").fill(title)
    field(page, "Text").fill(text)
    page.get_by_role("button", name=f"Speichern und {then}" if then else "Speichern", exact=not then).click()
    expect(page.get_by_role("heading", name=title, level=1)).to_be_visible()


def offer(page: Page, base: str, title: str, text: str) -> None:
    """An article of another city, which all others may take over."""
    write(page, base, title, text, "veröffentlichen")
    page.get_by_role("link", name="Mit anderen Städten teilen").click()
    page.get_by_label("Allen Städten anbieten").check()
    page.get_by_role("button", name="Anbieten", exact=True).click()
    expect(page.get_by_text("Musterstadt").last).to_be_visible()


def work(page: Page, base: str, ids: list[str]) -> None:
    """One case is asked about and noted on, three others are done with."""
    first = f"{base}/cases/{ids[0]}"
    for to, text in (
        ("Frage an die einreichende Person", "Danke für Ihre Meldung. Flackert die Laterne auch bei trockenem Wetter?"),
        ("Nur Kolleginnen und Kollegen (Notiz)", "Der Mast steht auf der Liste für den Austausch im Frühjahr."),
    ):
        page.goto(first)
        page.get_by_role("region", name="Antworten").get_by_label("Text").fill(text)
        page.get_by_label("Für wen").select_option(label=to)
        page.get_by_role("button", name="Absenden").click()
        expect(page.get_by_text(text)).to_be_visible()
    page.get_by_role("region", name="Zuständig").get_by_label("Wer").select_option(label=WORKERS)
    page.get_by_role("region", name="Zuständig").get_by_role("button", name="Speichern").click()
    for id_, status in ((ids[6], "erledigt"), (ids[9], "erledigt"), (ids[2], "in Bearbeitung")):
        page.goto(f"{base}/cases/{id_}")
        page.get_by_label("Neuer Stand").select_option(label=status)
        page.get_by_role("button", name="Stand ändern").click()
        expect(page.get_by_text("Der Stand ist geändert.")).to_be_visible()


def hold(page: Page, base: str, cities: Path) -> None:
    """A source loses most of what it had, so that its import waits for somebody who decides."""
    file = cities / CITY / "data/osm.json"
    found = json.loads(file.read_text())
    file.write_text(json.dumps({**found, "elements": found["elements"][:2]}))

    def waits() -> bool:
        page.goto(f"{base}/{HELD}")
        return page.get_by_role("link", name="Vergleichen und entscheiden").count() > 0

    eventually(waits)


def taken(page: Page, address: str, shot: Shot) -> Image.Image:
    """Desktop and phone beside each other."""
    pair = Image.new("RGB", (DESKTOP + GAP + PHONE, shot.height), "#8a938f")
    other: Literal["light", "dark"] = "dark" if shot.scheme == "light" else "light"
    for width, scheme, x in ((DESKTOP, shot.scheme, 0), (PHONE, other, DESKTOP + GAP)):
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size({"width": width, "height": shot.height})
        page.goto(address)
        if shot.name == "desk-editor":
            page.get_by_role("button", name="Vorschau").click()
            expect(page.locator("#preview h3").first).to_be_visible()
            page.evaluate("scrollTo(0, 0)")
        if at := shot.at if width == PHONE else shot.wide_at:
            below = page.locator(at).first.evaluate("it => it.getBoundingClientRect().top + scrollY")
            page.evaluate("top => scrollTo(0, top)", below - HEAD)
        pair.paste(Image.open(BytesIO(page.screenshot())), (x, 0))
    return pair


def shots(article: str, case: str) -> tuple[Shot, ...]:
    return (
        Shot("desk-content", EDITORS, NEWS),
        Shot("desk-editor", EDITORS, article, at="#preview", wide_at="fieldset:has(> legend:text-is('Text'))"),
        Shot("desk-sharing", EDITORS, "shared", "dark"),
        Shot("desk-feeds", EDITORS, "feeds", "dark"),
        Shot("desk-held", EDITORS, f"{HELD}/held"),
        Shot("desk-inbox", WORKERS, "cases"),
        Shot("desk-case", WORKERS, f"cases/{case}", "dark", at="section[aria-labelledby=answer]", height=1280),
        Shot("desk-map", WORKERS, "cases-map", at="svg.map", height=1180),
        Shot("desk-figures", WORKERS, "cases-figures", "dark"),
        Shot("desk-modules", ADMINS, "modules", "dark"),
        Shot("desk-users", ADMINS, "users/new"),
        Shot("desk-usage", ADMINS, "usage"),
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for slug in CITIES:
            shutil.copytree(ROOT / "cities" / slug, folder / "cities" / slug)
        environ = {"ALLMENDE_CITIES": str(folder / "cities")}
        with instance(folder, **environ) as server, sync_playwright() as playwright:
            database = folder / "instance.sqlite"
            command = clean_environment(ALLMENDE_DATABASE=f"sqlite:///{database}", **environ)
            ids = shopwindow.report(server, database)
            shopwindow.use(database)
            base, browser = f"{server.url}/{CITY}/desk", launch(playwright)
            with signed_in(browser, server, shopwindow.hire(server, command, "beckum"), EDITORS) as page:
                offer(
                    page, f"{server.url}/beckum/desk", "Heizung richtig einstellen", "So sparen Sie in {city} Energie."
                )
                offer(page, f"{server.url}/beckum/desk", "Warntag am 10. September", "Um 11 Uhr heulen die Sirenen.")
            links = shopwindow.hire(server, command)
            for who in shopwindow.TEAM:
                with signed_in(browser, server, links, who) as page:
                    article = ""
                    if who == WRITERS:
                        write(page, base, *HANDED_IN)
                    if who == EDITORS:
                        for title, text, then in ARTICLES:
                            write(page, base, title, text, then)
                            article = article or page.url
                        hold(page, base, folder / "cities")
                        page.goto(article)
                        field(page, "Text").fill(LONG)
                        page.get_by_role("button", name="Speichern", exact=True).click()
                        expect(page.get_by_role("region", name="Stand")).to_contain_text("sichtbar ist Fassung 1")
                    if who == WORKERS:
                        work(page, base, ids)
                    for shot in shots(article.removeprefix(f"{base}/"), ids[0]):
                        if shot.who == who:
                            sys.stdout.write(f"{save(taken(page, f'{base}/{shot.path}', shot), shot.name)}\n")
            browser.close()


if __name__ == "__main__":
    main()
