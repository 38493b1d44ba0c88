"""The ASGI layer: answers from the cache over HTTP as phones and CDNs see them, and everything else past it."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from typing import Any

import httpx2
import pytest
import pytest_asyncio
from allmende.accounts.devices import register_device
from allmende.db.engine import Database
from allmende.graphql.asker import LONGEST_QUESTION
from allmende.graphql.cache.keep import Responses
from allmende.graphql.documents import Documents
from allmende.graphql.fast import Front
from allmende.graphql.http import graphql_routes, make_endpoint
from litestar import Litestar, get
from litestar.testing import AsyncTestClient
from sqlalchemy import update

from .gazette import GazetteNotice, make_engine, publish

GRAPHQL = "application/graphql-response+json"
QUERY = 'query T($city: String!) { city(slug: $city, language: "de") { gazette { notices { nodes { title } } } } }'
EXTENSIONS = {"persistedQuery": {"version": 1, "sha256Hash": sha256(QUERY.encode()).hexdigest()}}
ASKED = {"extensions": json.dumps(EXTENSIONS), "variables": '{"city": "oben"}'}


@get("/elsewhere", sync_to_thread=False)
def elsewhere() -> str:
    return "Litestar"


def shown(title: str) -> Any:
    return {"data": {"city": {"gazette": {"notices": {"nodes": [{"title": title}]}}}}}


class AtOnce:
    """What the connection does: it asks for an answer that needs no waiting, and goes the ordinary way otherwise."""

    def __init__(self, front: Front) -> None:
        self.front, self.answered = front, 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        headers = scope["allmende.headers"] = dict(scope["headers"])
        asked = scope["method"] == "GET" and scope["path"] == "/graphql"
        answer = self.front.at_once(scope, headers) if asked else None
        if answer is None:
            await self.front(scope, receive, send)
            return
        self.answered += 1
        status, fields, body = answer
        length = [] if status == 304 else [(b"content-length", b"%d" % len(body))]  # the connection adds it
        await send({"type": "http.response.start", "status": status, "headers": [*fields, *length]})
        await send({"type": "http.response.body", "body": body})


class Instance:
    def __init__(self, database: Database, *, at_once: bool) -> None:
        engine = make_engine(database)
        self.accounts = engine.services.accounts
        self.trusted = True
        self.responses = Responses(
            database.board,
            1_000_000,
            engine.services.cities,
            trusted=lambda: self.trusted,
            clock=engine.services.clock,
        )
        documents = Documents({EXTENSIONS["persistedQuery"]["sha256Hash"]: QUERY})  # type: ignore[dict-item]
        endpoint = make_endpoint(lambda: engine, documents=documents, responses=self.responses)
        app = Litestar([*graphql_routes(lambda: engine, endpoint=endpoint), elsewhere], openapi_config=None)
        front = Front(app, endpoint)
        self.at_once = AtOnce(front)
        transport = httpx2.ASGITransport(app=self.at_once if at_once else front)
        self.client = httpx2.AsyncClient(transport=transport, base_url="http://oben.example")

    async def get(self, **headers: str) -> Any:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get("/graphql", params=ASKED, headers={"accept": "application/json"} | named)


@pytest_asyncio.fixture(params=["ordinary", "at once"])
async def instance(database: Database, request: pytest.FixtureRequest) -> AsyncIterator[Instance]:
    await publish(database, "oben", {"title": "Alt"})
    made = Instance(database, at_once=request.param == "at once")
    async with made.client:
        yield made


async def test_read_by_hash_may_be_kept_by_others_for_a_moment(instance: Instance) -> None:
    response = await instance.get()
    assert (response.status_code, response.json()) == (200, shown("Alt"))
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.headers["cache-control"] == "public, max-age=10, s-maxage=10, stale-while-revalidate=20"
    assert response.headers["vary"] == "Accept, Authorization, Origin"
    assert response.headers["etag"].startswith('"')
    again = await instance.get(accept_language="en", app_version="2.0")
    assert (again.content, again.headers["etag"]) == (response.content, response.headers["etag"])
    assert (instance.responses.hits, instance.responses.misses) == (1, 1)


@pytest.mark.parametrize("known", ["{}", "W/{}", '"x", {} , "y"', "*"])
async def test_known_answer_is_a_304_until_it_changes(instance: Instance, database: Database, known: str) -> None:
    tag = (await instance.get()).headers["etag"]
    response = await instance.get(if_none_match=known.format(tag))
    assert (response.status_code, response.content, response.headers["etag"]) == (304, b"", tag)
    assert response.headers["cache-control"].startswith("public, max-age=10")
    async with database.transaction("oben") as session:
        await session.execute(update(GazetteNotice).values(title="Neu"))
    response = await instance.get(if_none_match=tag)
    assert (response.status_code, response.json()) == (200, shown("Neu"))


async def test_what_is_kept_is_the_same_both_ways(database: Database) -> None:
    await publish(database, "oben", {"title": "Alt"})
    instance = Instance(database, at_once=True)
    async with instance.client:
        made, given = await instance.get(), await instance.get()
        assert instance.at_once.answered == 1
        assert (made.status_code, made.headers, made.content) == (given.status_code, given.headers, given.content)


async def test_change_and_back_is_the_same_etag(instance: Instance, database: Database) -> None:
    """A strong ETag is made of the bytes, so whatever made them, in whichever worker, it is the same."""
    tag = (await instance.get()).headers["etag"]
    for title in ("Neu", "Alt"):
        async with database.transaction("oben") as session:
            await session.execute(update(GazetteNotice).values(title=title))
    assert (await instance.get(if_none_match=tag)).status_code == 304


async def test_media_types_have_etags_of_their_own(instance: Instance) -> None:
    plain, graphql = await instance.get(), await instance.get(accept=GRAPHQL)
    assert graphql.headers["content-type"] == f"{GRAPHQL}; charset=utf-8"
    assert plain.content == graphql.content
    assert plain.headers["etag"] != graphql.headers["etag"]
    assert (await instance.get(accept=GRAPHQL, if_none_match=plain.headers["etag"])).status_code == 200


@pytest.mark.parametrize("who", ["authorization", "cookie"])
async def test_who_shows_who_they_are_gets_nothing_that_is_kept(instance: Instance, who: str) -> None:
    await instance.get()
    token = await register_device(instance.accounts, "oben", "de")
    response = await instance.get(**{who: f"Bearer {token}" if who == "authorization" else "a=b"})
    assert (response.json(), response.headers["cache-control"]) == (shown("Alt"), "no-store")
    assert "etag" not in response.headers
    assert (instance.responses.hits, instance.responses.misses) == (0, 1)


async def test_post_is_answered_anew_each_time(instance: Instance) -> None:
    for _ in range(2):
        response = await instance.client.post("/graphql", json={"query": QUERY, "variables": {"city": "oben"}})
        assert (response.json(), response.headers["cache-control"]) == (shown("Alt"), "no-store")
    assert (instance.responses.hits, instance.responses.misses) == (0, 0)


async def test_without_news_of_changes_nothing_is_kept(instance: Instance) -> None:
    await instance.get()
    instance.trusted = False
    response = await instance.get()
    assert (response.json(), response.headers["cache-control"]) == (shown("Alt"), "no-store")
    assert (instance.responses.hits, instance.responses.misses) == (0, 1)


async def test_errors_are_not_kept_by_anybody(instance: Instance) -> None:
    for query in ("{ nosuch }", '{ city(slug: "oben") { gazette { crash } } }', "mutation { x }"):
        response = await instance.client.get("/graphql", params={"query": query})
        assert "errors" in response.json()
        assert response.headers["cache-control"] == "no-store"
    assert len(instance.responses.store) == 0


async def test_endless_questions_are_answered_and_not_kept(instance: Instance) -> None:
    query = "{ __typename }" + " " * LONGEST_QUESTION
    response = await instance.client.get("/graphql", params={"query": query})
    assert (response.json(), response.headers["cache-control"]) == ({"data": {"__typename": "Query"}}, "no-store")
    assert len(instance.responses.store) == 0


async def test_everything_else_is_litestars(instance: Instance) -> None:
    assert (await instance.client.get("/elsewhere")).text == "Litestar"
    assert (await instance.client.get("/schema.graphql")).text.startswith('"""')
    assert (await instance.client.get("/graphql/nosuch.js")).status_code == 404


async def test_lifespan_passes_through() -> None:
    lived: list[str] = []
    app = Litestar([], on_startup=[lambda: lived.append("up")], on_shutdown=[lambda: lived.append("down")])
    nothing: Any = None
    async with AsyncTestClient(Front(app, make_endpoint(nothing))):
        assert lived == ["up"]
    assert lived == ["up", "down"]
