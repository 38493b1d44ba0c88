"""The export of a case is one file that needs nothing else, and holds no script, no receipt and no submitter."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from allmende import cases
from allmende.context import Context
from allmende.db.engine import Database
from allmende.files.store import Store
from allmende.files.upload import take_in
from allmende.testing import NOON
from msgspec import structs

from tests.files.photos import photo

from .lamps import DEVICE, HERE, LAMP, WORKER, context, submit

TEXTS = {"de": {"kind.lamp": "Lampe", "status.received": "Eingegangen", "status.fixed": "Repariert"}}
SCRIPT = "<script>alert('x')</script>"


class Links(HTMLParser):
    """Collects what a page would load."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.loads += [value for name, value in attrs if name in ("src", "href", "action", "srcset")]


@pytest.fixture
async def made(database: Database, tmp_path: Path) -> tuple[Context[Any], cases.Submitted, Store]:
    store = Store(str(tmp_path / "files"))
    file = await take_in(database, store, HERE, photo(300, 200), NOON)
    ctx = structs.replace(context(database, WORKER), texts=TEXTS)
    done = await submit(context(database, DEVICE), f"Dunkel {SCRIPT}", files=(file.id,))
    async with ctx.transaction() as session:
        case = await cases.find(session, id=done.case.id)
        assert case is not None
        await cases.note(session, ctx, case, "Nur für uns")
        await cases.transition(session, ctx, LAMP, case, "fixed", text=f"Danke {SCRIPT}")
    return ctx, done, store


async def test_html_is_one_readable_file_in_the_readers_language(made: Any) -> None:
    ctx, done, store = made
    async with ctx.session() as session:
        case = await cases.find(session, id=done.case.id)
        html = cases.to_html(ctx, LAMP, await cases.gather(session, case, store))
        shown = cases.to_html(ctx, LAMP, await cases.gather(session, case, store, internal=False))
    page = Links()
    page.feed(html)
    assert [load[:22] for load in page.loads] == ["data:image/jpeg;base64"]
    assert page.tags & {"script", "link", "iframe", "object", "form"} == set()
    assert "&lt;script&gt;" in html
    plain = re.sub(r"<[^>]+>|\s+", " ", html)
    for words in (
        done.case.number,
        "Repariert",
        "Nur für uns",
        "Telefon",
        "0251 123456",
        "Der Verlauf ist vollständig",
        "Hauptstraße 1",
    ):
        assert words in plain
    assert ("Nur für uns" in shown, done.receipt in html, DEVICE.id in html) == (False, False, False)


async def test_json_holds_everything_but_who_and_the_receipt(made: Any) -> None:
    ctx, done, store = made
    async with ctx.session() as session:
        case = await cases.find(session, id=done.case.id)
        raw = cases.to_json(await cases.gather(session, case, store))
        held = case.receipt
    body = json.loads(raw)
    assert [event["what"] for event in body["history"]] == ["submitted", "note", "status"]
    assert body["history"][0]["facts"]["department"] == "works", "where the rules have sent it"
    assert (body["case"]["number"], body["case"]["private"], body["faults"]) == (
        done.case.number,
        {"phone": "0251 123456"},
        [],
    )
    assert body["pictures"][0]["content"].startswith("/9j/")
    text = raw.decode()
    assert (held in text, done.receipt in text, DEVICE.id in text) == (False, False, False)
