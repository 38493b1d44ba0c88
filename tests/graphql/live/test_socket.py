"""graphql-transport-ws, message by message: what a client may do, and with which code it is closed otherwise."""

from __future__ import annotations

import asyncio
import time
import tracemalloc
from typing import Any

import pytest
import strawberry
from allmende import PUBLIC, CityModule, Plugin, field
from allmende.db.engine import Database
from allmende.errors import AllmendeError
from allmende.graphql.live import news
from allmende.graphql.live.hub import Hub
from allmende.graphql.live.model import LiveRules

from tests.graphql.gazette import make_engine, publish
from tests.graphql.live.wire import Wire
from tests.standstill import largest_stretch

CHANGES = 'subscription { changes(city: "oben") { module } }'
SLUG = '{ city(slug: "oben") { slug } }'
ANSWER = {"data": {"city": {"slug": "oben"}}}
GAZETTE = {"data": {"changes": {"module": "gazette"}}}


def make_hub(database: Database, **rules: Any) -> Hub:
    engine = make_engine(database)
    return Hub(lambda: engine, rules=LiveRules(**rules))


@pytest.fixture
def hub(database: Database) -> Hub:
    return make_hub(database)


async def followed(hub: Hub, watches: int) -> None:
    """Until so many subscriptions are under way: what changes from then on is heard."""
    async with asyncio.timeout(60):
        while sum(len(city.watches) for city in hub.engine().services.news._cities.values()) != watches:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_a_query_is_answered_and_completed_and_its_id_can_be_used_again(hub: Hub) -> None:
    async with Wire(hub) as wire:
        await wire.begin()
        for _ in range(2):
            wire.ask("1", "query ($s: String) { city(slug: $s) { slug } }", variables={"s": "oben"})
            assert [await wire.hear(), await wire.hear()] == [
                {"id": "1", "type": "next", "payload": ANSWER},
                {"id": "1", "type": "complete"},
            ]


async def test_a_subscriber_hears_of_a_committed_change_at_once_until_it_completes(
    hub: Hub, database: Database
) -> None:
    async with Wire(hub) as wire:
        await wire.begin()
        wire.ask("1", CHANGES)
        await followed(hub, 1)
        await publish(database, "oben", {"title": "News"})
        assert await wire.hear() == {"id": "1", "type": "next", "payload": GAZETTE}
        wire.say(type="complete", id="1")
        await followed(hub, 0)
        await publish(database, "oben", {"title": "More"}, {"title": "Still more"})
        wire.say(type="ping")
        assert await wire.hear() == {"type": "pong"}
        assert hub.engine().services.news._looking == ()


async def test_many_changes_are_told_as_two_and_those_of_others_not_at_all(hub: Hub, database: Database) -> None:
    async with Wire(hub) as wire:
        await wire.begin()
        wire.ask("1", CHANGES)
        await followed(hub, 1)
        for number in range(5):
            await publish(database, "unten", {"title": f"Elsewhere {number}"})
            await publish(database, "oben", {"title": f"Note {number}"})
        await asyncio.sleep(2 * news.PACE + 0.5)
        heard = [await wire.hear() for _ in range(wire.outgoing.qsize())]
        assert 1 <= len(heard) <= 3
        assert {str(one["payload"]) for one in heard} == {str(GAZETTE)}


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{ nonsense", "GRAPHQL_PARSE_FAILED"),
        ("{ nonsense }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($f: Int!) { city(slug: $f) { slug } }", "GRAPHQL_VALIDATION_FAILED"),
        ('subscription { changes(city: "nowhere") { module } }', "NOT_FOUND"),
        ('subscription { changes(city: "oben", modules: ["nothing"]) { module } }', "BAD_INPUT"),
        ("subscription ($c: String!) { changes(city: $c) { module } }", "BAD_INPUT"),
        ("{" + " ".join(f"a{i}: __typename" for i in range(20)) + "}", "LIMIT_ROOT_FIELDS"),
    ],
)
async def test_what_cannot_be_executed_gets_the_same_errors_as_over_http(hub: Hub, query: str, code: str) -> None:
    async with Wire(hub) as wire:
        await wire.begin()
        wire.ask("1", query)
        message = await wire.hear()
        codes = [error["extensions"]["code"] for error in message["payload"]]
        assert (message["type"], message["id"], set(codes)) == ("error", "1", {code})
        wire.ask("1", SLUG)
        assert (await wire.hear())["payload"] == ANSWER


