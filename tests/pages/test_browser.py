"""The pages as people meet them: in a real browser, on phone and desk, light and dark, by keyboard, without scripts."""

from __future__ import annotations

import asyncio
import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import httpx2
import pytest
from allmende.db.engine import Database
from allmende.feeds.tables import FeedSource
from playwright.sync_api import Browser, Page
from sqlalchemy import select

from tests.server import Server

NODE = Path(__file__).parents[1] / "node_modules"
CITIES = ("beckum", "dortmund", "guetersloh", "muenster", "musterstadt", "rheda-wiedenbrueck")
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
PAGES = ("", *CITIES, "musterstadt/privacy", "no-such-city")
AXE = "async () => (await axe.run()).violations.map(v => [v.id, v.nodes.map(n => n.html)])"
Change = tuple[str, str, dict[str, Any]]
"""Plugin, source, values."""
PAST = datetime(2000, 1, 1, tzinfo=UTC)
FOCUSED = "() => document.activeElement.id || document.activeElement.textContent.trim().split('\\n')[0]"


@pytest.fixture(scope="session")
def axe() -> str:
    npm = shutil.which("npm")
    source = NODE / "axe-core" / "axe.min.js"
    if not source.is_file():
        if npm is None:
            pytest.skip("axe-core is an npm package, and npm is not on this machine")
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=NODE.parent, check=True, timeout=300)
    return source.read_text()


@contextmanager
def opened(
    browser: Browser, *, width: int = 1280, scheme: Literal["light", "dark"] = "light", **options: Any
) -> Iterator[Page]:
    """A fresh page, for a German reader unless said otherwise."""
    options = {"locale": "de-DE", **options}
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **options)
    try:
        yield context.new_page()
    finally:
        context.close()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("path", PAGES)
def test_page_fits_is_accessible_and_loads_only_from_here(
    server: Server, browser: Browser, axe: str, path: str, width: int
) -> None:
    asked: set[str] = set()
    with opened(browser, width=width, bypass_csp=True) as page:
        page.on("request", lambda request: asked.add(request.url))
        answer = page.goto(f"{server.url}/{path}", wait_until="networkidle")
        assert answer is not None
        assert answer.status == (404 if path == "no-such-city" else 200)
        for details in page.locator("details > summary").all():
            details.click()
        page.evaluate(axe)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
            assert page.evaluate(AXE) == [], scheme
        assert {urlsplit(url).netloc for url in asked} == {urlsplit(server.url).netloc}


def test_page_needs_no_script(server: Server, browser: Browser) -> None:
    with opened(browser, java_script_enabled=False) as page:
        page.goto(f"{server.url}/musterstadt")
        page.get_by_label("Straße und Hausnummer").fill("Marktstraße 3")
        page.get_by_role("button", name="Anzeigen").click()
        assert "waste_street=Marktstra" in page.url
        assert page.get_by_label("Straße und Hausnummer").input_value().startswith("Marktstraße")
        assert page.locator("section[aria-labelledby=module-waste] li").count() > 0
        assert "<script" not in page.content()
        page.get_by_label("Straße und Hausnummer").fill("Nirgendweg 9")
        page.get_by_role("button", name="Anzeigen").click()
        assert (
            page.locator("section[aria-labelledby=module-waste] [role=status]").inner_text().startswith("Diese Adresse")
        )
        assert page.get_by_label("Straße und Hausnummer").input_value() == "Nirgendweg 9", "to be corrected"


def test_keyboard_reaches_everything_in_reading_order(server: Server, browser: Browser) -> None:
    with opened(browser) as page:
        page.goto(f"{server.url}/musterstadt")
        reached = []
        for _ in range(60):
            page.keyboard.press("Tab")
            reached.append(page.evaluate(FOCUSED))
        wanted = ["Zum Inhalt", "Alle Städte", "Deutsch", "English", "waste_street", "Anzeigen"]
        wanted.append(page.locator("summary").first.inner_text())
        assert [name for name in reached if name in wanted][: len(wanted)] == wanted
        page.goto(f"{server.url}/musterstadt")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.url.endswith("#content")
        page.locator("summary").focus()
        page.keyboard.press("Enter")
        assert page.get_by_role("region", name="Abfrage", exact=True).is_visible()


def test_language_switch_changes_the_texts(server: Server, browser: Browser) -> None:
    with opened(browser) as page:
        page.goto(f"{server.url}/musterstadt")
        assert page.locator("html").get_attribute("lang") == "de"
        german = page.locator("h2").all_inner_texts()
        page.get_by_role("link", name="English").click()
        assert page.locator("html").get_attribute("lang") == "en"
        english = page.locator("h2").all_inner_texts()
        assert len(german) == len(english)
        assert {"Abfallkalender", "Veranstaltungen"} <= set(german)
        assert {"Waste calendar", "Events"} <= set(english)
        page.get_by_label("Street and house number").fill("Marktstraße 3")
        page.get_by_role("button", name="Show").click()
        assert page.locator("html").get_attribute("lang") == "en"


