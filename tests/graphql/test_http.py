"""Requests as clients, browsers and attackers send them: the right status, always JSON, and GET only reads."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from allmende import Plugin
from allmende.graphql.execute import Engine
from allmende.graphql.http import graphql_routes
from allmende.graphql.negotiate import negotiate
from allmende.testing import NoDatabase
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import AsyncTestClient

from .gazette import make_engine
from .test_compose import TowerMutations

GRAPHQL = "application/graphql-response+json"
NO_DATABASE: Any = NoDatabase()


def engine() -> Engine:
    return make_engine(NO_DATABASE, Plugin(name="tower", city_field=None, mutations=TowerMutations))


@pytest_asyncio.fixture
async def client() -> AsyncIterator[AsyncTestClient[Litestar]]:
    made = engine()
    app = Litestar(graphql_routes(lambda: made), openapi_config=None)
    async with AsyncTestClient(app) as client:
        yield client


def media_type(response: Any) -> str:
    return str(response.headers["content-type"])


DEEP = b"[" * 100_000 + b"]" * 100_000
BAD_BODIES = {
    "null": b"null",
    "number": b"5",
    "text": b'"x"',
    "list": b'[{"query": "{ __typename }"}]',
    "not UTF-8": b'{"query": "\xff"}',
    "NaN": b'{"query": "{ __typename }", "variables": {"x": NaN}}',
    "deep": b'{"query": "{ __typename }", "variables": {"x": ' + DEEP + b"}}",
    "long integer, as the query": b'{"query": ' + b"1" * 5_000 + b"}",
    "broken": b'{"query": ',
    "empty": b"",
    "empty query": b'{"query": ""}',
    "NUL": b"\x00",
    "half a surrogate pair": b'{"query": "\\ud800"}',
}


@pytest.mark.parametrize("name", BAD_BODIES)
@pytest.mark.parametrize("accept", ["application/json", GRAPHQL])
async def test_bad_body_is_a_400_with_a_json_error(client: AsyncTestClient[Litestar], name: str, accept: str) -> None:
    headers = {"content-type": "application/json", "accept": accept}
    response = await client.post("/graphql", content=BAD_BODIES[name], headers=headers)
    assert response.status_code == 400
    assert media_type(response) == f"{accept}; charset=utf-8"
    assert [e["extensions"]["code"] for e in response.json()["errors"]] == ["BAD_REQUEST"]


@pytest.mark.parametrize(
    "kind",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json; charset=latin1",
    ],
)
async def test_other_content_types_are_refused(client: AsyncTestClient[Litestar], kind: str) -> None:
    response = await client.post("/graphql", content=b'{"query": "{ __typename }"}', headers={"content-type": kind})
    assert (response.status_code, response.headers["accept-post"]) == (415, "application/json")
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_too_large_a_body_is_413(client: AsyncTestClient[Litestar]) -> None:
    content = b'{"query": "' + b" " * 1_100_000 + b'"}'
    response = await client.post("/graphql", content=content, headers={"content-type": "application/json"})
    assert response.status_code == 413
    assert response.json()["errors"][0]["extensions"]["code"] == "BAD_REQUEST"


async def test_get_reads_and_never_mutates(client: AsyncTestClient[Litestar]) -> None:
    response = await client.get(
        "/graphql", params={"query": "query A { __typename } query B { x: __typename }", "operationName": "B"}
    )
    assert (response.status_code, response.json()) == (200, {"data": {"x": "Query"}})
    response = await client.get(
        "/graphql", params={"query": 'mutation { towerBuildUp(input: { city: "oben", metres: 1 }) }'}
    )
    assert (response.status_code, response.headers["allow"]) == (405, "POST")
    assert response.json()["errors"][0]["extensions"]["code"] == "METHOD"
    response = await client.post(
        "/graphql", json={"query": 'mutation { towerBuildUp(input: { city: "oben", metres: 1 }) }'}
    )
    assert response.json() == {"data": {"towerBuildUp": 43}}


@pytest.mark.parametrize(
    "parameters", [{}, {"query": "{ __typename }", "variables": "{"}, {"query": "{ x }", "variables": "5"}]
)
async def test_bad_get_is_a_400_with_a_json_error(
    client: AsyncTestClient[Litestar], parameters: dict[str, str]
) -> None:
    response = await client.get("/graphql", params=parameters, headers={"accept": GRAPHQL})
    assert (response.status_code, media_type(response)) == (400, f"{GRAPHQL}; charset=utf-8")


async def test_other_methods_are_405_and_say_which_are_allowed(client: AsyncTestClient[Litestar]) -> None:
    for method in ("PUT", "PATCH", "DELETE"):
        response = await client.request(method, "/graphql")
        assert (response.status_code, response.headers["allow"]) == (405, "GET, POST")
        assert "errors" in response.json()


async def test_type_that_cannot_be_written_is_406(client: AsyncTestClient[Litestar]) -> None:
    response = await client.post("/graphql", json={"query": "{ __typename }"}, headers={"accept": "image/png"})
    assert (response.status_code, media_type(response)) == (406, "application/json; charset=utf-8")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nosuch }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($x: String!) { city(slug: $x) { slug } }", "BAD_INPUT"),
        ("query A { __typename } query B { __typename }", "BAD_OPERATION_NAME"),
    ],
)
async def test_refused_operation_has_no_data_and_a_code(
    client: AsyncTestClient[Litestar], query: str, code: str
) -> None:
    content = json.dumps({"query": query})
    for accept, status in ((GRAPHQL, 400), ("application/json", 200)):
        headers = {"accept": accept, "content-type": "application/json"}
        response = await client.post("/graphql", content=content, headers=headers)
        assert response.status_code == status
        assert "data" not in response.json()
        assert {e["extensions"]["code"] for e in response.json()["errors"]} == {code}


BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


async def test_browser_gets_graphiql_and_nothing_from_elsewhere(client: AsyncTestClient[Litestar]) -> None:
    response = await client.get("/graphql", headers=BROWSER)
    assert (response.status_code, media_type(response)) == (200, "text/html; charset=utf-8")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "://" not in response.text
    assert "<script>" not in response.text
    loaded = re.findall(r'(?:src|href)="/graphql/([^"]+)"', response.text)
    assert {name.rpartition(".")[2] for name in loaded} == {"js", "css"}
    for name in loaded:
        asset = await client.get(f"/graphql/{name}")
        kind = "text/css" if name.endswith("css") else "text/javascript"
        assert (asset.status_code, media_type(asset).partition(";")[0]) == (200, kind)
        again = await client.get(f"/graphql/{name}", headers={"if-none-match": asset.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")
    for name in ("nosuch.js", "index.html", "LICENSES.txt"):
        assert (await client.get(f"/graphql/{name}")).status_code == 404


async def test_production_has_no_graphiql_but_the_schema_and_the_answers() -> None:
    made = engine()
    app = Litestar(graphql_routes(lambda: made, graphiql=False), openapi_config=None)
    async with AsyncTestClient(app) as client:
        page = await client.get("/graphql", headers=BROWSER)
        assert (page.status_code, page.json()["errors"][0]["extensions"]["code"]) == (404, "NOT_FOUND")
        assert (await client.get("/graphql/start.js")).status_code == 404
        asked = await client.get("/graphql", params={"query": "{ __typename }"}, headers=BROWSER)
        assert asked.json() == {"data": {"__typename": "Query"}}
        assert (await client.get("/schema.graphql")).text == made.composed.sdl


async def test_schema_is_served_as_text(client: AsyncTestClient[Litestar]) -> None:
    response = await client.get("/schema.graphql")
    assert response.text == engine().composed.sdl


async def test_host_and_language_come_from_the_headers(client: AsyncTestClient[Litestar]) -> None:
    headers = {"host": "oben.example:8000", "accept-language": "en"}
    response = await client.post("/graphql", json={"query": "{ city { slug language } }"}, headers=headers)
    assert response.json() == {"data": {"city": {"slug": "oben", "language": "en"}}}


@pytest.mark.parametrize(
    ("accept", "answer"),
    [
        ("", "a/b"),
        ("*/*", "a/b"),
        ("a/c", "a/c"),
        ("a/c;q=0.5, a/b;q=0.4", "a/c"),
        ("a/*", "a/b"),
        ("a/c, */*;q=0.1", "a/c"),
        ("x/y", None),
        ("a/b;q=0", None),
        ("a/b;q=0, */*", "a/c"),
    ],
)
def test_negotiation_follows_quality_then_exactness_then_the_server(accept: str, answer: str | None) -> None:
    assert negotiate(accept, ("a/b", "a/c")) == answer


@given(st.text())
def test_any_accept_header_can_be_negotiated(accept: str) -> None:
    assert negotiate(accept, ("a/b",)) in ("a/b", None)


def test_documents_are_parsed_and_validated_once() -> None:
    made = engine()
    first, second = made.prepare("{ __typename }"), made.prepare("{ __typename }")
    assert first is second


def test_large_documents_push_out_large_ones_before_they_fill_the_memory() -> None:
    """A list of values is the largest that a document can hold: 500 of these were 700 MB."""
    made = engine()
    small = made.prepare("{ __typename }")
    query = '{ city(slug: "oben") { changes(modules: [%s]) { cursor } } } # %d'
    for number in range(40):
        assert made.prepare(query % ('"a" ' * 3_900, number)).document is not None
        assert made.prepare("{ __typename }") is small
    kept = made._prepared
    assert len(kept) <= 20
    assert kept.size <= kept.room
