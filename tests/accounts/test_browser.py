"""A citizen and one of the staff sign in at a real OpenID provider, in a real browser, and sign out again."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import pytest
from allmende.accounts.oidc.flow import challenge_of
from allmende.accounts.service import Accounts
from allmende.accounts.sessions import Session, find_session
from allmende.db.engine import Database
from allmende.sealing import Sealer
from allmende.testing import make_city
from playwright.sync_api import Browser, Page, sync_playwright

from tests import node
from tests.pages.browser import CHROMIUM, launch
from tests.server import ROOT, allmende, clean_environment, free_port, running

CITY = "musterstadt"
APP = "https://app.musterstadt.example/signed-in"
VERIFIER = "a-verifier-of-the-app-with-more-than-43-characters"
LOGIN = """
[login.citizens]
issuer = "{issuer}"
client_id = "allmende-citizens"
apps = ["{app}"]

[login.staff]
issuer = "{issuer}"
client_id = "allmende-staff"
client_secret = "secret:STAFF_CLIENT"
scopes = ["openid", "email", "profile", "groups"]
roles = [
  {{ value = "presse", role = "publisher" }},
  {{ value = "ordnung", role = "case_worker" }},
]
"""
SECRET = "a secret that both know: &+%"


class Town(NamedTuple):
    url: str
    database: str
    log: Path


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """One city, whose citizens and staff sign in at a provider in a process of its own."""
    folder, port = tmp_path_factory.mktemp("login"), free_port()
    issuer = f"http://127.0.0.1:{port}"
    shutil.copytree(ROOT / "cities/_shared", folder / "cities/_shared")
    home = folder / "cities" / CITY
    home.mkdir()
    text = (ROOT / "cities" / CITY / "city.toml").read_text()
    (home / "city.toml").write_text(text + LOGIN.format(issuer=issuer, app=APP))
    environ = {
        "ALLMENDE_DATABASE": f"sqlite:///{folder / 'instance.sqlite'}",
        "ALLMENDE_CITIES": str(folder / "cities"),
        "ALLMENDE_EGRESS_ALLOW": f"127.0.0.1:{port}",
        "STAFF_CLIENT": SECRET,
    }
    allmende("db", "upgrade", environ=clean_environment(**environ), check=True)
    with running(folder, "serve", "--workers", "1", **environ) as server, provider(port, server.url):
        yield Town(server.url, environ["ALLMENDE_DATABASE"], server.log)


@contextmanager
def provider(port: int, url: str) -> Iterator[None]:
    """The provider, which knows this city as two clients: a public one, and one with a secret."""
    common = {"redirect_uris": [f"{url}/{CITY}/login/callback"]}
    clients = [
        {"client_id": "allmende-citizens", "token_endpoint_auth_method": "none", **common},
        {"client_id": "allmende-staff", "client_secret": SECRET, "scope": "openid email profile groups", **common},
    ]
    script = str(Path(__file__).with_name("provider.mjs"))
    command = [node.packages(), script, json.dumps({"port": port, "clients": clients})]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=node.HERE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"http://127.0.0.1:{port}\n"
        yield
    finally:
        process.terminate()
        process.wait(timeout=10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        started = launch(playwright)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(locale="de-DE")
    context.route("https://app.musterstadt.example/**", lambda route: route.fulfill(body="the app"))
    page = context.new_page()
    page.set_default_timeout(60_000)  # a busy machine is no fault
    yield page
    context.close()


def sign_in(page: Page, who: str) -> None:
    """What a person does at the provider: name, password, and yes."""

    page.fill("input[name=login]", who)
    page.fill("input[name=password]", "anything")
    page.click("button[type=submit]")
    page.wait_for_selector("text=Authorize")
    page.click("button[type=submit]")


def ask(town: Town, query: str, token: str = "") -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    response = httpx2.post(f"{town.url}/graphql", json={"query": query}, headers=headers, timeout=60)
    return response.json()


def codes(answer: Any) -> list[str]:
    return [error["extensions"]["code"] for error in answer.get("errors", ())]


def departure(town: Town, **changes: str) -> str:
    query = {"app": APP, "challenge": challenge_of(VERIFIER), "state": "where the app was", **changes}
    return f"{town.url}/{CITY}/login?{urlencode(query)}"


def test_a_citizen_signs_in_from_the_app_stays_and_signs_out(town: Town, page: Page) -> None:
    page.goto(departure(town))
    sign_in(page, "erika@example.org")
    page.wait_for_url(f"{APP}?**")
    back = parse_qs(urlsplit(page.url).query)
    assert (set(back), back["state"]) == ({"code", "state"}, ["where the app was"])
    code = back["code"][0]
    exchange = 'mutation { accountExchange(input: { city: "%s", code: "%s", verifier: "%s" }) { access refresh } }'
    tokens = ask(town, exchange % (CITY, code, VERIFIER))["data"]["accountExchange"]
    me = ask(town, "{ me { kind city name sessions { kind current } } }", tokens["access"])["data"]["me"]
    assert me == {"kind": "citizen", "city": CITY, "name": None, "sessions": [{"kind": "app", "current": True}]}
    renew = 'mutation { accountRefresh(input: { city: "%s", refresh: "%s" }) { access refresh } }'
    fresh = ask(town, renew % (CITY, tokens["refresh"]))["data"]["accountRefresh"]
    assert ask(town, "{ me { kind } }", fresh["access"])["data"]["me"] == {"kind": "citizen"}
    assert codes(ask(town, "{ me { kind } }", fresh["refresh"])) == ["UNAUTHENTICATED"]
    done = ask(town, f'mutation {{ accountRevoke(input: {{ city: "{CITY}" }}) }}', fresh["access"])
    assert done == {"data": {"accountRevoke": True}}
    assert codes(ask(town, "{ me { kind } }", tokens["access"])) == ["UNAUTHENTICATED"]
    assert codes(ask(town, renew % (CITY, fresh["refresh"]))) == ["UNAUTHENTICATED"]
    kept = Path(town.database.removeprefix("sqlite:///")).read_bytes()
    for secret in ("erika", tokens["access"], fresh["refresh"], code):
        assert secret.encode() not in kept + town.log.read_bytes()


def test_one_of_the_staff_signs_in_at_the_desk_with_the_roles_of_their_groups(town: Town, page: Page) -> None:
    page.goto(f"{town.url}/{CITY}/login/staff")
    sign_in(page, "ada@musterstadt.example+presse+kantine")
    page.wait_for_url(f"{town.url}/{CITY}/desk**")
    cookies = {cookie["name"]: cookie for cookie in page.context.cookies()}
    cookie = cookies[f"desk-{CITY}"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    assert f"login-{CITY}" not in cookies
    with ThreadPoolExecutor(1) as thread:  # this one has the browser's event loop
        session = thread.submit(asyncio.run, session_of(town, f"desk-{CITY}={cookie['value']}")).result()
    assert session.email == "ada@musterstadt.example"
    assert session.reader.may("content.publish")
    assert not session.reader.may("cases.work")
    assert not session.must_enrol


async def session_of(town: Town, cookies: str) -> Session:
    database = Database(town.database)
    sealer = Sealer([clean_environment()["ALLMENDE_KEY"]])
    accounts = Accounts(database, sealer, cities=lambda: {CITY: make_city(CITY)}, plugins=dict)
    try:
        return await find_session(accounts, CITY, cookies, secure=False)
    finally:
        await database.close()


def test_staff_without_a_role_of_this_city_are_told_so_and_not_let_in(town: Town, page: Page) -> None:
    page.goto(f"{town.url}/{CITY}/login/staff")
    sign_in(page, "eve@elsewhere.example+kantine")
    page.wait_for_url("**/login/callback**")
    assert page.inner_text("h1") == "Die Anmeldung hat nicht geklappt"
    assert "nicht zugelassen" in page.inner_text("main")
    assert [cookie["name"] for cookie in page.context.cookies() if cookie["name"].startswith("desk-")] == []


def test_an_app_that_is_not_named_and_an_answer_nobody_asked_for_lead_nowhere(town: Town, page: Page) -> None:
    for address, status, text in (
        (departure(town, app="https://evil.example/"), 400, "falsch aufgerufen"),
        (departure(town, challenge="short"), 400, "falsch aufgerufen"),
        (f"{town.url}/{CITY}/login/callback?code=x&state=y", 400, "keiner Anmeldung in diesem Browser"),
        (f"{town.url}/nirgends/login", 404, "keine solche Anmeldung"),
    ):
        response = page.goto(address)
        assert response is not None
        assert (response.status, text in page.inner_text("main")) == (status, True)
        assert response.headers["cache-control"] == "no-store"


def test_whoever_cancels_is_back_in_the_app_with_a_reason(town: Town, page: Page) -> None:
    page.goto(departure(town))
    page.click("text=Cancel")
    page.wait_for_url(f"{APP}?**")
    back = parse_qs(urlsplit(page.url).query)
    assert back == {"error": ["SIGN_IN_REFUSED"], "state": ["where the app was"]}
