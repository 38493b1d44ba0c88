"""A city whose citizens subscribe, for tests of delivery."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Any

from allmende import Config, Context, Message, Parameter, Topic, tell
from allmende.city.model import City, Notify, WebPush
from allmende.db.engine import Database
from allmende.egress import GuardedTransport, guarded_socket
from allmende.notify.channels.webpush import public_key
from allmende.notify.delivery import deliver
from allmende.notify.endpoints import Place
from allmende.notify.subscribing import Quiet, register, subscribe
from allmende.notify.tables import Delivery, Subscription
from allmende.notify.ways import Ways
from allmende.testing import NOON, make_city, make_context
from sqlalchemy import func, select

from .pushservice import browser

KEY = "nbDHNzKcuuNDlJfZ2fQJ9N1N3zQpuRbi0bvyfN5AsXM"
"""A VAPID key for tests."""
PICKUPS = Topic(
    name="pickups",
    title={"de": "Abfuhr", "en": "Pickups"},
    parameters=(Parameter(name="street", title="Straße"), Parameter(name="fraction", title="Tonne")),
)
ALARM = Topic(
    name="alarm",
    title="Alarm",
    urgent=True,
    parameters=(Parameter(name="severity", title="Stufe", values=("minor", "moderate", "severe"), ordered=True),),
)
CASES = Topic(name="mine", title="Mein Anliegen", personal=True)


def make_town(**changes: Any) -> City:
    notify = Notify(
        webpush=WebPush(private_key="secret:VAPID", public_key=public_key(KEY), subject="mailto:it@teststadt.example")
    )
    return make_city(**({"notify": notify} | changes))


def context(database: Database, city: City, now: datetime = NOON) -> Context[Any]:
    return make_context("waste", Config(), city=city, database=database, now=now)


def make_ways(*servers: str) -> Ways:
    """With the egress guard, and the test's own servers as the operator's exceptions."""
    allowed = frozenset((host, int(port)) for host, port in (one.removeprefix("http://").split(":") for one in servers))
    return Ways(
        secret=lambda reference: {"secret:VAPID": KEY}[reference],
        transport=lambda http2, connections: GuardedTransport(allowed, http2=http2, connections=connections),
        dial=lambda host, port: guarded_socket(allowed, host, port),
    )


async def join(
    database: Database,
    city: City,
    base: str,
    number: int,
    topic: Topic = PICKUPS,
    parameters: dict[str, str] | None = None,
    *,
    manner: str = "ok",
    language: str = "de",
    quiet: Quiet = None,
    owner: str = "",
) -> Subscription:
    """A browser subscribes. (Its address is this machine's, which the API refuses.)"""
    given = browser(base, number, manner)
    place = Place(channel="webpush", address=given["address"], keys={"p256dh": given["p256dh"], "auth": given["auth"]})
    async with database.transaction(city.slug) as session:
        endpoint = await register(session, city, owner or f"device{number}", place, language, NOON)
        return await subscribe(session, endpoint, "waste", topic, parameters or {}, quiet, NOON)


async def announce(
    database: Database,
    city: City,
    key: str = "one",
    *,
    topic: Topic = PICKUPS,
    now: datetime = NOON,
    to: Any = None,
    facts: Any = None,
    **message: Any,
) -> bool:
    values = {
        "title": {"de": "Abfuhr verschoben", "en": "Pickup moved"},
        "body": {"de": "auf Samstag", "en": "to Saturday"},
    }
    ctx = context(database, city, now)
    async with ctx.transaction() as session:
        return await tell(session, ctx, topic, Message(key=key, **(values | message)), facts, to=to)


async def run(database: Database, city: City, *servers: str, now: datetime = NOON, seconds: float = 20) -> Counter[str]:
    return await deliver(make_ways(*servers), database, city, lambda: now, seconds)


async def states(database: Database, city: City) -> dict[str, int]:
    async with database.session(city.slug) as session:
        found = await session.execute(select(Delivery.state, func.count()).group_by(Delivery.state))
        return {str(state): int(number) for state, number in found}
