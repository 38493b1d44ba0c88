"""graphql-sse: an operation's answers as events, kept alive while nothing happens."""

from __future__ import annotations

import asyncio

import pytest
from allmende.db.engine import Database
from allmende.graphql.live.hub import Hub
from allmende.graphql.live.model import LiveRules

from tests.graphql.gazette import make_engine, publish
from tests.graphql.live.wire import PATIENCE, Stream

CHANGES = {"query": 'subscription { changes(city: "oben") { module } }'}
OPEN = (200, "text/event-stream; charset=utf-8")


@pytest.fixture
def hub(database: Database) -> Hub:
    engine = make_engine(database)
    return Hub(lambda: engine, rules=LiveRules(keep_alive=0.2))


async def test_a_subscriber_is_kept_alive_hears_of_changes_and_leaves_nothing_behind(
    hub: Hub, database: Database
) -> None:
    stream = Stream(hub, body=CHANGES)
    assert (await stream.start(), await stream.hear(), await stream.hear()) == (OPEN, ":\n\n", ":\n\n")
    await publish(database, "oben", {"title": "News"})
    told = ":\n\n"
    while told == ":\n\n":
        told = await stream.hear()
    assert told == 'event: next\ndata: {"data":{"changes":{"module":"gazette"}}}\n\n'
    stream.gone.set()
    await asyncio.wait_for(stream.task, PATIENCE)
    assert (len(hub), hub.engine().services.news._cities) == (0, {})


async def test_errors_come_as_an_event_and_the_stream_ends(hub: Hub) -> None:
    stream = Stream(hub, body={"query": "{ nonsense }"})
    assert await stream.start() == OPEN
    parts = [await stream.hear() for _ in range(4)]
    assert "GRAPHQL_VALIDATION_FAILED" in parts[1]
    assert parts[2:] == ["event: complete\ndata:\n\n", ""]


async def test_what_is_no_request_for_a_stream_is_refused(hub: Hub) -> None:
    json = "application/json; charset=utf-8"
    for stream, status in (
        (Stream(hub, body=CHANGES, accept="application/json"), 406),
        (Stream(hub, body=CHANGES, content_type="text/plain"), 415),
        (Stream(hub, body=5), 400),
        (Stream(hub, method="PATCH", body=CHANGES), 405),
    ):
        assert await stream.start() == (status, json)


async def test_streams_end_when_the_server_stops(hub: Hub) -> None:
    stream = Stream(hub, body=CHANGES)
    assert (await stream.start(), await stream.hear()) == (OPEN, ":\n\n")
    await hub.stop()
    assert (await stream.hear(), len(hub)) == ("", 0)
