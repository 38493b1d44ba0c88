"""The frame of all pages: who is let in, what they are shown, what is refused, and in which words."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import allmende.desk
import pytest
from allmende.desk.listing import listed
from allmende.desk.page import Nav, Page
from allmende.desk.request import Desk
from allmende.errors import InputError
from allmende.feeds.tables import FeedSource
from allmende.testing import Town
from litestar import Response
from sqlalchemy import insert, select

from tests.architecture.test_laws import flat
from tests.desk.conftest import Hire

HERE = Path(allmende.desk.__file__).parent


async def echo(desk: Desk) -> Response[str]:
    desk.form.line("title", required=True)
    if desk.form.errors:
        return desk.page("fault.html", 422, title="wrong", lead=desk.form.errors["title"])
    return desk.page("fault.html", title="secret page", lead=desk.form.value("title"))  # type: ignore[return-value]


async def show(desk: Desk) -> Response[str]:
    return desk.page("fault.html", title="secret page", lead=desk.asked("q"))


async def save(desk: Desk) -> Response[bytes]:
    return desk.go("secret", said="form.too_long", most=3)


async def broken(desk: Desk) -> Response[str]:
    raise RuntimeError("with a secret")


NAV = Nav(group="city", text="fault.lost", icon="key-round")
PAGES = (
    Page(path="", show=show),
    Page(path="secret", show=show, act=echo, permission="desk.secret", nav=NAV),
    Page(path="save", act=save),
    Page(path="broken", show=broken),
)


async def test_who_is_not_signed_in_is_sent_to_the_sign_in_and_back(hire: Hire) -> None:
    staff = hire(pages=PAGES)
    staff.client.cookies.clear()
    answer = await staff.get("secret", q="1")
    assert (answer.status_code, answer.headers["location"]) == (303, "/teststadt/desk/sign-in?back=secret")
    fragment = await staff.client.get("/teststadt/desk/secret", headers={"HX-Request": "true"})
    assert fragment.headers["hx-redirect"] == "/teststadt/desk/sign-in?back=secret"
    typed = await staff.client.post("/teststadt/desk/secret", headers={"HX-Request": "true"})
    assert (typed.status_code, "hx-redirect" in typed.headers) == (401, False)  # the form stays before the eyes


async def test_a_page_is_for_those_with_its_permission_and_so_is_its_entry_in_the_navigation(hire: Hire) -> None:
    admin, editor = hire("desk.secret", pages=PAGES), hire("news.edit", pages=PAGES)
    assert "secret page" in await admin.text("secret")
    assert "desk/secret" in (await admin.get()).text
    refused = await editor.get("secret")
    assert refused.status_code == 403
    assert "secret page" not in refused.text
    assert "desk/secret" not in (await editor.get()).text
    assert (await editor.post("secret", token="right", title="x")).status_code == 403


async def test_staff_of_one_city_are_nobody_in_another(hire: Hire, town: Town) -> None:
    other = town.neighbour()
    staff = hire("desk.secret", at=other.slug, pages=PAGES)
    assert (await staff.get("secret")).status_code == 303
    assert (await hire(at="nowhere", pages=PAGES).get()).status_code == 404


async def test_a_form_without_the_session_s_token_or_from_elsewhere_is_refused(hire: Hire) -> None:
    staff = hire("desk.secret", pages=PAGES)
    for token in ("", "wrong", "ä"):
        assert (await staff.post("secret", token=token, title="x")).status_code == 403
    address, form = staff.address("secret"), {"csrf": "right", "title": "x"}
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}):
        assert (await staff.client.post(address, data=form, headers=headers)).status_code == 403
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "http://desk.example"}
    assert (await staff.client.post(address, data=form, headers=own)).status_code == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b""),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data; name=a"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="\0"; filename="../x\r\n\r\na',
        ),
    ],
)
async def test_what_is_no_form_is_refused_and_no_fault_of_the_desk(hire: Hire, kind: str, body: bytes) -> None:
    staff = hire("desk.secret", pages=PAGES, language="en")
    answer = await staff.client.post(staff.address("secret"), content=body, headers={"Content-Type": kind})
    assert (answer.status_code, "number" in answer.text) in ((400, False), (403, False))


async def test_every_answer_is_kept_by_nobody_and_loads_nothing_from_elsewhere(hire: Hire) -> None:
    staff = hire(pages=PAGES)
    for path in ("", "secret", "nothing", "broken", "/nowhere/desk"):
        headers = (await staff.get(path)).headers
        assert headers["cache-control"] == "no-store"
        policy = headers["content-security-policy"]
        assert ("default-src 'none'" in policy, "unsafe" in policy) == (True, False)


async def test_faults_are_pages_that_say_nothing_internal(hire: Hire) -> None:
    staff = hire(pages=PAGES, language="en")
    lost = await staff.get("nothing/at/all")
    assert (lost.status_code, "There is no such page" in lost.text) == (404, True)
    failed = await staff.get("broken")
    assert (failed.status_code, "secret" in failed.text) == (500, False)
    assert re.search(r"number [0-9a-f]{8}", failed.text)


async def test_what_was_typed_is_shown_as_text(hire: Hire) -> None:
    staff = hire("desk.secret", pages=PAGES)
    answer = await staff.post("secret", title="<script>alert(1)</script>", token="right")
    assert "&lt;script&gt;alert(1)" in answer.text
    assert "<script>alert" not in answer.text


async def test_a_message_is_shown_once_after_the_redirect_and_cannot_be_planted(hire: Hire) -> None:
    staff = hire("desk.secret", pages=PAGES)
    assert "höchstens 3 Zeichen" in await staff.done("save", token="right")
    assert "höchstens" not in await staff.text("secret")
    for planted in ("bm8", "W1siZ29vZCIsIm5vIiwge31dXQ==", "%%%"):
        staff.client.cookies.set("desk_said", planted, path="/teststadt/desk")
        assert "note" not in (await staff.get("secret")).text


async def test_the_language_is_the_browser_s_until_another_is_chosen(hire: Hire) -> None:
    staff = hire(pages=PAGES, language="fr, en;q=0.5")
    assert '<html lang="en">' in (await staff.get()).text
    assert '<html lang="de">' in (await staff.get("", lang="de")).text
    assert '<html lang="de">' in (await staff.get()).text


async def test_a_list_goes_on_behind_its_cursor_without_gaps(town: Town) -> None:
    rows = [{"plugin": plugin, "source": f"s{n}", "items": n % 3} for plugin in "ab" for n in range(5)]
    async with town.instance.database.transaction(town.slug) as session:
        await session.execute(insert(FeedSource), rows)
    order = ((FeedSource.items, True), (FeedSource.plugin, False), (FeedSource.source, False))
    seen, after = [], ""
    async with town.instance.database.session(town.slug) as session:
        while True:
            listing = await listed(session, select(FeedSource), order, after=after, first=3)
            seen += [(row.items, row.plugin, row.source) for row in listing.rows]
            after = listing.more
            if not after:
                break
        with pytest.raises(InputError, match="not a cursor"):
            await listed(session, select(FeedSource), order, after="W10")
    assert seen == sorted(seen, key=lambda row: (-row[0], row[1], row[2]))
    assert len(seen) == 10


def test_german_and_english_have_the_same_texts_with_the_same_gaps() -> None:
    def gaps(language: str) -> dict[str, set[str]]:
        found = {}
        for path in sorted((HERE / "texts" / language).glob("*.toml")):
            table = tomllib.loads(path.read_text())
            for key in flat(table):
                text = table
                for part in key.split("."):
                    text = text[part]  # type: ignore[assignment]
                found[f"{path.stem}.{key}"] = set(re.findall(r"\{(\w+)", str(text)))
        return found

    assert gaps("de") == gaps("en")


def test_every_text_that_a_page_names_is_there() -> None:
    there = {
        f"{path.stem}.{key}"
        for path in (HERE / "texts" / "de").glob("*.toml")
        for key in flat(tomllib.loads(path.read_text()))
    }
    pattern = re.compile(r"""(?:\bt\(|\.text\(|said=|fault\("\w+", |text=)\s*["']([a-z_]+(?:\.[a-z_]+)+)["']""")
    named = {
        (match, path.name)
        for path in HERE.rglob("*")
        if path.suffix in (".py", ".html")
        for match in pattern.findall(path.read_text())
        if not match.endswith("_")  # the beginning of a key, which a value goes on
    }
    assert len(named) > 20
    assert {(key, file) for key, file in named if key not in there} == set()
