"""`allmende serve`, where it cannot: it ends and says why, or makes do with what there is. And its workers: they share
what is loaded and nothing that is open, are replaced by others that know what has changed, and end with the server."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.server import ROOT, children, clean_environment, eventually, free_port, running, workers

needs_proc = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")


def data(url: str, query: str) -> Any:
    request = Request(f"{url}/graphql", json.dumps({"query": query}).encode(), {"content-type": "application/json"})
    with urlopen(request, timeout=60) as response:
        return json.load(response)["data"]


def lives(pid: int) -> bool:
    """Where nobody reaps processes (in a container), one that has ended is still listed, without a command."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes() != b""
    except FileNotFoundError:
        return False


def opened(pid: int) -> list[str]:
    """What the process has open."""
    found = []
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            found.append(str(path.readlink()))
    return found


def sockets(pid: int) -> set[str]:
    return {name for name in opened(pid) if name.startswith("socket:")}


def memory(pid: int, kind: str) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def test_serve_ends_with_the_reason_where_no_worker_can_begin(tmp_path: Path) -> None:
    environ = clean_environment(
        ALLMENDE_DATABASE=f"sqlite:///{tmp_path / 'none.sqlite'}", ALLMENDE_PRODUCTION="1", ALLMENDE_KEY="short"
    )
    command = [str(Path(sys.executable).parent / "allmende"), "serve", "--workers", "2", "--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, env=environ, timeout=100, capture_output=True, text=True)
    assert done.returncode == 3
    told, last = map(json.loads, done.stderr.splitlines())
    assert (told["event"], last["event"]) == ("cannot_begin", "workers_cannot_begin")
    assert "ALLMENDE_KEY: is shorter than 32 characters" in told["error"]


@needs_proc
@pytest.mark.parametrize("renewed", [False, True], ids=["first", "renewed"])
def test_workers_do_not_outlive_the_server(tmp_path: Path, renewed: bool) -> None:
    """Neither the first ones, nor those that took their places on SIGHUP."""
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'none.sqlite'}"}
    with running(tmp_path, "serve", "--workers", "2", **environ) as server:
        port = int(server.url.rpartition(":")[2])
        eventually(lambda: len(workers(server.process)) == 2)
        left = workers(server.process)
        if renewed:
            os.kill(server.process.pid, signal.SIGHUP)
            eventually(lambda: len(workers(server.process)) == 2 and not set(left) & set(workers(server.process)))
            assert data(server.url, "{ __typename }") == {"__typename": "Query"}
            left = workers(server.process)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(timeout=10)
        eventually(lambda: not any(lives(pid) for pid in left))
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=1)


@needs_proc
def test_workers_share_what_is_loaded_and_nothing_that_is_open(tmp_path: Path, database_url: str) -> None:
    """Two processes on one connection to the database would take each other's answers off it."""
    with running(tmp_path, "serve", "--workers", "2", ALLMENDE_DATABASE=database_url) as server:
        eventually(lambda: len(workers(server.process)) == 2)
        one, two = workers(server.process)
        if database_url.startswith("postgresql"):
            eventually(lambda: sockets(one) - sockets(two) and sockets(two) - sockets(one))
            # The address; and, until both are ready, what they say so by.
            eventually(lambda: len(sockets(server.process.pid)) == 1)
            eventually(lambda: sockets(one) & sockets(two) == sockets(server.process.pid))
        else:
            files = {database_url.removeprefix("sqlite:///") + ending for ending in ("", "-wal", "-shm")}
            eventually(lambda: files & set(opened(one)) and files & set(opened(two)))
            assert not files & set(opened(server.process.pid))
        for worker in (one, two):
            assert memory(worker, "Private_Dirty") < 0.5 * memory(worker, "Rss")
        assert memory(server.process.pid, "Rss") < 0.2 * memory(one, "Rss")
        eventually(lambda: set(children(server.process.pid)) == {one, two})


def test_nothing_that_tells_workers_apart_is_made_before_they_are_forked(tmp_path: Path) -> None:
    """Two that went by one name took each other's requests off a shared stream. Such names are made by `uuid4`."""
    code = (
        "import traceback, uuid\n"
        "made, draw = [], uuid.uuid4\n"
        "def uuid4():\n"
        "    made.append(traceback.extract_stack(limit=2)[0])\n"
        "    return draw()\n"
        "uuid.uuid4 = uuid4\n"
        "from allmende.app import create_app\n"
        "create_app()\n"
        "print(*[one for one in made if 'site-packages' not in one.filename])\n"
    )
    environ = clean_environment(ALLMENDE_DATABASE=f"sqlite:///{tmp_path / 'none.sqlite'}")
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environ, timeout=100, capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


@needs_proc
def test_a_worker_that_takes_anothers_place_knows_what_has_changed_meanwhile(tmp_path: Path) -> None:
    """Whoever it is forked from may have read the folders of the cities some minutes ago."""
    cities = tmp_path / "cities"
    shutil.copytree(ROOT / "cities", cities, ignore=shutil.ignore_patterns("data"))
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'none.sqlite'}", "ALLMENDE_CITIES": str(cities)}
    query = '{ city(slug: "beckum") { name } }'
    with running(tmp_path, "serve", "--workers", "1", **environ) as server:
        assert data(server.url, query) == {"city": {"name": "Beckum"}}
        folder = cities / "beckum/city.toml"
        folder.write_text(folder.read_text().replace('name = "Beckum"', 'name = "Bekem"'))
        eventually(lambda: data(server.url, query) == {"city": {"name": "Bekem"}})
        (before,) = workers(server.process)
        os.kill(before, signal.SIGKILL)
        eventually(lambda: workers(server.process) not in ([], [before]))
        assert data(server.url, query) == {"city": {"name": "Bekem"}}


@needs_proc
def test_where_something_has_started_a_thread_nothing_is_forked() -> None:
    """A fork leaves threads behind, and the locks that they held, for ever."""
    code = (
        "import sys, threading, time\n"
        "from allmende.serving.nursery import load\n"
        "from allmende.log import configure_logging\n"
        "from uvicorn.config import Config\n"
        "configure_logging(production=True)\n"
        "def alone(): return lambda scope, receive, send: None\n"
        "def threaded():\n"
        "    threading.Thread(target=time.sleep, args=[60], daemon=True).start()\n"
        "    return alone()\n"
        "for factory in (alone, threaded):\n"
        "    print(load(Config(factory, factory=True)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]
    (told,) = map(json.loads, done.stderr.splitlines())
    assert (told["event"], told["reason"]) == ("workers_not_forked", "a plugin or library has started a thread")


def test_where_few_files_may_be_opened_idle_connections_shut_nobody_out(tmp_path: Path) -> None:
    """Each connection is an open file. Without any left, nobody came in, and the watchdog had ended."""
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'none.sqlite'}"}
    with running(tmp_path, "serve", "--workers", "1", files=256, **environ) as server:
        port = int(server.url.rpartition(":")[2])
        idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(300)]
        for _ in range(3):
            assert data(server.url, "{ __typename }") == {"__typename": "Query"}
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
