"""Runs wrk against one peer and reads what it measured, with the CPU time that the peer and the database used."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from .peers import Peer, cpu

SCRIPT = Path(__file__).parent / "requests.lua"


class Run(Struct, frozen=True):
    """One run of wrk. Times in milliseconds, CPU per request."""

    rps: float
    p50: float
    p99: float
    errors: int
    cpu: float


class Result(Struct, frozen=True):
    """The median of several runs."""

    rps: float
    p50: float
    p99: float
    errors: int
    cpu: float
    spread: float
    """The fastest run over the slowest."""


def run(peer: Peer, database: int, file: Path, *, method: str = "POST", connections: int = 16, seconds: int = 2) -> Run:
    """Measure for so many seconds after one of warming up."""
    environ = {**os.environ, "FILE": str(file), "METHOD": method}
    command = ["wrk", "-t1", f"-c{connections}", "--timeout", "10s", "-s", str(SCRIPT), f"http://127.0.0.1:{peer.port}"]
    subprocess.run([*command, "-d1s"], env=environ, capture_output=True, check=True)
    before = cpu(peer.pid) + (cpu(database) if database else 0)
    done = subprocess.run([*command, f"-d{seconds}s"], env=environ, capture_output=True, text=True, check=True)
    after = cpu(peer.pid) + (cpu(database) if database else 0)
    found = re.search(r"JSON(\{.*\})", done.stdout)
    assert found, done.stdout + done.stderr
    values = json.loads(found[1])
    count = max(values["requests"], 1)
    return Run(
        rps=values["requests"] / values["micros"] * 1e6,
        p50=values["p50"] / 1e3,
        p99=values["p99"] / 1e3,
        errors=values["errors"],
        cpu=(after - before) * 1e3 / count,
    )


def interleaved(rounds: int, measures: Sequence[Callable[[], Run]]) -> list[Result]:
    """A B A B …: what disturbs the machine disturbs all of them."""
    runs: list[list[Run]] = [[] for _ in measures]
    for _ in range(rounds):
        for kept, measure in zip(runs, measures, strict=True):
            kept.append(measure())
    return [_median(kept) for kept in runs]


def _median(runs: Sequence[Run]) -> Result:
    def middle(name: str) -> float:
        return float(statistics.median(getattr(run, name) for run in runs))

    rates = [run.rps for run in runs]
    return Result(
        rps=middle("rps"),
        p50=middle("p50"),
        p99=middle("p99"),
        errors=sum(run.errors for run in runs),
        cpu=middle("cpu"),
        spread=max(rates) / max(min(rates), 1e-9),
    )
