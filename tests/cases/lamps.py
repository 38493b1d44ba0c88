"""A kind of case for these tests: lamps that are broken, in two cities, worked on by two departments."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import uuid4

from allmende import CaseKind, CaseRule, CaseStatus, Config, Context, cases
from allmende.city.model import City
from allmende.db.engine import Database
from allmende.reader import ANONYMOUS, Reader
from allmende.testing import NOON, make_city
from msgspec import Struct

HERE, THERE = "teststadt", "nachbardorf"
DEVICE = Reader(kind="device", id="d" * 32, city=HERE)
WORKER = Reader(kind="staff", id="5" * 32, city=HERE, name="Amt", permissions=frozenset({"cases.work", "cases.read"}))
OUTSIDER = Reader(kind="staff", id="6" * 32, city=HERE, name="Presse", permissions=frozenset({"news.publish"}))


class LampPublic(Struct, frozen=True, kw_only=True):
    colour: str = "white"


class LampPrivate(Struct, frozen=True, kw_only=True):
    phone: str = ""


RULES = [
    CaseRule(department="standby", between="22:00-06:00", deadline_hours=4),
    CaseRule(department="parks", category=("park",), deadline_hours=72),
    CaseRule(department="works"),
]
LAMP = CaseKind(
    name="lamp",
    text="kind.lamp",
    statuses=(
        CaseStatus(
            name="received", text="status.received", then=("started", "fixed", "refused", "withdrawn"), public=False
        ),
        CaseStatus(name="started", text="status.started", then=("fixed", "refused", "withdrawn")),
        CaseStatus(name="fixed", text="status.fixed", then=("started",), open=False),
        CaseStatus(name="refused", text="status.refused", open=False, public=False),
        CaseStatus(name="withdrawn", text="status.withdrawn", open=False, public=False),
    ),
    public=LampPublic,
    private=LampPrivate,
    rules=lambda ctx: RULES,
    withdrawn="withdrawn",
)


def context(
    database: Database, reader: Reader = ANONYMOUS, *, slug: str = HERE, now: datetime = NOON, city: City | None = None
) -> Context[Any]:
    city = city or make_city(slug)
    return Context(city=city, plugin="lamps", config=Config(), database=database, reader=reader, clock=lambda: now)


def draft(title: str = "Lampe dunkel", **values: Any) -> cases.Draft:
    given: dict[str, Any] = {
        "public": LampPublic(colour="gelb"),
        "private": LampPrivate(phone="0251 123456"),
        "lat": 51.96,
        "lon": 7.63,
        "address": "Hauptstraße 1",
    }
    return cases.Draft(title=title, **(given | values))


def new_key() -> str:
    return str(uuid4())


async def submit(ctx: Context[Any], title: str = "Lampe dunkel", *, key: str = "", **values: Any) -> cases.Submitted:
    async with ctx.transaction() as session:
        return await cases.submit(session, ctx, LAMP, draft(title, **values), key=key or new_key())


async def open_case(ctx: Context[Any], title: str = "Lampe dunkel", *, key: str = "", **values: Any) -> cases.Submitted:
    return await cases.open_case(ctx, LAMP, draft(title, **values), key=key or new_key())


async def history(ctx: Context[Any], case: cases.Case) -> list[tuple[str, str]]:
    async with ctx.session() as session:
        return [(event.what, event.actor) for event, _ in await cases.events(session, case)]
