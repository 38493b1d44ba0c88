"""A phone whose push address changes, and one on which a citizen signs in, lose nothing that they subscribed to."""

from __future__ import annotations

from typing import Any

from allmende import Message, cases, tell
from allmende.accounts.devices import register_device
from allmende.cases.tables import CaseFollower
from allmende.db.engine import Database
from allmende.graphql.execute import Engine
from allmende.notify.spread import spread
from allmende.notify.tables import Delivery, Endpoint
from allmende.reader import ANONYMOUS, Reader
from allmende.testing import NOON, make_city
from sqlalchemy import select

from ..cases import lamps
from ..graphql.gazette import ask
from .people import PICKUPS, context
from .test_subscribing import ANNA, BERT, engine, mine, phone, subscribe

__all__ = ["engine"]
RENEW = "mutation($input: NotifyRenewInput!) { notifyRenew(input: $input) }"
MERGE = "mutation($input: AccountMergeInput!) { accountMerge(input: $input) { cases places } }"


async def renew(engine: Engine, old: str, reader: Reader = ANNA, **values: Any) -> Any:
    given = {"city": "oben", "channel": "webpush", "old": old, **phone(2), **values}
    body = await ask(engine, RENEW, variables={"input": given}, reader=reader)
    return body["data"]["notifyRenew"] if "errors" not in body else body["errors"][0]["extensions"]["code"]


async def addresses(database: Database) -> list[tuple[str, str]]:
    async with database.session("oben") as session:
        found = (await session.scalars(select(Endpoint).order_by(Endpoint.created, Endpoint.id))).all()
    return [(one.owner, one.address) for one in found]


async def test_a_new_push_address_takes_the_place_of_the_old_one_with_all_its_topics(
    engine: Engine, database: Database
) -> None:
    for topic in ("waste.pickups", "waste.alarm"):
        await subscribe(engine, topic=topic)
    assert await renew(engine, phone(1)["address"]) == 2
    assert await addresses(database) == [(ANNA.id, phone(2)["address"])]
    assert sorted(await mine(engine)) == [("waste.alarm", "webpush"), ("waste.pickups", "webpush")]
    assert await renew(engine, phone(1)["address"]) == "NOT_FOUND", "it is gone"
    assert await renew(engine, phone(2)["address"]) == 2, "said twice, it stays"


async def test_an_address_that_is_there_already_becomes_one_with_the_old_and_nothing_is_told_twice(
    engine: Engine, database: Database
) -> None:
    city = engine.services.cities().by_slug["oben"]
    for number, topics in ((1, ("pickups", "alarm")), (2, ("pickups",))):
        for topic in topics:
            await subscribe(engine, topic=f"waste.{topic}", **phone(number))
    ctx = context(database, city)
    for key, facts in (("both", {}), ("more", {})):
        async with ctx.transaction() as session:
            await tell(session, ctx, PICKUPS, Message(key=key, title="Abfuhr", body="verschoben"), facts)
    while await spread(database, "oben", NOON):
        pass
    async with database.transaction("oben") as session:
        first = (await session.scalars(select(Delivery).order_by(Delivery.message).limit(1))).one()
        twins = (await session.scalars(select(Delivery).where(Delivery.message == first.message))).all()
        new = (await session.scalars(select(Endpoint).where(Endpoint.address == phone(2)["address"]))).one()
        await session.delete(next(one for one in twins if one.endpoint == new.id))
    assert await renew(engine, phone(1)["address"]) == 2
    assert await addresses(database) == [(ANNA.id, phone(2)["address"])]
    async with database.session("oben") as session:
        left = (await session.scalars(select(Delivery).where(Delivery.state == "waiting"))).all()
    assert sorted((one.message, one.endpoint) for one in left) == sorted({(one.message, new.id) for one in left}), (
        "one for each message"
    )
    assert len(left) == 2


async def test_only_ones_own_push_address_can_be_renewed(engine: Engine, database: Database) -> None:
    await subscribe(engine)
    assert await renew(engine, phone(1)["address"], BERT) == "NOT_FOUND"
    assert await renew(engine, phone(1)["address"], ANONYMOUS) == "UNAUTHENTICATED"
    assert await renew(engine, phone(1)["address"], channel="email", address="a@b.example") == "BAD_INPUT"
    assert await renew(engine, phone(1)["address"], auth="x") == "BAD_INPUT"
    assert await addresses(database) == [(ANNA.id, phone(1)["address"])]


async def merge(engine: Engine, token: str, reader: Reader = BERT, *, agreed: bool = True) -> Any:
    given = {"city": "oben", "device": token, "agreed": agreed}
    body = await ask(engine, MERGE, variables={"input": given}, reader=reader)
    return body["data"]["accountMerge"] if "errors" not in body else body["errors"][0]["extensions"]["code"]


async def test_a_citizen_takes_over_what_the_device_has_once_and_only_with_its_token_and_consent(
    engine: Engine, database: Database
) -> None:
    accounts = engine.services.accounts
    token = await register_device(accounts, "oben", "de")
    device = await accounts.reader(token)
    city = make_city("oben")
    ctx = lamps.context(database, device, city=city)
    own = (await lamps.submit(ctx)).case
    other = (await lamps.submit(lamps.context(database, ANNA, city=city), "Andere")).case
    async with ctx.transaction() as session:
        followed = await cases.find(session, id=other.id)
        assert followed is not None
        followed.published = followed.shown = True
        await cases.follow(session, ctx, followed, key=lamps.new_key())
    await subscribe(engine, device)
    await subscribe(engine, BERT, **phone(3))

    assert await merge(engine, token, agreed=False) == "BAD_INPUT"
    assert await merge(engine, token, device) == "FORBIDDEN"
    assert await merge(engine, token, ANONYMOUS) == "UNAUTHENTICATED"
    assert await merge(engine, token[:-1] + "x") == "BAD_INPUT"
    assert await merge(engine, await register_device(accounts, "unten", "de")) == "BAD_INPUT"
    assert await mine(engine, device) == [("waste.pickups", "webpush")], "nothing has moved yet"

    assert await merge(engine, token) == {"cases": 2, "places": 1}
    assert (await mine(engine, BERT), await mine(engine, device)) == ([("waste.pickups", "webpush")] * 2, [])
    async with ctx.session() as session:
        mine_now = [case.id for case in await session.scalars(cases.of(BERT.id))]
        assert sorted(mine_now) == sorted([own.id, other.id])
        assert (await session.scalars(cases.of(device.id))).all() == []
        assert (await session.scalars(select(CaseFollower.submitter))).all() == [BERT.id]
    assert await merge(engine, token) == {"cases": 0, "places": 0}
    assert (await accounts.reader(token)).id == device.id, "the device stays known"
