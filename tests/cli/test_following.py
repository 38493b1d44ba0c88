"""A city's folder is edited while two workers and `allmende work` run: each follows, by itself, and never half."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_serve import needs_proc
from tests.server import ROOT, clean_environment, eventually, running, workers
from tests.warm import allmende

HERE = "musterstadt"
NAME = re.compile(r'^name = ".*"$', re.MULTILINE)
REPORTS = '[[categories]]\nid = "light"\nname = "{name}"\n'
QUESTION = f'{{ city(slug: "{HERE}") {{ name modules {{ name status }} reports {{ categories {{ name }} }} }} }}'


def serving(connection: HTTPConnection, pids: list[int]) -> int:
    """The worker that has accepted this connection (Linux)."""
    local = connection.sock.getsockname()[1]
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    inode = next(fields[9] for fields in map(str.split, lines) if fields[2].endswith(f":{local:04X}"))
    for pid in pids:
        for file in Path(f"/proc/{pid}/fd").iterdir():
            if file.is_symlink() and str(file.readlink()) == f"socket:[{inode}]":
                return pid
    raise AssertionError("nobody has accepted it")


def asked(connection: HTTPConnection) -> Any:
    body = json.dumps({"query": QUESTION})
    connection.request("POST", "/graphql", body, {"content-type": "application/json"})
    city = json.loads(connection.getresponse().read())["data"]["city"]
    return city["name"], city["reports"]["categories"][0]["name"]


def wait_until_shown(name: str, connection: HTTPConnection) -> None:
    eventually(lambda: asked(connection) == (name, name))


@contextmanager
def one_to_each(port: int, pids: list[int]) -> Iterator[list[HTTPConnection]]:
    """Connections, one to each worker."""
    with ExitStack() as stack:
        found: dict[int, HTTPConnection] = {}
        for _ in range(200):
            connection = stack.enter_context(closing(HTTPConnection("127.0.0.1", port, timeout=60)))
            asked(connection)
            found.setdefault(serving(connection, pids), connection)
            if len(found) == len(pids):
                break
        yield list(found.values())


@pytest.fixture
def cities(tmp_path: Path) -> Path:
    city = tmp_path / "cities" / HERE
    shutil.copytree(ROOT / "cities" / HERE, city)
    shutil.rmtree(city / "plugins")
    (city / "plugins").mkdir()
    (city / "plugins" / "reports.toml").write_text(REPORTS.format(name="Zuerst"))
    return tmp_path / "cities"


@needs_proc
def test_each_worker_follows_the_folder_and_keeps_the_last_good_state(cities: Path, tmp_path: Path) -> None:
    town, reports = cities / HERE / "city.toml", cities / HERE / "plugins" / "reports.toml"
    text, log = town.read_text(), tmp_path / "work.log"
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'x.sqlite'}", "ALLMENDE_CITIES": str(cities)}
    environ |= {"ALLMENDE_PRODUCTION": "true", "ALLMENDE_HOSTS": "127.0.0.1"}
    allmende("db", "upgrade", environ=clean_environment(**environ), check=True)

    def edit(name: str) -> None:
        town.write_text(NAME.sub(f'name = "{name}"', text, count=1))
        reports.write_text(REPORTS.format(name=name))

    def reloaded(path: Path) -> list[list[str]]:
        lines = map(json.loads, path.read_text().splitlines())
        return [line["kept"] for line in lines if line["event"] == "cities_reloaded"]

    command = [str(Path(sys.executable).parent / "allmende"), "work"]
    with (
        running(tmp_path, "serve", "--workers", "2", **environ) as server,
        log.open("wb") as output,
        subprocess.Popen(command, cwd=ROOT, env=clean_environment(**environ), stderr=output) as working,
    ):
        try:
            eventually(lambda: len(workers(server.process)) == 2)
            eventually(lambda: '"started"' in log.read_text())
            pids, port = workers(server.process), int(server.url.rpartition(":")[2])
            with one_to_each(port, pids) as connections:
                assert [asked(one) for one in connections] == [("Musterstadt", "Zuerst")] * 2
                edit("Neu")
                for one in connections:
                    wait_until_shown("Neu", one)
                eventually(lambda: reloaded(log) != [] and reloaded(log)[-1] == [])
                before = len(reloaded(server.log))
                town.write_text(f"{text}\n[area]\nlat = 51\n")  # twice
                eventually(lambda: len([kept for kept in reloaded(server.log)[before:] if kept == [HERE]]) >= 2)
                eventually(lambda: reloaded(log)[-1] == [HERE])
                assert [asked(one) for one in connections] == [("Neu", "Neu")] * 2
                edit("Wieder gut")
                for one in connections:
                    wait_until_shown("Wieder gut", one)
                eventually(lambda: reloaded(log)[-1] == [])
            assert workers(server.process) == pids
        finally:
            working.terminate()
