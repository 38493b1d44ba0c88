"""What people can do with their own data by GraphQL: export it, and have it erased, in their city only."""

from __future__ import annotations

from typing import Any

from allmende.accounts.devices import register_device
from allmende.db.engine import Database
from allmende.graphql.execute import Engine
from allmende.notify.tables import Endpoint, Subscription
from allmende.reader import ANONYMOUS, Reader
from allmende.testing import NOON
from sqlalchemy import func, select

from .gazette import ask, make_engine

EXPORT = "{ me { export } }"
ERASE = 'mutation { privacyErase(input: { city: "%s", dryRun: %s }) { owner table rows status } }'


async def subscribed(engine: Engine, database: Database) -> Reader:
    """A device with a subscription."""
    token = await register_device(engine.services.accounts, "oben", "de")
    reader = await engine.services.accounts.reader(token)
    async with database.transaction("oben") as session:
        session.add(
            Endpoint(
                id="e" * 32,
                owner=reader.id,
                channel="webpush",
                address="https://push.example/secret",
                digest="d" * 32,
                language="de",
                confirmed=True,
                ticket="t" * 43,
                created=NOON,
            )
        )
        session.add(
            Subscription(
                id="5" * 32,
                endpoint="e" * 32,
                topic="waste.pickup",
                parameters={"street": "Marktweg"},
                match="m" * 32,
                created=NOON,
            )
        )
    return reader


async def left(database: Database, city: str = "oben") -> list[Any]:
    async with database.session(city) as session:
        return [await session.scalar(select(func.count()).select_from(table)) for table in (Endpoint, Subscription)]


async def test_me_exports_what_is_held_about_the_account(database: Database) -> None:
    engine = make_engine(database)
    reader = await subscribed(engine, database)
    found = (await ask(engine, EXPORT, reader=reader))["data"]["me"]["export"]
    assert (found["city"], found["account"], found["failed"]) == ("oben", reader.id, [])
    assert found["data"]["notify"]["notify_subscription"][0]["parameters"] == {"street": "Marktweg"}
    assert found["data"]["notify"]["notify_endpoint"][0]["address"] == "https://push.example/secret"
    assert [row["id"] for row in found["data"]["accounts"]["account_account"]] == [reader.id]
    assert (await ask(engine, EXPORT))["data"] == {"me": None}


async def test_an_erasure_is_tried_first_and_then_takes_everything_and_the_account(database: Database) -> None:
    engine = make_engine(database)
    reader = await subscribed(engine, database)
    body = await ask(engine, ERASE % ("oben", "true"), reader=reader)
    parts = {part["table"]: (part["rows"], part["status"]) for part in body["data"]["privacyErase"]}
    assert parts["notify_endpoint"] == parts["account_account"] == (1, "erased")
    assert await left(database) == [1, 1]
    body = await ask(engine, ERASE % ("oben", "false"), reader=reader)
    assert {part["status"] for part in body["data"]["privacyErase"]} == {"erased", "cleared", "kept"}
    assert await left(database) == [0, 0]
    again = (await ask(engine, EXPORT, reader=reader))["data"]["me"]["export"]
    assert again["data"] == {}


async def test_nobody_else_can_have_it_erased(database: Database) -> None:
    engine = make_engine(database)
    reader = await subscribed(engine, database)
    stranger = Reader(kind="device", id="f" * 32, city="oben")
    elsewhere = Reader(kind="device", id=reader.id, city="unten")
    for asker, city in ((ANONYMOUS, "oben"), (stranger, "oben"), (elsewhere, "oben"), (elsewhere, "unten")):
        await ask(engine, ERASE % (city, "false"), reader=asker)
    assert await left(database) == [1, 1]
