"""gql, and a client that ariadne-codegen generates from the published schema, against a real server."""

from __future__ import annotations

import fcntl
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from gql import Client, gql
from gql.transport.exceptions import TransportQueryError
from gql.transport.httpx import HTTPXAsyncTransport

from tests.server import Server

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
APP = ROOT / "clients" / "allmende-app" / "1.0"
VENV = HERE / ".venv"
"""Of its own, because ariadne-codegen needs an older graphql-core."""


async def test_gql_validates_against_the_published_schema_and_reads_answers(served: Server) -> None:
    transport = HTTPXAsyncTransport(f"{served.url}/graphql")
    async with Client(transport=transport, schema=(ROOT / "backend" / "schema.graphql").read_text()) as session:
        query = gql("query City($city: String!) { city(slug: $city) { slug modules { name } } }")
        query.variable_values = {"city": "beckum"}
        answer = await session.execute(query)
        assert answer["city"]["slug"] == "beckum"
        for path in sorted(APP.glob("*.graphql")):
            session.client.validate(gql(path.read_text()))


async def test_gql_raises_what_the_server_refuses_with_its_code(served: Server) -> None:
    async with Client(transport=HTTPXAsyncTransport(f"{served.url}/graphql")) as session:
        with pytest.raises(TransportQueryError) as caught:
            await session.execute(gql("{ nosuch }"))
        assert caught.value.errors is not None
        assert [error["extensions"]["code"] for error in caught.value.errors] == ["GRAPHQL_VALIDATION_FAILED"]


def ariadne() -> Path:
    """The environment with ariadne-codegen, from its own lock."""
    with (Path(tempfile.gettempdir()) / "allmende-ariadne.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (VENV / "bin" / "ariadne-codegen").exists():
            uv = [str(Path(sys.executable).parent / "uv"), "--no-config"]
            install = ["pip", "install", "--quiet", "--python", str(VENV), "--require-hashes"]
            subprocess.run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(VENV)], check=True)
            subprocess.run([*uv, *install, "-r", str(HERE / "ariadne.lock")], check=True, timeout=300)
    return VENV / "bin"


def test_client_generated_by_ariadne_codegen_asks_the_server(served: Server, tmp_path: Path) -> None:
    queries = tmp_path / "queries"
    queries.mkdir()
    for path in APP.glob("*.graphql"):
        (queries / path.name).write_text(path.read_text())
    (tmp_path / "pyproject.toml").write_text(
        f'[tool.ariadne-codegen]\nschema_path = "{ROOT / "backend" / "schema.graphql"}"\n'
        'queries_path = "queries"\ntarget_package_name = "allmende_client"\n'
        '[tool.ariadne-codegen.scalars.DateTime]\ntype = "datetime.datetime"\n'
        '[tool.ariadne-codegen.scalars.Date]\ntype = "datetime.date"\n'
    )
    tools = ariadne()
    made = subprocess.run([tools / "ariadne-codegen"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert made.returncode == 0, made.stdout + made.stderr
    command = [tools / "python", HERE / "ariadne_ask.py", tmp_path, f"{served.url}/graphql"]
    asked = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert asked.returncode == 0, asked.stderr
    slug, statuses, total = json.loads(asked.stdout)
    assert (slug, total) == ("beckum", 1)
    assert set(statuses) <= {"ON", "OFF", "STALE"}