async def test_pings_are_answered_with_their_payload_before_and_after_the_beginning(hub: Hub) -> None:
    async with Wire(hub) as wire:
        wire.say(type="ping", payload={"n": 1})
        assert await wire.hear() == {"type": "pong", "payload": {"n": 1}}
        await wire.begin()
        wire.say(type="pong")
        wire.say(type="ping")
        assert await wire.hear() == {"type": "pong"}


async def test_without_the_subprotocol_the_connection_is_closed(hub: Hub) -> None:
    for protocols in (("graphql-ws",), ("soap", "mqtt")):
        async with Wire(hub, *protocols) as wire:
            assert (wire.accepted["subprotocol"], await wire.hear()) == (None, 4406)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "[]",
        "null",
        "NaN",
        "{}",
        '{"type": 5}',
        '{"type": "start"}',
        '{"type": "next", "id": "1", "payload": {}}',
        '{"type": "connection_init", "payload": "me"}',
        '{"type": "ping", "payload": 5}',
        '{"type": "complete"}',
        '{"type": "complete", "id": ""}',
        '{"type": "subscribe", "payload": {"query": "{a}"}}',
        '{"type": "subscribe", "id": 1, "payload": {"query": "{a}"}}',
        '{"type": "subscribe", "id": "1"}',
        '{"type": "subscribe", "id": "1", "payload": {}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 5}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{a}", "variables": []}}',
        "[" * 100_000,
    ],
)
async def test_a_message_that_is_none_closes_with_4400(hub: Hub, text: str) -> None:
    async with Wire(hub) as wire:
        if "subscribe" in text:
            await wire.begin()
        wire.text(text)
        assert await wire.hear() == 4400


async def test_bytes_close_with_4400_and_too_long_a_text_with_1009(hub: Hub) -> None:
    async with Wire(hub) as wire:
        wire.incoming.put_nowait({"type": "websocket.receive", "bytes": b"{}"})
        assert await wire.hear() == 4400
    async with Wire(hub) as wire:
        wire.text(" " * 300_000)
        assert await wire.hear() == 1009


async def test_who_asks_before_the_beginning_or_begins_twice_is_closed(hub: Hub) -> None:
    async with Wire(hub) as wire:
        wire.ask("1", SLUG)
        assert await wire.hear() == 4401
    async with Wire(hub) as wire:
        await wire.begin()
        wire.say(type="connection_init")
        assert await wire.hear() == 4429


async def test_an_id_that_is_in_use_closes_with_4409(hub: Hub) -> None:
    async with Wire(hub) as wire:
        await wire.begin()
        wire.ask("1", CHANGES)
        wire.ask("1", CHANGES)
        assert await wire.hear() == 4409


async def test_who_never_begins_is_closed_with_4408_and_who_falls_silent_with_4499(database: Database) -> None:
    async with Wire(make_hub(database, init_seconds=0.05)) as wire:
        assert await wire.hear() == 4408
    async with Wire(make_hub(database, init_seconds=0.05, ping_seconds=0.05)) as wire:
        await wire.begin()
        assert [await wire.hear(), await wire.hear()] == [{"type": "ping"}, 4499]


async def test_a_fault_of_ours_closes_with_4500(hub: Hub) -> None:
    def fail() -> None:
        raise ZeroDivisionError

    async with Wire(hub, **{"allmende.take": fail}) as wire:
        await wire.begin()
        wire.ask("1", SLUG)
        assert await wire.hear() == 4500


