"""A large town at the desk: ten thousand items, five hundred open cases, and no page that asks the database much."""

from __future__ import annotations

import re
from typing import Any

from allmende.accounts.staff import OPERATOR, add_staff
from allmende.cases.tables import Case
from allmende.content.tables import ContentItem
from allmende.db.table import CityTable
from allmende.desk.content import ITEM
from allmende.desk.pages import PAGES
from allmende.testing import Town
from sqlalchemy import insert, select

from tests.content.newsroom import FEED, SOURCE
from tests.desk import test_cases as cases
from tests.desk import test_feeds as feeds
from tests.desk.conftest import Hire
from tests.desk.staff import Staff

ITEMS, CASES, MOST = 10_000, 500, 20
EVERYTHING = (
    *("content.read", "content.edit", "content.publish", "content.share"),
    *("cases.read", "cases.work", "cases.export"),
    *(f"desk.{name}" for name in ("feeds", "settings", "users", "usage", "audit", "notify", "export")),
)
NEWS, PLACES, EVENTS = "content/news/item", "content/places/place", "content/events/event"
LEFT_OUT = re.compile(r"sign-in|enter|\{rest:path\}|.*/picture")
"""Pages for those who have not signed in, and pictures that other servers have."""
TEXT = {"f-title.de": "Schwimmbad offen", "f-text.de": "Das Bad öffnet am **Montag**."}


async def multiply(town: Town, table: type[CityTable], number: int, *unique: str) -> None:
    """Many more rows like the one that there is."""
    async with town.instance.database.transaction(town.slug) as session:
        one = (await session.scalars(select(table))).first()
        same: dict[str, Any] = {column.key: getattr(one, column.key) for column in table.__mapper__.column_attrs}
        rows = [{**same, **dict.fromkeys(unique, f"{n:032}")} for n in range(number)]
        for start in range(0, number, 500):
            await session.execute(insert(table), rows[start : start + 500])


async def link(staff: Staff, path: str, pattern: str, **query: str) -> str:
    """The first link to such a page."""
    found = re.search(rf'href="/[a-z]+/desk/({pattern})"', (await staff.get(path, **query)).text)
    assert found, (path, pattern)
    return found[1]


async def large(town: Town, staff: Staff, there: Staff) -> dict[str, list[str]]:
    """Fill the town; for each page with parameters, the addresses to be looked at."""
    town.write("data/news.xml", FEED.format(title="Schwimbad zu", text="Bis Montag."))
    town.switch_on("news", SOURCE)
    town.write("data/aemter.csv", feeds.table(1, 2, 3, 4, 5, 6))
    town.switch_on("places", feeds.CONFIG % 'file = "data/aemter.csv"')
    town.switch_on("events")
    town.switch_on("reports", cases.CONFIG)
    await town.load()
    filed = await cases.id_of(town, await cases.file(town, "Aus."))
    await multiply(town, Case, CASES, "id", "number", "once")
    item = (await staff.post(f"{NEWS}/new", **TEXT)).headers["location"].partition("/desk/")[2]
    await staff.post(item, seen="1", **{**TEXT, "f-title.de": "Schwimmbad zu"})
    await multiply(town, ContentItem, ITEMS, "id")
    shared = (await there.post(f"{NEWS}/new", then="publish", **TEXT)).headers["location"]
    await there.done(f"{shared}/share", to=town.slug, action="offer")
    town.write("data/aemter.csv", feeds.table(1))
    await staff.done(f"{feeds.PATH}/run")
    file = {"file": ("a.csv", feeds.table(7).encode(), "text/csv")}
    upload = (await staff.post(f"{feeds.PATH}/upload", files=file)).headers["location"].partition("/desk/")[2]
    await add_staff(town.instance.services.accounts, town.slug, "a@example.org", "A", [("admin", "*")], by=OPERATOR)
    imported = [await link(staff, f"{kind}/imported", f"{kind}/imported/[0-9a-f]+") for kind in (NEWS, PLACES)]
    kinds = (NEWS, PLACES, EVENTS)
    return {
        "content/{plugin:str}/{kind:str}": [*kinds, f"{NEWS}?q=schwimmbad&state=draft&page=150"],
        "content/{plugin:str}/{kind:str}/new": [f"{kind}/new" for kind in kinds],
        ITEM: [item],
        "content/{plugin:str}/{kind:str}/imported": [f"{kind}/imported" for kind in kinds],
        "content/{plugin:str}/{kind:str}/imported/{id:str}": imported,
        "shared/{id:str}": [await link(staff, "shared", "shared/[0-9a-f]{32}")],
        "cases": ["cases", "cases?q=aus&state=open", "cases?whose=mine"],
        "cases/{case:str}": [f"cases/{filed}"],
        "cases/{case:str}/export": [f"cases/{filed}/export?format=json"],
        "users/{account:str}": [await link(staff, "users", "users/[0-9a-f]{32}")],
        "feeds/{plugin:str}/{source:str}": [feeds.PATH, "feeds/news/rathaus"],
        "feeds/{plugin:str}/{source:str}/upload/{upload:str}": [upload],
    }


def addresses(path: str, known: dict[str, list[str]]) -> list[str]:
    """Where a page of this path is; those below a known one are below its addresses."""
    if path in known or "{" not in path:
        return known.get(path, [path])
    above = max((one for one in known if path.startswith(f"{one}/")), key=len)
    below = path.removeprefix(above)
    assert "{" not in below, f"say where {path} is"
    return [one.partition("?")[0] + below for one in known[above][:1]]


async def test_no_page_of_a_large_town_takes_twenty_statements(hire: Hire, town: Town) -> None:
    south = town.neighbour("suedstadt")
    south.switch_on("news")
    staff = hire(*EVERYTHING)
    known = await large(town, staff, hire(*EVERYTHING, city=south.slug))
    taken: dict[str, tuple[int, int]] = {}
    for page in PAGES:
        for address in addresses(page.path, known) if page.show and not LEFT_OUT.fullmatch(page.path) else ():
            where, _, query = address.partition("?")
            with town.count() as statements:
                answer = await staff.get(where, **dict(part.split("=") for part in query.split("&") if part))
            taken[address] = (answer.status_code, len(statements))
    assert {address: found for address, found in taken.items() if found[0] != 200 or found[1] >= MOST} == {}
    assert len(taken) > 40
    assert f"{ITEMS + 1} Einträge" in await staff.text(NEWS)
    following = re.search(r'rel="next" href="([^"]+)"', (await staff.get("cases")).text)
    assert following
    assert f"{CASES + 1} Anliegen" in await staff.text(following[1].replace("&amp;", "&"))
