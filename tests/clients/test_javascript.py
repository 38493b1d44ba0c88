"""Apollo Client, urql and GraphQL Code Generator, as app developers use them, against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests import node
from tests.server import Server

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
APP = ROOT / "clients" / "allmende-app" / "1.0"


def sent(method: str, *keys: str, status: int = 200) -> dict[str, Any]:
    return {"method": method, "sent": sorted(keys), "status": status}


def test_apollo_client_posts_gets_persists_and_uses_registered_operations(served: Server) -> None:
    result = node.run(HERE / "apollo.mjs", f"{served.url}/graphql", str(APP / "City.graphql"))
    whole = ("operationName", "query", "variables", "extensions")
    hashed = ("operationName", "variables", "extensions")
    assert {name: result[name]["answers"] for name in ("post", "get", "automatic", "registered")} == {
        "post": ["beckum"],
        "get": ["beckum"],
        "automatic": ["beckum", "beckum"],
        "registered": ["beckum"],
    }
    assert result["post"]["wire"] == [sent("POST", *whole)]
    assert result["get"]["wire"] == [sent("GET", *whole)]
    assert result["automatic"]["wire"] == [
        sent("GET", *hashed, status=400),  # PersistedQueryNotFound
        sent("POST", *whole),
        sent("GET", *hashed),
    ]
    assert result["registered"]["wire"] == [sent("GET", *hashed)]
    assert result["refused"] == ["GRAPHQL_VALIDATION_FAILED"]


def test_urql_posts_gets_persists_and_uses_registered_operations(served: Server) -> None:
    result = node.run(HERE / "urql.mjs", f"{served.url}/graphql", str(APP / "City.graphql"))
    assert {name: result[name]["answers"] for name in ("post", "get", "automatic", "registered")} == {
        "post": ["beckum"],
        "get": ["beckum"],
        "automatic": ["beckum", "beckum"],
        "registered": ["beckum"],
    }
    assert [one["method"] for one in result["get"]["wire"]] == ["GET"]
    assert [("query" in one["sent"], one["method"]) for one in result["automatic"]["wire"]] == [
        (False, "GET"),
        (True, "GET"),
        (False, "GET"),
    ]
    assert [("query" in one["sent"], one["method"]) for one in result["registered"]["wire"]] == [(False, "GET")]
    assert result["refused"] == ["GRAPHQL_VALIDATION_FAILED"]


def test_code_generator_makes_types_of_the_schema_and_of_every_operation() -> None:
    result = node.run(HERE / "codegen.mjs", str(ROOT / "backend" / "schema.graphql"), str(APP))
    exported = set(result["exported"])
    assert {"City", "News", "Events", "Places", "Waste", "SearchHit"} - exported == set()
    assert {f"{name}Query" for name in result["operations"]} - exported == set()
