"""`allmende work`: whoever holds it up is shut out and named, the others' work is done and counted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

from tests.server import clean_environment, eventually, free_port
from tests.warm import allmende

PLUGIN = """
import time
from datetime import timedelta
from typing import Any
from allmende import Job, Plugin

async def run(ctx: Any) -> None:
    {work}

plugin = Plugin(name="{name}", jobs=(Job(name="daily", run=run, every=timedelta(days=1)),))
"""
MANIFEST = 'title = "X"\nsummary = "X"\nowner = "adorf"\nlicence = "EUPL-1.2"\napi = 1\nversion = "1.0.0"\n'
CITY = """
name = "Adorf"
ags = "05999999"
ars = "059990999999"

[area]
lat = 51.9
lon = 7.6
bbox = { south = 51.8, west = 7.5, north = 52.0, east = 7.7 }
"""


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    write(tmp_path / "cities/adorf/city.toml", CITY)
    for name, work in {"sleeper": "time.sleep(3)", "worker": "pass"}.items():
        write(tmp_path / f"plugins/{name}/__init__.py", PLUGIN.format(name=name, work=work))
        write(tmp_path / f"plugins/{name}/plugin.toml", MANIFEST)
        write(tmp_path / f"cities/adorf/plugins/{name}.toml", "")
    places = {name.upper(): str(tmp_path / name) for name in ("cities", "plugins", "run")}
    places["DATABASE"] = f"sqlite:///{tmp_path / 'work.sqlite'}"
    environ = clean_environment(**{f"ALLMENDE_{name}": value for name, value in places.items()})
    allmende("db", "upgrade", environ=environ, check=True)
    return environ


def test_a_job_that_holds_up_the_process_is_shut_out_and_the_others_are_done(environ: dict[str, str]) -> None:
    port = free_port()
    command = [str(Path(sys.executable).parent / "allmende"), "work", "--metrics-port", str(port)]
    worker = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def counted(line: str) -> bool:
        try:
            return line in httpx2.get(f"http://127.0.0.1:{port}/metrics", timeout=60, verify=False).text
        except httpx2.TransportError:  # it has not begun
            return False

    try:
        eventually(lambda: counted('allmende_job_runs_total{plugin="worker",status="done"} 1.0'))
        eventually(lambda: counted('allmende_loop_blocked_total{plugin="sleeper"} 1.0'))
        worker.terminate()
        _, log = worker.communicate(timeout=60)
    finally:
        worker.kill()
    assert worker.returncode == 0, log
    assert ("loop_blocked" in log, "sleeper/__init__.py" in log) == (True, True)
    assert (Path(environ["ALLMENDE_RUN"]) / "blocked/sleeper.json").is_file(), "so that the next process knows it"
