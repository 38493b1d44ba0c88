"""The example app of docs/app in a real browser, from a report that is filed without a connection until it is closed.

Everything is real but the browser maker's own push service, which is on the internet: the push service of these tests
decrypts what is sent to it, and the debugger hands that to the service worker.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import AsyncExitStack
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from allmende.accounts.signing_in import sign_in_link
from allmende.accounts.staff import OPERATOR, add_staff
from allmende.graphql.compose import Composed
from allmende.notify.channels.webpush import public_key
from allmende.notify.delivery import deliver
from allmende.notify.ways import Ways
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from tests.desk.house import House, open_house
from tests.files.photos import photo
from tests.notify.people import KEY
from tests.notify.pushservice import PushService, serving
from tests.notify.pushservice import browser as push_address
from tests.pages.conftest import browser as browser
from tests.pages.test_browser import AXE
from tests.pages.test_browser import axe as axe
from tests.server import ROOT

APP = ROOT / "docs" / "app"
PUSH = f"""
[notify.webpush]
private_key = "secret:VAPID"
public_key = "{public_key(KEY)}"
subject = "mailto:it@teststadt.example"
"""
REPORTS = (ROOT / "plugins/reports/demo/reports.toml").read_text()
SUBSCRIBED = "PushManager.prototype.subscribe = async () => ({ toJSON: () => (%s) })"
"""Instead of registering with the browser maker; the subscription is one that the push service here can decrypt."""
SLOW = """StorageManager.prototype.persist = () => new Promise((done) => {
  setTimeout(done, 2000);
  addEventListener("change", () => setTimeout(done), { once: true });
})"""
"""A device has kept a draft just when the next report is begun: nothing of that one is lost."""
SHOWN = """async () => (await (await navigator.serviceWorker.ready).getNotifications())
  .map((one) => [one.title, one.data.link])"""


class Site(SimpleHTTPRequestHandler):
    """Serves the folder of the app, for another instance and city."""

    config = b""

    def do_GET(self) -> None:
        if self.path != "/config.js":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.end_headers()
        self.wfile.write(self.config)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Site, directory=str(APP)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def house(composed: Composed, database_url: str, tmp_path: Path, site: str) -> Iterator[House]:
    with open_house(composed, database_url, tmp_path) as house:
        town = house.town
        (town.instance.folder / "VAPID").write_text(KEY)
        town.write("city.toml", f'cors = ["{site}"]\n{(town.folder / "city.toml").read_text()}{PUSH}')
        town.switch_on("reports", REPORTS)
        town.neighbour().switch_on("reports", REPORTS)
        Site.config = f'export const API = "{house.url}";\nexport const CITY = "teststadt";\n'.encode()
        yield house


class Pushing:
    """The way from the town hall to the phone: `push.example` is the push service of these tests."""

    def __init__(self, house: House) -> None:
        self.house, self.service, self.stack = house, PushService(), AsyncExitStack()
        self.base = house.do(self.stack.enter_async_context(serving(self.service)))
        self.handed = 0

    def transport(self, http2: bool, connections: int) -> httpx2.AsyncBaseTransport:
        base = httpx2.URL(self.base)

        class There(httpx2.AsyncHTTPTransport):
            async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
                assert request.url.host == "push.example"
                request.url = request.url.copy_with(scheme="http", host=base.host, port=base.port)
                return await super().handle_async_request(request)

        return There()

    def deliver(self, page: Page) -> list[dict[str, Any]]:
        """Let the worker send what is due, and the debugger hand over what has come; what that is."""
        ways = Ways(secret=lambda reference: KEY, transport=self.transport, dial=None)  # type: ignore[arg-type]
        town = self.house.town
        self.house.do(deliver(ways, town.instance.database, town.city, lambda: town.now, 20))
        new = self.service.received.get(1, [])[self.handed :]
        self.handed += len(new)
        debugger, registrations = page.context.new_cdp_session(page), list[Any]()
        debugger.on(
            "ServiceWorker.workerRegistrationUpdated", lambda event: registrations.extend(event["registrations"])
        )
        debugger.send("ServiceWorker.enable")
        while not registrations:
            page.wait_for_timeout(50)
        for message in new:
            told = {"origin": page.evaluate("location.origin"), "data": json.dumps(message)}
            told["registrationId"] = registrations[-1]["registrationId"]
            debugger.send("ServiceWorker.deliverPushMessage", told)
        debugger.detach()
        return new

    def close(self) -> None:
        self.house.do(self.stack.aclose())


def phone(browser: Browser, locale: str = "de-DE") -> BrowserContext:
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, locale=locale, permissions=["notifications", "geolocation"],
        geolocation={"latitude": 51.96, "longitude": 7.63},
    )  # fmt: skip
    context.set_default_timeout(60_000)
    given = push_address("https://push.example", 1)
    keys = {"p256dh": given["p256dh"], "auth": given["auth"]}
    context.add_init_script(SLOW)
    context.add_init_script(SUBSCRIBED % json.dumps({"endpoint": given["address"], "keys": keys}))
    return context


def desk(browser: Browser, house: House, city: str) -> Page:
    """The desk of a city, with its case worker signed in."""
    accounts = house.town.instance.services.accounts
    roles = (("admin", "*"), ("case_worker", "*"))
    account = house.do(add_staff(accounts, city, f"amt@{city}.example", "Amt", roles, by=OPERATOR))
    page = browser.new_context(locale="de-DE").new_page()
    page.goto(f"{house.url}/{city}/desk/enter?link={house.do(sign_in_link(accounts, city, account))}")
    page.get_by_role("button", name="Jetzt anmelden").click()
    expect(page.get_by_role("heading", name="Guten Tag, Amt")).to_be_visible()
    return page


def lose_first_answers(page: Page, *of: str) -> list[str]:
    """Let each of these requests through once, and drop its answer; those that were lost."""
    left, lost = list(of), list[str]()

    def answer(route: Route) -> None:
        request = route.request
        found = next((one for one in left if one in request.url or one in (request.post_data or "")), None)
        if found is None or request.method != "POST":
            route.continue_()
            return
        left.remove(found)
        assert route.fetch().ok
        lost.append(found)
        route.abort("connectionreset")

    page.route(re.compile("/(graphql|files)$"), answer)
    return lost


def fill(page: Page, text: str, picture: Path | None = None, latitude: str = "51.960000") -> None:
    """File a report: a lamp that is off."""
    page.get_by_label("Was ist es?").select_option("light")
    page.get_by_label("Was ist mit ihr?").select_option("off")
    page.get_by_label("Was ist kaputt?").fill(text)
    page.get_by_role("button", name="Meinen Standort nehmen").click()
    expect(page.get_by_label("Breite")).to_have_value("51.960000")
    page.get_by_label("Breite").fill(latitude)
    if picture:
        page.get_by_label("Fotos").set_input_files(picture)
    page.get_by_role("button", name="Absenden").click()


def test_reports_go_their_whole_way_from_a_phone_without_a_connection(
    house: House, browser: Browser, site: str, tmp_path: Path, axe: str
) -> None:
    (tmp_path / "laterne.jpg").write_bytes(photo(640, 480))
    pushing, context = Pushing(house), phone(browser)
    page = context.new_page()
    page.goto(site)
    expect(page.get_by_label("Was ist es?").get_by_role("option")).to_have_count(5)
    page.get_by_role("button", name="Bei Neuem benachrichtigen").click()
    expect(page.get_by_role("status")).to_have_text("Benachrichtigungen sind an.")

    context.set_offline(True)
    expect(page.get_by_role("status")).to_contain_text("Ohne Verbindung")
    fill(page, "Die Laterne vor Haus 3 ist aus.", tmp_path / "laterne.jpg")
    fill(page, "Am Strand ist es dunkel.", latitude="54.5")
    drafts = page.locator("#outbox li")
    expect(drafts).to_have_count(2)
    page.reload()
    expect(drafts).to_have_count(2)
    assert filed(house) == []

    lost = lose_first_answers(page, "/files", "vor Haus 3")
    context.set_offline(False)
    mine = page.locator("#cases > li")
    expect(mine).to_contain_text("eingegangen")
    expect(drafts).to_have_count(1)
    assert sorted(lost) == ["/files", "vor Haus 3"]
    (number,) = filed(house)
    expect(drafts).to_contain_text("54.5, 7.63 is not in the area of Teststadt")
    drafts.get_by_role("button", name="Ändern").click()
    expect(drafts).to_have_count(0)
    expect(page.get_by_label("Was ist kaputt?")).to_have_value("Am Strand ist es dunkel.")
    expect(mine).to_contain_text(number)
    expect(mine).to_contain_text(re.compile(r"Quittung: (\w{5}-){3}\w{5}"))
    assert mine.get_by_alt_text("Foto").evaluate("one => one.decode().then(() => one.naturalWidth)") > 0

    staff, stranger = desk(browser, house, "teststadt"), desk(browser, house, "nachbardorf")
    staff.goto(f"{house.url}/teststadt/desk/cases?q={number}")
    staff.get_by_role("link", name="Laterne defekt").click()
    at = staff.url
    staff.get_by_label("Text").fill("Welche Nummer steht am Mast?")
    staff.locator("#f-to").select_option("asks")
    staff.get_by_role("button", name="Absenden").click()
    expect(staff.get_by_text("Die Frage ist abgeschickt")).to_be_visible()
    (told,) = pushing.deliver(page)
    assert (number in told["title"], told["link"]) == (True, f"cases/{number}")
    expect(mine.get_by_text("Das Rathaus fragt:")).to_be_visible()
    expect(mine).to_contain_text("Welche Nummer steht am Mast?")
    mine.get_by_label("Ihre Antwort").fill("Die Nummer 4711.")
    mine.get_by_role("button", name="Antworten").click()
    expect(mine.get_by_role("listitem").filter(has_text="Die Nummer 4711.")).to_be_visible()

    staff.goto(at)
    expect(staff.get_by_text("Die Nummer 4711.")).to_be_visible()
    staff.get_by_label("Neuer Stand").select_option("done")
    staff.get_by_role("button", name="Stand ändern").click()
    expect(staff.get_by_text("Der Stand ist geändert.")).to_be_visible()
    (closed,) = pushing.deliver(page)
    assert closed["tag"] == told["tag"], "on the phone, it replaces the other one"
    expect(mine).to_contain_text("erledigt · abgeschlossen")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        page.evaluate(axe)
        assert page.evaluate(AXE) == []
    assert page.evaluate(SHOWN) == [[told["title"], told["link"]]]

    stranger.goto(f"{house.url}/nachbardorf/desk/cases")
    expect(stranger.get_by_text("Hier ist nichts")).to_be_visible()
    for path in (at, at.replace("teststadt", "nachbardorf")):
        stranger.goto(path)
        expect(stranger.get_by_text("4711")).to_have_count(0)
    pushing.close()
    for one in (context, staff.context, stranger.context):
        one.close()


def filed(house: House) -> list[str]:
    """The numbers of all reports that the town has."""
    found = house.do(house.town.ask("reports { list { nodes { number } } }"))["reports"]["list"]["nodes"]
    return [one["number"] for one in found]
