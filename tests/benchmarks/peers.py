"""The two that are measured: Mercurius from ../shared/bench, and this repository's server; each with two workers."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from .postgresql import Server
from .scratch import BENCH, ROOT, SCRATCH, Missing, require, say

TICK = os.sysconf("SC_CLK_TCK")
WORKERS = 2


class Peer(NamedTuple):
    name: str
    port: int
    pid: int

    def ask(self, body: str) -> Any:
        """POST one prepared body; its data."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/graphql", body.encode(), {"content-type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=20) as response:
            answer = json.load(response)
        if answer.get("errors") or not answer.get("data"):
            raise AssertionError(f"{self.name} answered {str(answer)[:500]}")
        return answer["data"]


@contextmanager
def mercurius(server: Server) -> Iterator[Peer]:
    """The fastest JavaScript server; Missing where Node.js, npm or its file is not here."""
    node = require("node", "Mercurius runs on it")
    npm = require("npm", "it installs Mercurius")
    script, home = BENCH / "servers/node/mercurius.js", SCRATCH / "peer"
    if not script.exists():
        raise Missing("../shared/bench/servers/node/mercurius.js is not here")
    if not (home / "node_modules/mercurius").is_dir():
        home.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(ROOT / "tests/benchmarks/peer" / name, home / name)
        subprocess.run([npm, "ci", "--no-audit", "--no-fund", "--silent"], cwd=home, check=True)
    environ = {
        "NODE_ENV": "production",
        "BENCH_NODE_MODULES": str(home / "node_modules"),
        "PGPORT": str(server.port),
        "WORKERS": str(WORKERS),
    }
    with _process("Mercurius", [node, str(script)], environ) as peer:
        yield peer


@contextmanager
def allmende(name: str, environ: dict[str, str], workers: int = WORKERS) -> Iterator[Peer]:
    """`allmende serve` as it runs in production."""
    command = [str(ROOT / ".venv/bin/allmende"), "serve", "--workers", str(workers), "--port", "{port}"]
    with _process(name, command, {"ALLMENDE_PRODUCTION": "1", **environ}) as peer:
        yield peer


@contextmanager
def _process(name: str, command: list[str], environ: dict[str, str]) -> Iterator[Peer]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ALLMENDE_")}
    log = SCRATCH / f"{name.split()[0].lower()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [part.replace("{port}", str(port)) for part in command],
            env={**clean, **environ, "PORT": str(port)},
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            start_new_session=True,  # Linux shares processors among sessions: its share is not that of who asks it
        )
    try:
        _wait(name, port, process, log)
        say(f"{name} is up")
        yield Peer(name, port, process.pid)
    finally:
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait(name: str, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise AssertionError(f"{name} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                if connection.recv(1):
                    return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"{name} did not answer in a minute:\n{log.read_text()[-2000:]}")


def tree(root: int) -> list[int]:
    """The process and all its descendants."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += parents.get(pid, [])
    return found


def cpu(root: int) -> float:
    """CPU seconds that the process tree has used so far."""
    ticks = 0
    for pid in tree(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


class Memory(Struct):
    """Megabytes for each worker at the peak, of the whole tree of processes: what they share is counted once."""

    all: float = 0.0
    """With what is shared between them, and the process that started them, divided among the workers."""
    resident: float = 0.0
    """Of the largest worker alone, with all that it shares with others (VmHWM)."""


@contextmanager
def watched(peer: Peer) -> Iterator[Memory]:
    """Look at its memory ten times a second until the block ends."""
    peak, over = Memory(), threading.Event()

    def watch() -> None:
        while not over.wait(0.1):
            _look(peer.pid, peak)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield peak
    finally:
        over.set()
        watching.join()
        _look(peer.pid, peak)


def _look(root: int, peak: Memory) -> None:
    """The kernel divides a page among all processes that have it. Of files, that may be strangers, so what is mapped of
    them is taken from the process that has most of it."""
    own, files = 0, [0]
    for pid in tree(root):
        try:
            figures = _figures(pid)
        except OSError:
            continue  # it has ended
        own += figures["Pss_Anon"] + figures["Pss_Shmem"]
        files.append(figures["RssFile"])
        if pid != root:
            peak.resident = max(peak.resident, figures["VmHWM"] / 1024)
    peak.all = max(peak.all, (own + max(files)) / 1024 / WORKERS)


def _figures(pid: int) -> dict[str, int]:
    """Kilobytes, by name."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text() + Path(f"/proc/{pid}/status").read_text()
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+) kB$", text, re.MULTILINE)}
