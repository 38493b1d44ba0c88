"""Node.js for tests: the packages of package-lock.json, installed once however many tests and workers want them."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
MODULES = HERE / "node_modules"


def packages() -> str:
    """The path of `node`; skips where there is none, and installs the packages where one is missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js is not here; clients and audits in JavaScript run on it")
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    with (Path(tempfile.gettempdir()) / "allmende-npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not all((MODULES / name).is_dir() for name in wanted):
            subprocess.run([npm, "ci", "--no-audit", "--no-fund"], cwd=HERE, check=True, timeout=300)
    return node


def run(script: Path, *arguments: str) -> Any:
    """Run a script, which prints JSON."""
    done = subprocess.run(
        [packages(), str(script), *arguments], capture_output=True, text=True, timeout=120, cwd=HERE, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
