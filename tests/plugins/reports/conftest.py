"""A city with reports on, and what these tests do again and again: file one, moderate it, work on it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from allmende import cases
from allmende.files.tables import FileUpload
from allmende.reader import ANONYMOUS, Reader
from allmende.testing import Town

from plugins.reports.kind import DEFECT

CONFIG = """
moderation = "{moderation}"
anonymous_per_hour = 5
{more}

[[categories]]
id = "light"
name = {{ de = "Laterne defekt", en = "Street light broken" }}
distance = 20
[[categories.fields]]
id = "mast"
label = {{ de = "Nummer am Mast", en = "Number on the post" }}
public = true
[[categories.fields]]
id = "what"
label = {{ de = "Was ist mit ihr?", en = "What is wrong?" }}
kind = "choice"
public = true
choices = [{{ id = "off", name = {{ de = "ist aus", en = "is off" }} }}, {{ id = "day", name = "brennt am Tag" }}]
[[categories.fields]]
id = "height"
label = "Höhe (m)"
kind = "number"
[[categories.fields]]
id = "danger"
label = "Gefährlich?"
kind = "boolean"
public = true

[[categories]]
id = "waste"
name = {{ de = "Wilder Müll", en = "Dumped waste" }}
distance = 0
[[categories.fields]]
id = "seen"
label = "Wer war es?"
required = true

[[routing]]
department = "Entsorgung"
category = ["waste"]

[[routing]]
department = "Tiefbauamt"
deadline_hours = 48
"""


class Desk:
    """What citizens and staff of one city do with reports."""

    CREATE = """mutation($input: ReportsCreateInput!) {
      reportsCreate(input: $input) { report number receipt published repeated } }"""
    FOLLOW = "mutation($input: ReportsFollowInput!) { reportsFollow(input: $input) { report number receipt } }"
    MODERATE = "mutation($input: ReportsModerateInput!) { reportsModerate(input: $input) { report published } }"
    LIST = "reports { list { totalCount nodes { id text status { id text open } followers photos { url } } } }"

    def __init__(self, town: Town) -> None:
        self.town = town
        rights = frozenset({"cases.read", "cases.work", "reports.moderate"})
        self.worker = Reader(kind="staff", id="5" * 32, city=town.slug, name="Amt", permissions=rights)
        self.device = Reader(kind="device", id="d" * 32, city=town.slug)

    def open(self, moderation: str = "after", more: str = "", further: str = "") -> Desk:
        """Switch the module on; `more` comes before the categories, `further` after all."""
        self.town.switch_on("reports", CONFIG.format(moderation=moderation, more=more) + further)
        return self

    def draft(self, **values: Any) -> dict[str, Any]:
        given = {
            **self.key(),
            "category": "light",
            "lat": 51.96,
            "lon": 7.63,
            "text": "Die Laterne ist aus.",
        }
        return given | values

    def key(self) -> dict[str, str]:
        return {"city": self.town.slug, "idempotencyKey": str(uuid4())}

    async def file(self, reader: Reader = ANONYMOUS, **values: Any) -> dict[str, Any]:
        """The filed report; an error fails the test."""
        body = await self.town.answer(self.CREATE, reader=reader, input=self.draft(**values))
        assert "errors" not in body, body
        filed: dict[str, Any] = body["data"]["reportsCreate"]
        return filed

    async def refused(self, reader: Reader = ANONYMOUS, **values: Any) -> tuple[str, str]:
        """(code, message) of the error that a draft gives."""
        body = await self.town.answer(self.CREATE, reader=reader, input=self.draft(**values))
        assert body["data"] == {"reportsCreate": None}
        return body["errors"][0]["extensions"]["code"], body["errors"][0]["message"]

    async def codes(self, query: str, reader: Reader = ANONYMOUS, **variables: Any) -> list[str]:
        """The codes of the errors that a mutation gives."""
        body = await self.town.answer(query, reader=reader, **variables)
        return [error["extensions"]["code"] for error in body.get("errors", ())]

    async def listed(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = (await self.town.ask(self.LIST))["reports"]["list"]["nodes"]
        return found

    async def upload(self, letter: str) -> str:
        """A picture, as if it had been uploaded."""
        ctx = self.town.context("reports")
        async with ctx.transaction() as session:
            session.add(FileUpload(id=letter * 32, ready=True, digest=letter * 64, created=ctx.clock()))
        return letter * 32

    async def work(self, report: str, do: Callable[..., Any], *arguments: Any, **options: Any) -> cases.Case:
        """Let staff do something with the case: `await desk.work(id, cases.transition, "done")`."""
        ctx = self.town.context("reports", reader=self.worker)
        async with ctx.transaction() as session:
            case = await cases.find(session, id=report)
            assert case is not None
            needs = (DEFECT, case) if do in (cases.transition, cases.withdraw, cases.merge) else (case,)
            await do(session, ctx, *needs, *arguments, **options)
            return case

    async def count(self) -> int:
        async with self.town.context("reports").session() as session:
            return len((await session.scalars(cases.inbox(cases.Inbox()))).all())


@pytest.fixture
def make_desk() -> Callable[[Town], Desk]:
    return Desk


@pytest.fixture
def desk(town: Town) -> Desk:
    """Published at once."""
    return Desk(town).open()
