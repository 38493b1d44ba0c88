"""The way in: by a link that works once, by password and code; and out again."""

from __future__ import annotations

import re

import pyotp
import pytest
from allmende.accounts.service import Accounts
from allmende.accounts.signing_in import sign_in_link
from allmende.accounts.staff import OPERATOR, add_staff
from allmende.testing import Town

from tests.desk.staff import TOKEN, Staff, words

PASSWORD = "vier Wörter sind ein Passwort"


@pytest.fixture
def accounts(town: Town) -> Accounts:
    return town.instance.services.accounts


async def employ(accounts: Accounts, town: Town, *roles: tuple[str, str]) -> str:
    return await add_staff(accounts, town.slug, "probe@example.org", "Probe", roles, by=OPERATOR)


async def send(visitor: Staff, page: str, path: str, **form: str) -> str:
    """Fill in the form of a page that is open already; where it leads to, or what it says."""
    found = TOKEN.search(page)
    assert found
    answer = await visitor.post(path, token=found[1], **form)
    return answer.headers["location"] if answer.status_code == 303 else words(answer.text)


async def enter(visitor: Staff, accounts: Accounts, town: Town, account: str) -> str:
    link = await sign_in_link(accounts, town.slug, account)
    page = await visitor.get("enter", link=link)
    return await send(visitor, page.text, "enter", link=link)


async def test_link_signs_in_once_and_only_after_a_click(visitor: Staff, accounts: Accounts, town: Town) -> None:
    account = await employ(accounts, town, ("admin", "*"))
    link = await sign_in_link(accounts, town.slug, account)
    page = await visitor.get("enter", link=link)
    assert (await visitor.get()).status_code == 303, "a scanner of mail that opens the link signs nobody in"
    assert await send(visitor, page.text, "enter", link=link) == "/teststadt/desk"
    assert "Guten Tag, Probe" in await visitor.text()
    assert await send(visitor, (await visitor.get()).text, "sign-out") == "/teststadt/desk/sign-in"
    assert (await visitor.get()).headers["location"] == "/teststadt/desk/sign-in"
    again = await visitor.get("enter", link=link)
    assert "Dieser Link gilt nicht mehr" in await send(visitor, again.text, "enter", link=link)


async def test_password_needs_a_second_factor_before_anything_else(
    visitor: Staff, accounts: Accounts, town: Town
) -> None:
    await enter(visitor, accounts, town, await employ(accounts, town, ("admin", "*")))
    page = (await visitor.get("account")).text
    assert "verschieden" in await send(visitor, page, "account/password", password=PASSWORD, again="anders")
    assert "zu kurz" in await send(visitor, page, "account/password", password="kurz", again="kurz")
    said = await send(visitor, page, "account/password", password=PASSWORD, again=PASSWORD)
    assert said == "/teststadt/desk/sign-in"
    form = (await visitor.get("sign-in", back="feeds")).text
    wrong = {"email": "probe@example.org", "password": "falsch", "back": "feeds"}
    assert "stimmt nicht" in await send(visitor, form, "sign-in", **wrong)
    target = await send(visitor, form, "sign-in", **{**wrong, "password": PASSWORD})
    assert target == "/teststadt/desk/feeds"
    assert (await visitor.get("feeds")).headers["location"] == "/teststadt/desk/account/second"

    begun = await visitor.post(
        "account/second/begin", token=TOKEN.search((await visitor.get("account/second")).text)[1]
    )
    secret = re.search(r'mono">([A-Z2-7]{32})<', begun.text)
    assert secret
    totp = pyotp.TOTP(secret[1])
    assert "Ersatzcodes" in await send(visitor, begun.text, "account/second/confirm", code=totp.at(town.now))
    assert "Datenquellen" in await visitor.text("feeds")

    await send(visitor, (await visitor.get()).text, "sign-out")
    town.wait(minutes=5)
    form = (await visitor.get("sign-in")).text
    answer = await visitor.post("sign-in", token=TOKEN.search(form)[1], email="probe@example.org", password=PASSWORD)
    halfway = re.search(r'name="halfway" value="([^"]+)"', answer.text)
    assert halfway
    assert "Code stimmt nicht" in await send(visitor, answer.text, "sign-in/code", halfway=halfway[1], code="000000")
    done = await send(visitor, answer.text, "sign-in/code", halfway=halfway[1], code=totp.at(town.now))
    assert done == "/teststadt/desk"


async def test_too_many_attempts_have_to_wait(visitor: Staff, accounts: Accounts, town: Town) -> None:
    await employ(accounts, town)
    form = (await visitor.get("sign-in")).text
    said = [await send(visitor, form, "sign-in", email="probe@example.org", password="falsch") for _ in range(6)]
    assert "Bitte warten Sie" in said[-1]


@pytest.mark.parametrize("back", ["//evil.example", "https://evil.example", "feeds/../../../other", "/feeds"])
async def test_the_way_back_leads_nowhere_else(visitor: Staff, accounts: Accounts, town: Town, back: str) -> None:
    await enter(visitor, accounts, town, await employ(accounts, town))
    target = (await visitor.get("sign-in", back=back)).headers["location"]
    assert target.startswith("/teststadt/desk")
    assert "evil" not in target


async def test_session_of_one_city_opens_no_other(visitor: Staff, accounts: Accounts, town: Town) -> None:
    other = town.neighbour()
    await enter(visitor, accounts, town, await employ(accounts, town, ("admin", "*")))
    cookie = visitor.client.cookies.get("desk-teststadt")
    assert cookie
    visitor.client.cookies.set(f"desk-{other.slug}", cookie)
    assert (await visitor.get(f"/{other.slug}/desk")).status_code == 303


async def test_other_sessions_are_listed_and_ended(visitor: Staff, accounts: Accounts, town: Town) -> None:
    account = await employ(accounts, town)
    await enter(visitor, accounts, town, account)
    town.wait(minutes=1)
    visitor.client.cookies.delete("desk-teststadt")
    await enter(visitor, accounts, town, account)
    page = await visitor.get("account")
    assert words(page.text).count("Schreibtisch im Browser") == 2
    family = re.search(r'name="family" value="([0-9a-f]+)"', page.text)
    assert family
    await visitor.done("account/end", family=family[1])
    assert (await visitor.text("account")).count("Schreibtisch im Browser") == 1