def test_reader_s_language_comes_from_the_browser(server: Server, browser: Browser) -> None:
    for locale, expected in (("nl-NL", "nl"), ("en-GB", "en"), ("fr-FR", "de")):
        with opened(browser, locale=locale) as page:
            page.goto(f"{server.url}/muenster")
            assert page.locator("html").get_attribute("lang") == expected


def test_operation_on_the_page_gives_the_answer_on_the_page(server: Server) -> None:
    for city in CITIES:
        shown = httpx2.get(f"{server.url}/{city}", headers={"Accept-Language": "en"}, timeout=60).text
        query, variables, answer = (html.unescape(text) for text in re.findall(r"<pre[^>]*>(.*?)</pre>", shown, re.S))
        body = {"query": query, "variables": json.loads(variables)}
        again = httpx2.post(f"{server.url}/graphql", json=body, headers={"Accept-Language": "en"}, timeout=60).json()
        assert again == json.loads(answer)
        assert "errors" not in again
        home = again["data"]["city"]
        for module in home["modules"]:
            assert (home[module["name"]] is None) == (module["status"] == "OFF")
        for item in ((home["news"] or {}).get("latest") or []) + ((home["events"] or {}).get("upcoming") or []):
            assert html.escape(item["title"], quote=False) in shown or item["title"] in html.unescape(shown)


def test_modules_that_are_off_stale_or_failed_look_like_it(server: Server, browser: Browser, folder: Path) -> None:
    kept = change(
        folder, [("places", "%", {"status": "failed", "last_success": None}), ("news", "%", {"stale_at": PAST})]
    )
    try:
        with opened(browser) as page:
            page.goto(f"{server.url}/muenster")
            places, news = (page.locator(f"section[aria-labelledby=module-{name}]") for name in ("places", "news"))
            assert places.locator(".badge.failed").inner_text() == "gestört"
            assert places.locator(".reason").inner_text().endswith("zurzeit nicht verfügbar.")
            assert news.locator(".badge.stale").inner_text() == "Daten veraltet"
            assert "wird zurzeit nicht aktualisiert" in news.locator(".reason").inner_text()
            assert news.locator("li").count() == 5, "the last good data stays"
            assert page.locator("section[aria-labelledby=module-events] header .badge").count() == 0
            page.goto(f"{server.url}/beckum")
            off = ["📣 Mängelmelder", "📍 Orte", "🅿️ Parken", "⚠️ Warnungen"]
            assert sorted(page.locator(".card.off li").all_inner_texts(), key=lambda text: text.split()[1]) == off
            assert page.locator("#module-places").count() == 0
    finally:
        change(folder, kept)


def change(folder: Path, changes: list[Change]) -> list[Change]:
    """Put values into Münster's sources, as another process of this program would; gives what was there before."""

    async def run() -> list[Change]:
        database, before = Database(f"sqlite:///{folder / 'instance.sqlite'}"), []
        async with database.transaction("muenster") as session:
            for plugin, which, values in changes:
                chosen = select(FeedSource).where(FeedSource.plugin == plugin, FeedSource.source.like(which))
                for source in await session.scalars(chosen):
                    before.append((plugin, source.source, {name: getattr(source, name) for name in values}))
                    for name, value in values.items():
                        setattr(source, name, value)
        await database.close()
        return before

    with ThreadPoolExecutor(1) as thread:  # in this one, the browser's event loop is running
        return thread.submit(asyncio.run, run()).result()


def test_graphiql_opens_with_the_city_s_operation_and_runs_it(server: Server, browser: Browser) -> None:
    asked: set[str] = set()
    with opened(browser, locale="en-GB") as page:
        page.on("request", lambda request: asked.add(request.url))
        page.goto(f"{server.url}/musterstadt")
        page.locator("summary").click()
        page.get_by_role("link", name="Open in GraphiQL").click()
        page.locator(".graphiql-execute-button").click()
        page.locator(".result-window", has_text='"Musterstadt"').wait_for()
        page.get_by_role("button", name="Show Documentation Explorer").click()
        page.locator(".graphiql-doc-explorer-content", has_text="Root Types").wait_for()
        page.locator(".graphiql-query-editor .CodeMirror").click()
        page.keyboard.press("Control+a")
        page.keyboard.type("{ cit")
        page.keyboard.press("Control+Space")
        assert page.locator(".CodeMirror-hints li").first.inner_text().startswith("cit")
        assert {urlsplit(url).netloc for url in asked} - {""} == {urlsplit(server.url).netloc}
