"""`allmende serve`, where it cannot: it ends and says why, or makes do with what there is."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.contract.test_crash import workers
from tests.server import ROOT, clean_environment, eventually, free_port, running


def test_serve_ends_with_the_reason_where_no_worker_can_begin(tmp_path: Path) -> None:
    environ = clean_environment(
        ALLMENDE_DATABASE=f"sqlite:///{tmp_path / 'none.sqlite'}", ALLMENDE_PRODUCTION="1", ALLMENDE_KEY="short"
    )
    command = [str(Path(sys.executable).parent / "allmende"), "serve", "--workers", "2", "--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, env=environ, timeout=100, capture_output=True, text=True)
    assert done.returncode == 3
    assert "ALLMENDE_KEY: is shorter than 32 characters" in done.stderr
    assert done.stderr.rstrip().endswith("a worker cannot be started: see above")
    assert "Traceback" not in done.stderr


def test_workers_do_not_outlive_the_server(tmp_path: Path) -> None:
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'none.sqlite'}"}
    with running(tmp_path, "serve", "--workers", "2", **environ) as server:
        port = int(server.url.rpartition(":")[2])
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(timeout=10)
        end = time.monotonic() + 90
        while True:
            assert time.monotonic() < end, "somebody still answers"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                break
            time.sleep(0.1)


def test_where_few_files_may_be_opened_idle_connections_shut_nobody_out(tmp_path: Path) -> None:
    """Each connection is an open file. Without any left, nobody came in, and the watchdog had ended."""
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'none.sqlite'}"}
    with running(tmp_path, "serve", "--workers", "1", files=256, **environ) as server:
        port = int(server.url.rpartition(":")[2])
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        query = b'{"query": "{ __typename }"}'
        for _ in range(3):
            request = Request(f"{server.url}/graphql", query, {"content-type": "application/json"})
            with urlopen(request, timeout=60) as response:
                assert json.load(response) == {"data": {"__typename": "Query"}}
        for one in idle:
            one.close()
        log = server.log.read_text()
    assert "Too many open files" not in log
    assert "Exception in thread" not in log


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no disk that is always full")
def test_where_nothing_can_be_logged_everything_is_answered_and_killed_workers_are_replaced(tmp_path: Path) -> None:
    """The disk of the log is full, and the database is not there, so there is much to say."""
    environ = {"ALLMENDE_DATABASE": f"postgresql://nobody@127.0.0.1:{free_port()}/none"}
    query = b'{"query": "{ city(slug: \\"beckum\\") { name news { latest { id } } } }"}'
    with running(tmp_path, "serve", "--workers", "2", log=Path("/dev/full"), **environ) as server:

        def asked() -> None:
            request = Request(f"{server.url}/graphql", query, {"content-type": "application/json"})
            with urlopen(request, timeout=20) as response:
                answer = json.load(response)
            assert answer["data"]["city"]["name"] == "Beckum"
            assert {error["extensions"]["code"] for error in answer["errors"]} == {"UNAVAILABLE"}

        eventually(lambda: len(workers(server.process)) == 2)
        first = workers(server.process)
        for _ in range(4):
            asked()
        os.kill(first[0], signal.SIGKILL)
        eventually(lambda: len(set(workers(server.process)) - {first[0]}) == 2)
        for _ in range(4):
            asked()
