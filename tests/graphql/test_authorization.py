"""A token opens the API over every transport, is refused alike over all of them, and no answer to it is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from allmende.accounts.devices import register_device
from allmende.accounts.machines import add_service
from allmende.accounts.staff import OPERATOR
from allmende.db.engine import Database
from allmende.documents import document_routes
from allmende.graphql.cache.keep import Responses
from allmende.graphql.execute import Engine
from allmende.graphql.fast import Front
from allmende.graphql.http import make_endpoint
from allmende.graphql.live.hub import Hub
from allmende.plugin import Plugin, Reply, Route
from allmende.visibility import SIGNED_IN
from litestar import Litestar

from .gazette import GAZETTE, make_engine
from .live.wire import Stream, Wire

ME = "{ me { kind city permissions sessions { kind current } } }"
DEVICE = {
    "kind": "device", "city": "oben", "permissions": [], "sessions": [{"kind": "device", "current": True}],
}  # fmt: skip
REFUSED = {"code": "UNAUTHENTICATED"}


async def whose(ctx: Any, path: Any, query: Any) -> Reply:
    return Reply(content=f"of {ctx.reader.kind}", media_type="text/plain")


VAULT = Plugin(name="vault", routes=(Route(path="mine.txt", handle=whose, visible=SIGNED_IN),))


@pytest.fixture
def engine(database: Database) -> Engine:
    return make_engine(database, GAZETTE, VAULT)


@pytest.fixture
async def client(engine: Engine, database: Database) -> Any:
    responses = Responses(database.board, 1_000_000, engine.services.cities, clock=engine.services.clock)
    app = Litestar([*document_routes(engine.services)], openapi_config=None)
    front = Front(app, make_endpoint(lambda: engine, responses=responses))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(front), base_url="http://oben.example") as client:
        yield client


async def device(engine: Engine) -> str:
    return await register_device(engine.services.accounts, "oben", "de")


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_device_registers_asks_who_it_is_and_revokes_itself(client: httpx2.AsyncClient) -> None:
    async def post(query: str, **headers: str) -> Any:
        return (await client.post("/graphql", json={"query": query}, headers=headers)).json()

    made = await post('mutation { accountRegisterDevice(input: { city: "oben", language: "de" }) { token } }')
    token = made["data"]["accountRegisterDevice"]["token"]
    assert await post(ME, **bearer(token)) == {"data": {"me": DEVICE}}
    assert await post(ME) == {"data": {"me": None}}
    revoke = 'mutation { accountRevoke(input: { city: "%s" }) }'
    elsewhere = await post(revoke % "unten", **bearer(token))
    assert elsewhere["errors"][0]["extensions"] == REFUSED
    assert await post(revoke % "oben", **bearer(token)) == {"data": {"accountRevoke": True}}
    assert (await post(ME, **bearer(token)))["errors"][0]["extensions"] == REFUSED
    for city, language, code in (("nirgends", "de", "NOT_FOUND"), ("oben", "tlh", "BAD_INPUT")):
        made = await post(
            f'mutation {{ accountRegisterDevice(input: {{ city: "{city}", language: "{language}" }}) {{ token }} }}'
        )
        assert made["errors"][0]["extensions"]["code"] == code


@pytest.mark.parametrize("header", ["Bearer oben.x", "Bearer", "Basic b2JlbjpvYmVu", "Bearer unten." + "A" * 43, ""])
async def test_a_bad_token_is_401_in_json_before_anything_is_asked(client: httpx2.AsyncClient, header: str) -> None:
    for response in (
        await client.get("/graphql", params={"query": ME}, headers={"authorization": header}),
        await client.post("/graphql", json={"query": ME}, headers={"authorization": header}),
        await client.post("/graphql", content=b"no JSON", headers={"authorization": header}),
    ):
        assert response.status_code == 401
        assert response.headers["www-authenticate"] == 'Bearer error="invalid_token"'
        assert response.headers["cache-control"] == "no-store"
        assert response.json()["errors"][0]["extensions"] == REFUSED
    response = await client.get("/oben/vault/mine.txt", headers={"authorization": header})
    assert (response.status_code, response.json()["error"]["code"]) == (401, "UNAUTHENTICATED")


async def test_what_is_kept_is_never_shown_to_a_token_nor_made_of_its_answers(
    client: httpx2.AsyncClient, engine: Engine
) -> None:
    token = await device(engine)
    anonymous = await client.get("/graphql", params={"query": ME})
    assert "public" in anonymous.headers["cache-control"]
    assert "Authorization" in anonymous.headers["vary"]
    mine = await client.get("/graphql", params={"query": ME}, headers=bearer(token))
    assert (mine.json(), mine.headers["cache-control"]) == ({"data": {"me": DEVICE}}, "no-store")
    again = await client.get("/graphql", params={"query": ME})
    assert (again.json(), again.headers["etag"]) == ({"data": {"me": None}}, anonymous.headers["etag"])


async def test_a_request_without_a_token_asks_nothing_of_the_accounts(
    client: httpx2.AsyncClient, database: Database
) -> None:
    with database.count() as statements:
        response = await client.post("/graphql", json={"query": '{ city(slug: "oben") { name } me { kind } }'})
    assert response.json() == {"data": {"city": {"name": "Oben"}, "me": None}}
    assert list(statements) == []


async def test_a_document_is_shown_to_whom_it_is_for_and_not_kept(client: httpx2.AsyncClient, engine: Engine) -> None:
    response = await client.get("/oben/vault/mine.txt")
    assert (response.status_code, response.json()["error"]["code"]) == (401, "UNAUTHENTICATED")
    response = await client.get("/oben/vault/mine.txt", headers=bearer(await device(engine)))
    assert (response.status_code, response.text) == (200, "of device")
    assert response.headers["cache-control"] == "private, no-store"
    service = await add_service(engine.services.accounts, "oben", "x", ["desk.feeds"], by=OPERATOR)
    response = await client.get("/oben/vault/mine.txt", headers=bearer(service))
    assert (response.status_code, response.json()["error"]["code"]) == (403, "FORBIDDEN")
    assert (await client.get("/unten/vault/mine.txt", headers=bearer(service))).status_code in (401, 404)


async def test_a_socket_takes_the_token_with_its_first_message_or_in_the_handshake(engine: Engine) -> None:
    hub = Hub(lambda: engine)
    header = f"Bearer {await device(engine)}"
    handshake = {"headers": [(b"authorization", header.encode())]}
    for scope, first in (({}, {"authorization": header}), (handshake, None), (handshake, {"other": 1})):
        async with Wire(hub, **scope) as wire:
            wire.say(type="connection_init", payload=first)
            assert await wire.hear() == {"type": "connection_ack"}
            wire.ask("1", "{ me { kind } }")
            assert (await wire.hear())["payload"] == {"data": {"me": {"kind": "device"}}}


@pytest.mark.parametrize("given", ["Bearer oben.x", "", 5, "Basic x"])
async def test_a_socket_with_a_bad_token_is_closed(engine: Engine, given: Any) -> None:
    async with Wire(Hub(lambda: engine)) as wire:
        wire.say(type="connection_init", payload={"authorization": given})
        assert await wire.hear() == 4403


async def test_a_token_that_was_revoked_meanwhile_opens_nothing_on_an_open_socket(engine: Engine) -> None:
    token = await device(engine)
    async with Wire(Hub(lambda: engine)) as wire:
        wire.say(type="connection_init", payload={"authorization": f"Bearer {token}"})
        assert await wire.hear() == {"type": "connection_ack"}
        wire.ask("1", 'mutation { accountRevoke(input: { city: "oben" }) }')
        assert (await wire.hear())["payload"] == {"data": {"accountRevoke": True}}
        assert (await wire.hear())["type"] == "complete"
        wire.ask("2", ME)
        message = await wire.hear()
        assert (message["type"], message["payload"][0]["extensions"]) == ("error", REFUSED)


async def test_a_stream_takes_the_token_as_every_request_does(engine: Engine) -> None:
    hub = Hub(lambda: engine)
    stream = Stream(hub, body={"query": "{ me { kind } }"}, authorization=f"Bearer {await device(engine)}")
    await stream.start()
    parts = [await stream.hear() for _ in range(2)]
    assert json.loads(parts[1].partition("data: ")[2]) == {"data": {"me": {"kind": "device"}}}
    stream = Stream(hub, body={"query": "{ me { kind } }"}, authorization="Bearer oben.x")
    assert (await stream.start())[0] == 401


async def test_whose_a_token_is_cannot_be_known_while_the_database_is_not_there(
    database: Database, tmp_path: Path
) -> None:
    """Words and a time to try again, over GraphQL and for documents; who shows no token is still served."""
    token = await device(make_engine(database, GAZETTE))
    gone = (
        Database("postgresql://allmende@127.0.0.1:1/gone")
        if not database.is_sqlite
        else Database(f"sqlite:///{tmp_path}")
    )
    engine = make_engine(gone, GAZETTE, VAULT)
    app = Litestar([*document_routes(engine.services)], openapi_config=None)
    front = Front(app, make_endpoint(lambda: engine))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(front), base_url="http://oben.example") as client:
        asked = await client.post("/graphql", json={"query": ME}, headers=bearer(token))
        fetched = await client.get("/oben/vault/mine.txt", headers=bearer(token))
        unknown = await client.post("/graphql", json={"query": '{ city(slug: "oben") { name } }'})
    for answer in (asked, fetched):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert asked.json()["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
    assert "errors" not in unknown.json()
    await gone.close()
