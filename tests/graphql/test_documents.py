"""Documents by hash: Apollo's protocol as its clients expect it, and no way to push out what is registered."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from allmende.graphql.documents import LONGEST, REMEMBERED, DocumentError, Documents, load_documents
from allmende.graphql.http import graphql_routes, make_endpoint
from allmende.testing import NoDatabase
from litestar import Litestar
from litestar.testing import AsyncTestClient

from .gazette import make_engine

QUERY = '{ city(slug: "oben") { name } }'
OBEN = {"data": {"city": {"name": "Oben"}}}
NO_DATABASE: Any = NoDatabase()


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def by_hash(text: str, **changes: Any) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": digest(text), **changes}}


def app(documents: Documents) -> Litestar:
    engine = make_engine(NO_DATABASE)
    endpoint = make_endpoint(lambda: engine, documents=documents)
    return Litestar(graphql_routes(lambda: engine, endpoint=endpoint), openapi_config=None)


@pytest_asyncio.fixture
async def client() -> AsyncIterator[AsyncTestClient[Litestar]]:
    async with AsyncTestClient(app(Documents())) as client:
        yield client


def code(response: Any) -> str:
    (error,) = response.json()["errors"]
    return str(error["extensions"]["code"])


async def test_automatic_documents_follow_apollos_protocol(client: AsyncTestClient[Litestar]) -> None:
    """Hash alone: not found. Hash with text: answered and remembered. Hash alone again, by POST and GET: answered."""
    asked: dict[str, Any] = {"extensions": by_hash(QUERY)}
    response = await client.post("/graphql", json=asked)
    assert response.status_code == 200
    assert response.json()["errors"] == [
        {"message": "PersistedQueryNotFound", "extensions": {"code": "PERSISTED_QUERY_NOT_FOUND"}}
    ]
    assert response.headers["cache-control"] == "no-store"
    assert (await client.post("/graphql", json={"query": QUERY, **asked})).json() == OBEN
    assert (await client.post("/graphql", json=asked)).json() == OBEN
    response = await client.get("/graphql", params={"extensions": json.dumps(by_hash(QUERY))})
    assert response.json() == OBEN


async def test_hash_takes_variables_and_operation_name_by_get(client: AsyncTestClient[Litestar]) -> None:
    text = "query A { __typename } query B($slug: String!) { city(slug: $slug) { name } }"
    values = {"operationName": "B", "variables": '{"slug": "oben"}', "extensions": json.dumps(by_hash(text))}
    assert (await client.get("/graphql", params={"query": text, **values})).json() == OBEN
    assert (await client.get("/graphql", params=values)).json() == OBEN


async def test_hash_of_another_text_is_refused_and_not_remembered(client: AsyncTestClient[Litestar]) -> None:
    response = await client.post("/graphql", json={"query": "{ __typename }", "extensions": by_hash(QUERY)})
    assert response.json()["errors"][0]["message"] == "provided sha does not match query"
    assert code(response) == "PERSISTED_QUERY_MISMATCH"
    assert code(await client.post("/graphql", json={"extensions": by_hash(QUERY)})) == "PERSISTED_QUERY_NOT_FOUND"


@pytest.mark.parametrize("changes", [{"version": 2}, {"sha256Hash": "x"}, {"sha256Hash": 5}, {"sha256Hash": "A" * 64}])
async def test_unknown_protocol_is_not_supported(client: AsyncTestClient[Litestar], changes: dict[str, Any]) -> None:
    response = await client.post("/graphql", json={"query": QUERY, "extensions": by_hash(QUERY, **changes)})
    assert response.json()["errors"][0]["message"] == "PersistedQueryNotSupported"
    assert code(response) == "PERSISTED_QUERY_NOT_SUPPORTED"


@pytest.mark.parametrize("text", ["{ nosuch }", "{", "mutation { x }"])
async def test_invalid_text_is_not_remembered(client: AsyncTestClient[Litestar], text: str) -> None:
    await client.post("/graphql", json={"query": text, "extensions": by_hash(text)})
    assert code(await client.post("/graphql", json={"extensions": by_hash(text)})) == "PERSISTED_QUERY_NOT_FOUND"


async def test_registered_only_answers_registered_ones_in_any_form() -> None:
    documents = Documents({digest(QUERY): QUERY}, only_registered=True)
    async with AsyncTestClient(app(documents)) as client:
        assert (await client.post("/graphql", json={"extensions": by_hash(QUERY)})).json() == OBEN
        assert (await client.post("/graphql", json={"query": QUERY})).json() == OBEN
        assert (await client.post("/graphql", json={"query": QUERY, "extensions": by_hash(QUERY)})).json() == OBEN
        other = "{ __typename }"
        for body in ({"query": other}, {"extensions": by_hash(other)}, {"query": other, "extensions": by_hash(other)}):
            assert code(await client.post("/graphql", json=body)) == "DOCUMENT_NOT_REGISTERED"


def test_flood_of_automatic_documents_stays_small_and_pushes_out_no_registered_one() -> None:
    documents = Documents({digest(QUERY): QUERY})
    size = LONGEST - 10
    for number in range(2 * REMEMBERED // size):
        text = f"{number:>{size}}"
        documents.remember(digest(text), text)
    assert REMEMBERED // 2 < sum(map(len, documents._remembered.values())) <= REMEMBERED
    assert documents.resolve("", by_hash(QUERY)) == (QUERY, None)


def test_document_that_is_too_long_is_not_remembered() -> None:
    documents, text = Documents(), "x" * (LONGEST + 1)
    documents.remember(digest(text), text)
    with pytest.raises(DocumentError, match="PersistedQueryNotFound"):
        documents.resolve("", by_hash(text))


def test_folder_of_clients_registers_every_form_of_what_is_valid(tmp_path: Path) -> None:
    """As in the file, without the line end, and as GraphQL's printer (which clients use) writes it."""
    folder = tmp_path / "app/1.0"
    folder.mkdir(parents=True)
    (folder / "Good.graphql").write_text(QUERY + "\n")
    (folder / "Bad.graphql").write_text("{ nosuch }")
    engine = make_engine(NO_DATABASE)
    found = load_documents(tmp_path, lambda text: engine.prepare(text).document is not None)
    printed = '{\n  city(slug: "oben") {\n    name\n  }\n}'
    assert set(found) == {digest(QUERY + "\n"), digest(QUERY), digest(printed)}
    assert load_documents(tmp_path / "nothing", lambda text: True) == {}
