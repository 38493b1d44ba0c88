"""Live connections to a real server with two workers: the clients that apps use, and each close code as it arrives."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import pytest
from allmende.changes.log import record
from allmende.db.engine import Database
from allmende.desk.tables import DeskSwitch
from sqlalchemy import delete
from websockets.asyncio.client import ClientConnection, connect

from plugins.news.tables import Item
from tests import node
from tests.server import ROOT, Server, clean_environment, running
from tests.warm import allmende

HERE = Path(__file__).parent
CITY = "musterstadt"
PROTOCOL: Any = "graphql-transport-ws"
CHANGES = 'subscription { changes(city: "musterstadt") { module } }'


class Live(NamedTuple):
    server: Server
    database: str

    @property
    def socket(self) -> str:
        return f"{self.server.url.replace('http', 'ws')}/graphql"


def started(folder: Path) -> Iterator[Live]:
    """With one city whose news have no source, so that nothing changes unless the test changes it."""
    shutil.copytree(ROOT / "cities" / CITY, folder / "cities" / CITY)
    shutil.rmtree(folder / "cities" / CITY / "plugins")
    (folder / "cities" / CITY / "plugins").mkdir()
    (folder / "cities" / CITY / "plugins" / "news.toml").touch()
    environ = {
        "ALLMENDE_DATABASE": f"sqlite:///{folder / 'live.sqlite'}",
        "ALLMENDE_CITIES": str(folder / "cities"),
    }
    allmende("db", "upgrade", environ=clean_environment(**environ), check=True)
    with running(folder, "serve", "--workers", "2", **environ) as server:
        yield Live(server, environ["ALLMENDE_DATABASE"])


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    yield from started(tmp_path_factory.mktemp("live"))


async def publish(url: str, number: int) -> None:
    """One more piece of news, from another process than those of the server."""
    database, now = Database(url), datetime.now(UTC)
    texts = dict.fromkeys(("summary", "text", "html"), "")
    id_ = f"{number:032x}"
    row = Item(id=id_, source="desk", key=str(number), title=f"News {number}", language="de", fetched_at=now, **texts)
    row.categories, row.images = [], []
    async with database.transaction(CITY) as session:
        session.add(row)
        await session.flush()
        await record(session, plugin="news", table=Item, changed=[id_], removed=(), now=now)
    await database.close()


async def test_graphql_ws_and_graphql_sse_hear_of_a_change_and_fetch_only_that(live: Live) -> None:
    await publish(live.database, 1)
    script = await asyncio.create_subprocess_exec(
        node.packages(),
        str(HERE / "live.mjs"),
        f"{live.server.url}/graphql",
        CITY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=HERE,
    )
    assert script.stderr is not None
    ready = await asyncio.wait_for(script.stderr.readline(), 90)
    assert ready == b"ready\n", (ready + await script.stderr.read()).decode()
    told = asyncio.create_task(script.communicate())
    number = 1
    while not told.done():  # nobody is told when a subscription is under way: until all have heard of something
        number += 1
        assert number < 30
        await publish(live.database, number)
        await asyncio.wait([told], timeout=3)
    out, err = await told
    assert script.returncode == 0, err.decode()
    result = json.loads(out)

    def titles(answer: Any) -> list[str]:
        changes = answer["data"]["city"]["changes"]
        assert {(one["module"], one["type"], one["deleted"]) for one in changes["items"]} == {
            ("news", "NewsItem", False)
        }
        return [one["node"]["title"] for one in changes["items"]]

    heard = {"data": {"changes": {"module": "news"}}}
    assert result["bySocket"] == result["byStream"] == result["byShared"] == heard
    assert (result["onOne"], result["refused"]) == (["Query"] * 8, 400)
    assert titles(result["before"]) == ["News 1"]
    assert titles(result["after"]) == [f"News {n}" for n in range(2, 2 + len(titles(result["after"])))]
    assert titles(result["after"])[0] == "News 2"
    assert titles(result["again"])[: len(titles(result["after"]))] == titles(result["after"])
    assert result["codes"] == ["GRAPHQL_VALIDATION_FAILED"] * 2


async def test_a_module_that_is_switched_off_at_the_desk_is_told_to_apps_that_are_open(live: Live) -> None:
    async with connect(live.socket, subprotocols=[PROTOCOL]) as connection:
        query = 'subscription { changes(city: "musterstadt", modules: ["news"]) { module status } }'
        await connection.send(INIT)
        await connection.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": query}}))
        assert json.loads(await connection.recv())["type"] == "connection_ack"
        number, first = 100, None
        while first is None:  # nobody is told when a subscription is under way: until it has heard of something
            number += 1
            await publish(live.database, number)
            with suppress(TimeoutError):
                first = await asyncio.wait_for(connection.recv(), 3)
        database = Database(live.database)
        async with database.transaction(CITY) as session:
            session.add(DeskSwitch(plugin="news", reason={"de": "Wird geprüft."}, since=datetime.now(UTC)))
        heard = {"status": "ON"}
        while heard["status"] == "ON":
            message = json.loads(await asyncio.wait_for(connection.recv(), 60))
            heard = message["payload"]["data"]["changes"]
        assert heard == {"module": "news", "status": "OFF"}
        async with database.transaction(CITY) as session:
            await session.execute(delete(DeskSwitch).where(DeskSwitch.plugin == "news"))
        back = json.loads(await asyncio.wait_for(connection.recv(), 60))
        assert back["payload"]["data"]["changes"] == {"module": "news", "status": "ON"}
        await database.close()


async def code(connection: ClientConnection) -> int | None:
    """The code with which the server closes the connection."""
    await asyncio.wait_for(connection.wait_closed(), 90)
    return connection.close_code


INIT = '{"type": "connection_init"}'
SUBSCRIBE = json.dumps({"type": "subscribe", "id": "1", "payload": {"query": CHANGES}})


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (["nonsense"], 4400),
        ([b"bytes"], 4400),
        ([SUBSCRIBE], 4401),
        ([], 4408),
        ([INIT, SUBSCRIBE, SUBSCRIBE], 4409),
        ([INIT, INIT], 4429),
        ([" " * 300_000], 1009),
    ],
)
async def test_the_server_closes_with_the_code_of_the_protocol(live: Live, messages: list[Any], expected: int) -> None:
    async with connect(live.socket, subprotocols=[PROTOCOL]) as connection:
        assert connection.subprotocol == PROTOCOL
        for message in messages:
            await connection.send(message)
        assert await code(connection) == expected


async def test_other_protocols_and_foreign_pages_are_turned_away(live: Live) -> None:
    async with connect(live.socket) as connection:
        assert await code(connection) == 4406
    origin: Any = "https://evil.example"
    async with connect(live.socket, subprotocols=[PROTOCOL], origin=origin) as connection:
        assert await code(connection) == 4403


async def test_a_stream_by_get_and_by_post_ends_with_its_operation(live: Live) -> None:
    query = {"query": "{ __typename }"}
    events = ':\n\nevent: next\ndata: {"data":{"__typename":"Query"}}\n\nevent: complete\ndata:\n\n'
    headers = {"Accept": "text/event-stream"}
    address = f"{live.server.url}/graphql/stream"
    for answer in (
        httpx2.get(address, params=query, headers=headers),
        httpx2.post(address, json=query, headers=headers),
    ):
        assert (answer.status_code, answer.text) == (200, events)
    refused = httpx2.post(address, content=json.dumps(query), headers={**headers, "Content-Type": "text/plain"})
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (415, "BAD_REQUEST")


async def test_a_server_that_stops_says_going_away(tmp_path: Path) -> None:
    for live in started(tmp_path):
        async with connect(live.socket, subprotocols=[PROTOCOL]) as connection:
            await connection.send(INIT)
            await connection.send(SUBSCRIBE)
            await connection.recv()
            live.server.process.terminate()
            assert await code(connection) == 1001
        await asyncio.to_thread(live.server.process.wait, 15)
