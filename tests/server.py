"""A real server in a process of its own, for tests that go over HTTP or look at pages in a browser."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2

from tests.warm import ROOT, allmende


class Server(NamedTuple):
    url: str
    log: Path
    process: subprocess.Popen[bytes]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(folder: Path, *command: str, files: int = 0, log: Path | None = None, **environ: str) -> Iterator[Server]:
    """Run `allmende <command> --port N` until the block ends; it is there once /health answers. `files` is how many it
    may open, `log` where its output goes."""
    port = free_port()
    log = log or folder / f"{command[0]}-{port}.log"
    limit = ["sh", "-c", f'ulimit -n {files} && exec "$0" "$@"'] if files else []
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*limit, str(Path(sys.executable).parent / "allmende"), *command, "--port", str(port)],
            cwd=ROOT,
            env=clean_environment(**environ),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url, process, log)
        yield Server(url, log, process)
    finally:
        process.terminate()
        try:
            process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def fill(database: Path, **environ: str) -> None:
    """Make the tables, and import all sources of all cities."""
    for command in (("db", "upgrade"), ("import",)):
        allmende(*command, environ=clean_environment(**environ, ALLMENDE_DATABASE=f"sqlite:///{database}"), check=True)


@contextmanager
def instance(folder: Path, imported: Path | None = None, **environ: str) -> Iterator[Server]:
    """An instance with all its cities imported, or a copy of what is, on an SQLite file in this folder."""
    database = folder / "instance.sqlite"
    if imported:
        shutil.copy(imported, database)
    else:
        fill(database, **environ)
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{database}", "ALLMENDE_FILES": str(folder / "files"), **environ}
    with running(folder, "serve", "--workers", "1", **environ) as server:
        yield server


def workers(server: subprocess.Popen[bytes]) -> list[int]:
    """The worker processes of `allmende serve`."""
    return [pid for pid in children(server.pid) if named(pid) == "allmende-worker"]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def named(pid: int) -> str:
    """What the process is called; nothing where it has ended."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip() if Path(f"/proc/{pid}/cmdline").read_bytes() else ""
    except (FileNotFoundError, ProcessLookupError):
        return ""


def eventually(holds: Callable[[], Any], seconds: float = 90, pause: float = 0.1) -> None:
    """Look until it holds. Who needs a second look at the same thing puts it into `holds`: it is another answer."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"did not hold within {seconds} s"
        time.sleep(pause)


def clean_environment(**environ: str) -> dict[str, str]:
    """This process's environment without the settings of an instance, and with these."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("ALLMENDE_")}
    key = "a key for the instances of tests only"
    return {**kept, "NO_COLOR": "1", "COLUMNS": "160", "ALLMENDE_KEY": key, **environ}


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise AssertionError(f"the server ended with {process.returncode}:\n{log.read_text()}")
        try:
            httpx2.get(f"{url}/health", timeout=2, verify=False)  # with True, it reads all certificates each time
        except httpx2.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(f"the server did not answer in {seconds} s:\n{log.read_text()}")
