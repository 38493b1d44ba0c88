"""Private data lies where it is declared and nowhere else: markers are planted, and all that is written is searched."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from allmende.privacy.declared import declared
from allmende.registry import load_registry
from allmende.settings import load_settings

from tests.server import ROOT, Server, instance

CITY = "musterstadt"
NAME, EMAIL, PHONE, WORDS = "Markerine", "markermail@example.org", "+49 2999 8877665", "markerwords of a citizen"
MARKERS = (NAME, EMAIL, "8877665", WORDS)
CREATE = "mutation($input: ReportsCreateInput!) { reportsCreate(input: $input) { number receipt } }"
ANSWER = "mutation($input: CaseAnswerInput!) { caseAnswer(input: $input) { number } }"
PUBLIC = """query($city: String!, $text: String!) { city(slug: $city) {
  reports { list(first: 20) { nodes { __typename id title text } } near(lat: 51.35, lon: 8.2) { id title text } }
  search(text: $text) { title } feed(first: 50) { nodes { title } }
  map(bbox: { south: 51.19, west: 7.97, north: 51.49, east: 8.37 }) { title }
  changes(first: 100) { items { id } } } }"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, imported: Path) -> Iterator[tuple[Server, Path]]:
    folder = tmp_path_factory.mktemp("markers")
    with instance(folder, imported, ALLMENDE_PRODUCTION="true", ALLMENDE_PROXIES="127.0.0.1") as server:
        yield server, folder / "instance.sqlite"


def ask(server: Server, query: str, token: str = "", **variables: Any) -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = {"query": query, "variables": variables}
    return httpx2.post(f"{server.url}/graphql", json=body, headers=headers, timeout=30).json()


def plant(server: Server) -> str:
    """File a report, answer it, and make mistakes, with markers in all that is private; the token of the device."""
    register = f'mutation {{ accountRegisterDevice(input: {{ city: "{CITY}" }}) {{ token }} }}'
    token = str(ask(server, register)["data"]["accountRegisterDevice"]["token"])
    report = {
        "city": CITY,
        "idempotencyKey": str(uuid4()),
        "category": "light",
        "lat": 51.35,
        "lon": 8.2,
        "text": "Die Laterne vor der Bücherei ist aus.",
        "answers": [{"field": "what", "value": "off"}],
        "name": NAME,
        "email": EMAIL,
        "phone": PHONE,
    }
    filed = ask(server, CREATE, token, input=report)
    assert "errors" not in filed, filed
    case = filed["data"]["reportsCreate"]
    answer = {"city": CITY, **case, "idempotencyKey": str(uuid4()), "text": WORDS}
    assert "errors" not in ask(server, ANSWER, token, input=answer)
    for wrong in ({"lat": 99.0}, {"lat": "x"}, {"category": NAME}, {"city": NAME}, {"email": f"{EMAIL} {NAME}"}):
        assert "errors" in ask(server, CREATE, token, input={**report, "idempotencyKey": str(uuid4()), **wrong})
    assert "errors" in ask(server, ANSWER, token, input={**answer, "receipt": NAME})
    return token


def found_in(database: Path) -> set[str]:
    """`table.column` of every place in the database that holds a marker."""
    places = set()
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            cursor = connection.execute(f'SELECT * FROM "{table}"')
            names = [column[0] for column in cursor.description]
            for row in cursor:
                held = zip(names, map(str, row), strict=True)
                places |= {f"{table}.{name}" for name, text in held if any(marker in text for marker in MARKERS)}
    return places


def test_private_data_is_where_it_is_declared_and_nowhere_else(server: tuple[Server, Path]) -> None:
    running, database = server
    token = plant(running)
    registry = load_registry(load_settings({"ALLMENDE_PLUGINS": str(ROOT / "plugins")}))
    manifests = {name: installed.manifest for name, installed in registry.plugins.items()}
    places = {f"{one.table}.{one.field}" for _, data in declared(manifests).values() for one in data}
    assert found_in(database) - places == set()
    assert found_in(database) & places == {"case_case.private", "case_case.words", "case_text.text"}

    written = [running.log.read_text()]
    for path in ("/metrics", "/health/ready", f"/{CITY}", f"/{CITY}/privacy", f"/{CITY}/reports/reports.geojson"):
        written.append(httpx2.get(f"{running.url}{path}", timeout=30).text)
    for text in MARKERS:
        answer = ask(running, PUBLIC, city=CITY, text=text)
        assert "errors" not in answer, answer
        written.append(str(answer))
    assert [marker for marker in (*MARKERS, token) for text in written if marker in text] == []


def test_an_erasure_leaves_no_marker(server: tuple[Server, Path]) -> None:
    running, _ = server
    token = plant(running)
    export = ask(running, "{ me { export } }", token)["data"]["me"]["export"]
    assert all(marker in str(export) for marker in MARKERS)
    erase = f'mutation {{ privacyErase(input: {{ city: "{CITY}", dryRun: false }}) {{ owner table status }} }}'
    parts = ask(running, erase, token)["data"]["privacyErase"]
    assert [part for part in parts if part["status"] == "failed"] == []
    ours = ask(running, "{ me { id } }", token)
    assert [error["extensions"]["code"] for error in ours["errors"]] == ["UNAUTHENTICATED"]
    assert [marker for marker in MARKERS if marker in str(httpx2.get(f"{running.url}/{CITY}", timeout=30).text)] == []
