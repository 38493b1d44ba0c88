"""Where the benchmark keeps what it can use again: the database, the peer's packages, the request files."""

from __future__ import annotations

import fcntl
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCH = (ROOT / "../shared/bench").resolve()
"""The data set and the peers, which lie beside the repository."""
SCRATCH = Path(os.environ.get("BENCH_SCRATCH", Path(tempfile.gettempdir()) / "allmende-benchmarks"))


class Missing(Exception):
    """Something that this machine lacks; the message says what is skipped for it."""


@contextmanager
def alone() -> Iterator[None]:
    """One benchmark at a time: two would measure each other."""
    SCRATCH.mkdir(parents=True, exist_ok=True)
    SCRATCH.chmod(0o755)
    with (SCRATCH / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another benchmark is running; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require(program: str, why: str) -> str:
    """The path of a program, or Missing."""
    found = shutil.which(program)
    if found is None:
        raise Missing(f"{program} is not here; {why}")
    return found


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
