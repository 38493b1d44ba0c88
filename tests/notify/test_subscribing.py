"""What an app does: sees the topics, subscribes with its token, opts out; and the pages that mails lead to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from allmende import Config, Plugin
from allmende.city.model import Mail, Notify, WebPush
from allmende.db.engine import Database
from allmende.graphql.compose import compose
from allmende.graphql.execute import Engine
from allmende.graphql.request import Services
from allmende.jobs.house import House
from allmende.jobs.tasks import due_tasks, run_task
from allmende.notify.chores import forget_old, notify_chores
from allmende.notify.tables import Delivery, Endpoint, Outgoing, Subscription
from allmende.pages.notify import notify_pages
from allmende.reader import ANONYMOUS, Reader
from allmende.testing import NOON, make_city
from litestar import Litestar
from sqlalchemy import func, select

from ..feeds.village import make_services
from ..graphql.gazette import Towns, ask, install
from .people import ALARM, CASES, PICKUPS, announce, join, make_town, make_ways
from .pushservice import PushService, browser, serving

WASTE = Plugin(name="waste", topics=(PICKUPS, ALARM, CASES))
MAIL = Mail(host="mail.example", security="none", sender="app@oben.example", site="https://app.example")
WEB = WebPush(private_key="secret:VAPID", public_key="B" * 87, subject="mailto:it@oben.example")
ANNA = Reader(kind="device", id="a" * 32, city="oben")
BERT = Reader(kind="citizen", id="b" * 32, city="oben")
ADMIN = Reader(kind="staff", id="c" * 32, city="oben", permissions=frozenset({"notify.connect"}))
SUBSCRIBE = """mutation($input: NotifySubscribeInput!) {
  notifySubscribe(input: $input) { id topic parameters { name value } channel confirmed quietFrom quietUntil }
}"""
MINE = '{ city(slug: "oben") { subscriptions { id topic channel } } }'
PUSH = {"city": "oben", "topic": "waste.pickups", "channel": "webpush"}


@pytest.fixture
def engine(database: Database) -> Engine:
    composed = compose(install(WASTE))
    notify = Notify(webpush=WEB, email=MAIL)
    oben = make_city("oben", plugins={"waste": Config()}, notify=notify)
    towns = Towns({"oben": oben, "unten": make_city("unten")})
    return Engine(composed, Services(composed.registry, database, lambda: towns, clock=lambda: NOON))


def phone(number: int = 1) -> dict[str, str]:
    return browser("https://push.example", number)


async def subscribe(engine: Engine, reader: Reader = ANNA, **values: Any) -> Any:
    body = await ask(engine, SUBSCRIBE, variables={"input": {**PUSH, **phone(), **values}}, reader=reader)
    return body["data"]["notifySubscribe"] if "errors" not in body else body["errors"][0]


async def mine(engine: Engine, reader: Reader = ANNA) -> list[tuple[str, str]]:
    body = await ask(engine, MINE, reader=reader)
    return [(one["topic"], one["channel"]) for one in body["data"]["city"]["subscriptions"]]


async def test_topics_are_those_of_modules_that_are_on(engine: Engine) -> None:
    query = "topics { name title urgent personal parameters { name ordered values labels } } push { channels }"
    body = await ask(engine, f'{{ a: city(slug: "oben") {{ {query} }} b: city(slug: "unten") {{ {query} }} }}')
    assert "errors" not in body, body["errors"]
    assert [topic["name"] for topic in body["data"]["a"]["topics"]] == ["waste.pickups", "waste.alarm", "waste.mine"]
    assert body["data"]["a"]["push"]["channels"] == ["webpush", "email"]
    assert body["data"]["b"] == {"topics": [], "push": {"channels": []}}


async def test_device_subscribes_once_sees_it_and_opts_out(engine: Engine, database: Database) -> None:
    street = [{"name": "street", "value": "Ring"}]
    made = await subscribe(engine, parameters=street, quietFrom="22:00", quietUntil="6:00")
    assert made == {
        "id": made["id"], "topic": "waste.pickups", "parameters": street, "channel": "webpush", "confirmed": True,
        "quietFrom": "22:00", "quietUntil": "06:00",
    }  # fmt: skip
    again = await subscribe(engine, parameters=street)
    assert (again["id"], again["quietFrom"]) == (made["id"], None)
    await subscribe(engine, topic="waste.alarm")
    assert sorted(await mine(engine)) == [("waste.alarm", "webpush"), ("waste.pickups", "webpush")]
    assert await mine(engine, BERT) == []
    gone = f'mutation {{ notifyUnsubscribe(input: {{ city: "oben", id: "{made["id"]}" }}) }}'
    assert (await ask(engine, gone, reader=BERT))["errors"][0]["extensions"]["code"] == "NOT_FOUND"
    assert (await ask(engine, gone, reader=ANNA))["data"] == {"notifyUnsubscribe": True}
    assert await mine(engine) == [("waste.alarm", "webpush")]
    everything = 'mutation { notifyUnsubscribeAll(input: { city: "oben" }) }'
    assert (await ask(engine, everything, reader=ANNA))["data"] == {"notifyUnsubscribeAll": 1}
    async with database.session("oben") as session:
        for table in (Endpoint, Subscription):
            assert (await session.execute(select(func.count()).select_from(table))).scalar_one() == 0


async def test_phone_belongs_to_whoever_is_signed_in_on_it(engine: Engine) -> None:
    await subscribe(engine)
    await subscribe(engine, BERT)
    assert (await mine(engine), await mine(engine, BERT)) == ([], [("waste.pickups", "webpush")])


@pytest.mark.parametrize(
    ("values", "code", "words"),
    [
        ({"topic": "waste.nothing"}, "BAD_INPUT", "input.topic"),
        ({"topic": "news.latest"}, "BAD_INPUT", "input.topic"),
        ({"channel": "fcm"}, "BAD_INPUT", "input.channel"),
        ({"address": "https://10.0.0.1/x"}, "BAD_INPUT", "address"),
        ({"parameters": [{"name": "colour", "value": "red"}]}, "BAD_INPUT", "no parameter 'colour'"),
        ({"topic": "waste.alarm", "parameters": [{"name": "severity", "value": "bad"}]}, "BAD_INPUT", "severity"),
        ({"quietFrom": "25:00"}, "BAD_INPUT", "input.quietFrom"),
        ({"city": "nowhere"}, "NOT_FOUND", "input.city"),
        ({"city": "unten"}, "UNAUTHENTICATED", "token"),
    ],
)
async def test_bad_input_is_named(engine: Engine, values: dict[str, Any], code: str, words: str) -> None:
    error = await subscribe(engine, **values)
    assert error["extensions"]["code"] == code
    assert words in error["message"]


async def test_nobody_subscribes_or_looks_without_a_token(engine: Engine) -> None:
    assert (await subscribe(engine, ANONYMOUS))["extensions"]["code"] == "UNAUTHENTICATED"
    assert (await ask(engine, MINE))["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_web_hooks_are_for_staff_and_are_told_their_secret(engine: Engine) -> None:
    connect = """mutation { notifyConnect(input: { city: "oben", topic: "waste.pickups",
      address: "https://partner.example/hook" }) { id channel secret } }"""
    assert (await ask(engine, connect, reader=ANNA))["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    made = (await ask(engine, connect, reader=ADMIN))["data"]["notifyConnect"]
    assert (made["channel"], len(made["secret"])) == ("webhook", 43)
    end = f'mutation {{ notifyDisconnect(input: {{ city: "oben", id: "{made["id"]}" }}) }}'
    assert (await ask(engine, end, reader=ADMIN))["data"] == {"notifyDisconnect": True}


async def test_mail_address_is_asked_once_a_day_and_agrees_or_opts_out_on_a_page(
    engine: Engine, database: Database
) -> None:
    values = {"channel": "email", "address": "anna@post.example", "p256dh": "", "auth": ""}
    assert (await subscribe(engine, **values))["confirmed"] is False
    await subscribe(engine, topic="waste.alarm", **values)
    async with database.session("oben") as session:
        (asked,) = (await session.scalars(select(Outgoing))).all()
        assert asked.topic == "core.confirm"
        assert (await session.execute(select(func.count()).select_from(Delivery))).scalar_one() == 1
        ticket = (await session.scalars(select(Endpoint.ticket))).one()
    app = Litestar([*notify_pages(engine.services)], openapi_config=None)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://app.example") as client:
        page = await client.get(f"/oben/notify/confirm/{ticket}")
        assert (page.status_code, "Ja, bestätigen" in page.text) == (200, True)
        assert (await subscribe(engine, **values))["confirmed"] is False  # a mail program may open links by itself
        done = await client.post(f"/oben/notify/confirm/{ticket}", headers={"accept-language": "en"})
        assert "your address is confirmed" in done.text
        assert (await subscribe(engine, **values))["confirmed"] is True
        assert (await client.get(f"/unten/notify/out/{ticket}")).status_code == 404
        assert (await client.get("/nowhere/notify/out/x")).status_code == 404
        assert (await client.get(f"/oben/notify/other/{ticket}")).status_code == 404
        one_click = await client.post(f"/oben/notify/out/{ticket}", content="List-Unsubscribe=One-Click")
        assert (one_click.status_code, "keine Nachrichten mehr" in one_click.text) == (200, True)
        assert (await client.post(f"/oben/notify/out/{ticket}")).status_code == 404
    assert await mine(engine) == []


async def test_runner_finds_the_city_with_something_to_send_and_only_that(database: Database) -> None:
    service, cities = PushService(), {slug: make_town(slug=slug) for slug in ("adorf", "bdorf")}
    async with serving(service) as base:
        services = make_services(database)
        send, _ = notify_chores(make_ways(base), database, lambda: NOON)
        house = House(database=database, services=services, cities=lambda: cities, plugins=list, chores=(send,))
        await join(database, cities["adorf"], base, 1)
        assert await due_tasks(house) == []
        await announce(database, cities["adorf"])
        with database.count() as statements:
            (task,) = await due_tasks(house)
        assert (task.city, task.name, len(statements)) == ("adorf", "notify-send", 4)
        await run_task(house, task)
        assert await due_tasks(house) == []
    assert list(service.received) == [1]


async def test_what_nobody_needs_to_know_any_more_is_forgotten(database: Database) -> None:
    service, city = PushService(), make_town()
    async with serving(service) as base:
        await join(database, city, base, 1)
        await announce(database, city)
        send, tidy = notify_chores(make_ways(base), database, lambda: NOON)
        await send.run(city)
        await tidy.run(city)
    counts = []
    for days in (1, 20, 100):
        await forget_old(database, city.slug, NOON + timedelta(days=days))
        async with database.session(city.slug) as session:
            tables = (Delivery, Outgoing, Endpoint)
            counts.append([(await session.execute(select(func.count()).select_from(t))).scalar_one() for t in tables])
    assert counts == [[1, 1, 1], [0, 1, 1], [0, 0, 1]]
