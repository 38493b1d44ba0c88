"""graphql-sse's single connection mode: one stream for several operations, whichever worker each request arrives at."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest
from allmende.db.engine import Database
from allmende.graphql.live.hub import Hub
from allmende.graphql.live.model import LiveRules
from allmende.relay import service as relay
from allmende.relay.tables import RelayOperation, RelayStream
from allmende.testing import NOON
from sqlalchemy import func, select

from tests.graphql.gazette import make_engine, publish
from tests.graphql.live.wire import PATIENCE, Stream

CHANGES = 'subscription { changes(city: "oben") { module } }'
SLUG = '{ city(slug: "oben") { slug } }'


class Worker:
    """One of the processes that serve one database; all have the same key."""

    def __init__(self, database: Database, *others: Worker, **rules: Any) -> None:
        engine = make_engine(database)
        self.hub = Hub(lambda: engine, rules=LiveRules(**rules))
        self.services = engine.services
        for other in others:
            self.services.sealer = other.services.sealer

    def request(self, method: str, token: str, body: Any = None, query: str = "", **headers: str) -> Stream:
        told = {"x_graphql_event_stream_token": token} if token else {}
        return Stream(self.hub, method, body, query.encode(), **{"accept": "*/*", **told, **headers})

    async def ask(self, method: str, token: str, body: Any = None, query: str = "", **headers: str) -> tuple[int, str]:
        """Status and body of an answer that is no stream."""
        request = self.request(method, token, body, query, **headers)
        status, _ = await request.start()
        return status, await request.hear()

    async def reserve(self) -> str:
        status, token = await self.ask("PUT", "")
        assert status == 201
        return token

    async def open(self, token: str) -> Stream:
        stream = self.request("GET", token, accept="text/event-stream")
        assert await stream.start() == (200, "text/event-stream; charset=utf-8")
        return stream

    async def run(self, token: str, id_: str, query: str, **headers: str) -> tuple[int, str]:
        return await self.ask("POST", token, {"query": query, "extensions": {"operationId": id_}}, **headers)


async def told(stream: Stream) -> tuple[str, Any]:
    """The next event: its name and data."""
    part = ":\n\n"
    while part == ":\n\n":
        part = await stream.hear()
    name, data = part.removesuffix("\n\n").split("\n")
    return name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def ended(stream: Stream) -> None:
    """The server ends the stream."""
    while await stream.hear():
        pass
    await asyncio.wait_for(stream.task, PATIENCE)


async def leave(stream: Stream) -> None:
    stream.gone.set()
    await asyncio.wait_for(stream.task, PATIENCE)


async def rows(database: Database) -> tuple[int, int]:
    async with database.system(write=False) as session:
        streams = await session.scalar(select(func.count()).select_from(RelayStream))
        return streams or 0, await session.scalar(select(func.count()).select_from(RelayOperation)) or 0


async def eventually(database: Database, streams: int, operations: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while await rows(database) != (streams, operations):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


@pytest.fixture
async def workers(database: Database) -> list[Worker]:
    first = Worker(database)
    return [first, Worker(database, first), Worker(database, first)]


async def test_every_request_may_arrive_at_another_worker_and_the_answers_come_on_the_one_stream(
    workers: list[Worker], database: Database
) -> None:
    a, b, c = workers
    token = await a.reserve()
    stream = await b.open(token)
    assert await c.run(token, "news", CHANGES) == (202, "")
    assert await a.run(token, "slug", SLUG) == (202, "")
    assert await told(stream) == ("next", {"id": "slug", "payload": {"data": {"city": {"slug": "oben"}}}})
    assert await told(stream) == ("complete", {"id": "slug"})
    await followed(b, 1)
    await publish(database, "oben", {"title": "News"})
    assert await told(stream) == ("next", {"id": "news", "payload": {"data": {"changes": {"module": "gazette"}}}})
    assert await c.ask("DELETE", token, query="operationId=news") == (200, "")
    await followed(b, 0)
    await leave(stream)
    assert (await rows(database), len(b.hub), b.hub.streams.open) == ((0, 0), 0, {})
    assert (await a.run(token, "1", SLUG))[0] in (202, 404)  # a reservation may be opened again within its minute


async def followed(worker: Worker, watches: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while sum(len(city.watches) for city in worker.services.news._cities.values()) != watches:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_what_was_asked_for_before_the_stream_is_open_is_answered_when_it_is(workers: list[Worker]) -> None:
    a, b, _ = workers
    token = await a.reserve()
    assert await b.run(token, "1", SLUG) == (202, "")
    stream = await a.open(token)
    assert [(await told(stream))[0] for _ in range(2)] == ["next", "complete"]
    await leave(stream)


async def test_queries_may_come_by_get_and_a_browser_has_the_token_in_the_address(workers: list[Worker]) -> None:
    a, b, _ = workers
    token = await a.reserve()
    stream = b.request("GET", "", query=f"token={token}", accept="text/event-stream")
    assert (await stream.start())[0] == 200
    asking = 'query={__typename}&extensions={"operationId":"1"}'
    assert await a.ask("GET", token, query=asking) == (202, "")
    assert await told(stream) == ("next", {"id": "1", "payload": {"data": {"__typename": "Query"}}})
    await leave(stream)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"query": SLUG}, 400, "BAD_REQUEST"),
        ({"query": SLUG, "extensions": {"operationId": 5}}, 400, "BAD_REQUEST"),
        ({"query": SLUG, "extensions": {"operationId": "a\x00b"}}, 400, "BAD_REQUEST"),
        ({"query": SLUG, "extensions": {"operationId": "x" * 129}}, 400, "BAD_REQUEST"),
        ({"query": "{ nonsense", "extensions": {"operationId": "1"}}, 400, "GRAPHQL_PARSE_FAILED"),
        ({"query": "{ nonsense }", "extensions": {"operationId": "1"}}, 400, "GRAPHQL_VALIDATION_FAILED"),
        ({"query": SLUG, "operationName": "Other", "extensions": {"operationId": "1"}}, 400, "BAD_OPERATION_NAME"),
        ([], 400, "BAD_REQUEST"),
    ],
)
async def test_what_cannot_be_executed_is_refused_at_once(
    workers: list[Worker], body: Any, status: int, code: str
) -> None:
    token = await workers[0].reserve()
    answer = await workers[1].ask("POST", token, body)
    assert (answer[0], json.loads(answer[1])["errors"][0]["extensions"]["code"]) == (status, code)


async def test_tokens_that_are_none_or_too_old_and_streams_that_are_open_are_refused(workers: list[Worker]) -> None:
    a, b, _ = workers
    token = await a.reserve()
    forged = token[:-1] + ("A" if token[-1] != "A" else "B")
    events = {"accept": "text/event-stream"}
    assert [
        (await a.ask("GET", forged, **events))[0],
        (await a.run(forged, "1", SLUG))[0],
        (await a.ask("DELETE", forged, query="operationId=1"))[0],
        (await a.ask("DELETE", "", query="operationId=1"))[0],
        (await a.ask("DELETE", token))[0],
        (await a.ask("PUT", "", accept="text/event-stream"))[0],
        (await a.ask("GET", token, accept="application/json"))[0],
        (await a.ask("PUT", "", authorization="Bearer nonsense"))[0],
        (await a.run(token, "1", SLUG, authorization="Bearer nonsense"))[0],
        (await a.run(token, "1", SLUG, content_type="text/plain"))[0],
    ] == [404, 404, 404, 404, 400, 406, 406, 401, 401, 415]
    stream = await a.open(token)
    assert [(await worker.ask("GET", token, **events))[0] for worker in (a, b)] == [409, 409]
    for worker in workers:
        worker.services.clock = lambda: NOON + timedelta(minutes=2)
    other = await a.reserve()
    assert (await b.run(token, "1", SLUG))[0] == 202  # it is open, however old its token is
    assert [(await told(stream))[0] for _ in range(2)] == ["next", "complete"]
    await leave(stream)
    assert [(await a.ask("GET", token, **events))[0], (await a.run(token, "1", SLUG))[0]] == [404, 404]
    assert (await b.run(other, "1", SLUG))[0] == 202


async def test_an_id_in_use_and_more_operations_than_allowed_are_refused_until_one_has_ended(
    database: Database,
) -> None:
    a = Worker(database, operations=2)
    b = Worker(database, a, operations=2)
    token = await a.reserve()
    stream = await a.open(token)
    assert [(await b.run(token, id_, CHANGES))[0] for id_ in ("1", "1", "2", "3")] == [202, 409, 202, 429]
    await followed(a, 2)
    await b.ask("DELETE", token, query="operationId=1")
    await eventually(database, 1, 1)
    assert (await b.run(token, "1", CHANGES))[0] == 202
    await leave(stream)
    assert await rows(database) == (0, 0)


async def test_who_does_not_read_is_waited_for_and_then_the_stream_ends(database: Database) -> None:
    worker = Worker(database, queue=8, patience=0.3)
    token = await worker.reserve()
    stream = await worker.open(token)
    assert await stream.hear() == ":\n\n"
    stream.reading.clear()
    for number in range(20):
        assert (await worker.run(token, str(number), SLUG))[0] in (202, 404, 429)
    await asyncio.wait_for(stream.task, PATIENCE)
    assert (await rows(database))[0] == 0
    await relay.forget(database, NOON + timedelta(minutes=10))
    assert await rows(database) == (0, 0)


async def test_streams_end_when_the_server_stops_and_what_a_killed_worker_left_is_forgotten(
    workers: list[Worker], database: Database
) -> None:
    a, b, _ = workers
    token = await a.reserve()
    stream = await a.open(token)
    await b.run(token, "1", CHANGES)
    await followed(a, 1)
    await a.hub.stop()
    await ended(stream)
    assert await rows(database) == (0, 0)
    assert await relay.open_stream(database, "f" * 64, "killed", NOON - relay.LIFE - timedelta(hours=1))
    stream = await b.open(await b.reserve())
    await eventually(database, 1, 0)
    await leave(stream)


async def test_nothing_that_was_asked_lies_readable_in_the_database(workers: list[Worker], database: Database) -> None:
    a, b, _ = workers
    token = await a.reserve()
    await b.run(token, "1", "{ __typename }", accept_language="secret")
    async with database.system(write=False) as session:
        row = (await session.scalars(select(RelayOperation))).one()
    assert (b"typename" in row.request, b"secret" in row.request, token in row.token) == (False, False, False)
    stream = await a.open(token)
    assert (await told(stream))[0] == "next"
    await leave(stream)
