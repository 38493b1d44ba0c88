"""GraphQL over HTTP: all audits of the reference implementation pass, against a real server."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE_MODULES = HERE.parents[1] / "node_modules"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "--http", "allmende.wire.connection:Connection", "--port", str(port)]
    server = subprocess.Popen([*command, "server:app"], cwd=HERE, stdout=subprocess.DEVNULL)
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(150):
            try:
                with urllib.request.urlopen(f"{address}/schema.graphql", timeout=5):
                    break
            except OSError:
                time.sleep(0.2)
        else:
            pytest.fail("the server did not start")
        yield f"{address}/graphql"
    finally:
        server.terminate()
        server.wait(timeout=20)


def test_all_audits_of_graphql_http_pass(url: str) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js is not here; the audits of graphql-http run on it")
    if not (NODE_MODULES / "graphql-http").is_dir():
        subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=NODE_MODULES.parent, check=True, timeout=300)
    script = str(HERE / "audit.mjs")
    run = subprocess.run([node, script, url], capture_output=True, text=True, check=True, timeout=120)
    results = json.loads(run.stdout)
    assert [(r["id"], r["name"], r["reason"]) for r in results if r["status"] != "ok"] == []
    assert Counter(r["name"].split()[0] for r in results) == {"MUST": 13, "SHOULD": 23, "MAY": 25}
    assert len({r["id"] for r in results}) == len(results)