async def test_more_operations_than_allowed_are_refused_one_by_one(database: Database) -> None:
    def refuse() -> None:
        raise AllmendeError("later", code="RATE")

    async with Wire(make_hub(database, operations=2)) as wire:
        await wire.begin()
        for id_ in "123":
            wire.ask(id_, CHANGES)
        message = await wire.hear()
        assert (message["id"], message["payload"][0]["extensions"]["code"]) == ("3", "LIMIT_OPERATIONS")
    async with Wire(make_hub(database), **{"allmende.take": refuse}) as wire:
        await wire.begin()
        wire.ask("1", SLUG)
        assert (await wire.hear())["payload"][0]["extensions"]["code"] == "RATE"


async def test_who_does_not_read_is_waited_for_and_then_closed_and_holds_little_meanwhile(database: Database) -> None:
    async with Wire(make_hub(database, queue=8, patience=0.3)) as wire:
        await wire.begin()
        wire.reading.clear()
        for number in range(200):
            wire.ask(str(number), SLUG)
        assert await wire.hear() == 1013
        assert wire.incoming.qsize() > 100


async def test_what_waits_for_all_slow_clients_together_is_little_and_who_is_slowest_has_to_go(
    database: Database,
) -> None:
    hub = make_hub(database, all_waiting=100_000, operations=100, queue=1000)
    large = " ".join(f'slug{number}_{"x" * 90}: city(slug: "oben") {{ slug }}' for number in range(10))

    def ask(wire: Wire, numbers: range) -> None:
        for number in numbers:
            wire.ask(str(number), f"{{ {large} }}")

    async def waits(size: int) -> None:
        async with asyncio.timeout(60):
            while hub.waiting.total < size:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    async with Wire(hub) as slow, Wire(hub) as slower, Wire(hub) as quick:
        for place, wire in enumerate((slower, slow)):
            await wire.begin()
            wire.reading.clear()
            ask(wire, range(30))
            await waits(35_000 * (place + 1))
        ask(slow, range(30, 60))
        assert await slower.hear() == 1013
        assert hub.waiting.total <= 100_000
        await quick.begin()
        quick.ask("1", SLUG)
        assert (await quick.hear())["payload"] == ANSWER
        slow.reading.set()
        assert (await slow.hear())["type"] == "next"
    assert hub.waiting.total == 0


@strawberry.type(description="Works without waiting, as reads of an embedded database do.")
class Mill(CityModule):
    @field(visible=PUBLIC, description="Takes five milliseconds.")
    def grind(self) -> str:
        until = time.thread_time() + 0.005
        while time.thread_time() < until:
            pass
        return "flour"


async def test_hundreds_of_queries_at_once_leave_turns_of_the_loop_to_others(database: Database) -> None:
    """All of them were one turn of the loop, and the watchdog ended the worker."""
    engine = make_engine(database, Plugin(name="mill", city_field=Mill))
    hub = Hub(lambda: engine, rules=LiveRules(operations=300, queue=2000))
    async with Wire(hub) as wire:
        await wire.begin()

        async def asked() -> None:
            for number in range(300):
                wire.ask(str(number), '{ city(slug: "oben") { mill { grind } } }')
            assert {(await wire.hear())["type"] for _ in range(600)} == {"next", "complete"}

        assert await largest_stretch(asked()) < 0.4


async def test_the_server_says_goodbye_when_it_stops(hub: Hub) -> None:
    async with Wire(hub) as wire, Wire(hub) as other:
        await wire.begin()
        wire.ask("1", CHANGES)
        await hub.stop()
        assert ([await wire.hear(), await other.hear()], len(hub)) == ([1001, 1001], 0)


async def test_two_hundred_subscribers_hear_of_one_change_and_take_little_memory(hub: Hub, database: Database) -> None:
    tracemalloc.start()
    wires = [Wire(hub) for _ in range(200)]
    before = tracemalloc.get_traced_memory()[0]
    for wire in wires:
        await wire.__aenter__()
        await wire.begin()
        wire.ask("1", CHANGES)
    await followed(hub, len(wires))
    await publish(database, "oben", {"title": "News"})
    heard = await asyncio.gather(*(wire.hear() for wire in wires))
    used = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    for wire in wires:
        await wire.__aexit__()
    assert {str(one["payload"]) for one in heard} == {str(GAZETTE)}
    assert used / 200 < 60_000
    assert (len(hub), hub.engine().services.news._cities) == (0, {})
