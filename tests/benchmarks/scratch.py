"""Where the benchmark keeps what it can use again: the database, the peer's packages, the request files."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCH = (ROOT / "../shared/bench").resolve()
"""The data set and the peers, which lie beside the repository."""
SCRATCH = Path(os.environ.get("BENCH_SCRATCH", Path(tempfile.gettempdir()) / "allmende-benchmarks"))


class Missing(Exception):
    """Something that this machine lacks; the message says what is skipped for it."""


def require(program: str, why: str) -> str:
    """The path of a program, or Missing."""
    found = shutil.which(program)
    if found is None:
        raise Missing(f"{program} is not here; {why}")
    return found


def say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()
