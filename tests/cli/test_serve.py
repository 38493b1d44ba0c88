"""`allmende serve`, where it cannot: it ends and says why, instead of trying for ever."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.server import ROOT, clean_environment, free_port


def test_serve_ends_with_the_reason_where_no_worker_can_begin(tmp_path: Path) -> None:
    environ = clean_environment(
        ALLMENDE_DATABASE=f"sqlite:///{tmp_path / 'none.sqlite'}", ALLMENDE_PRODUCTION="1", ALLMENDE_KEY="short"
    )
    command = [str(Path(sys.executable).parent / "allmende"), "serve", "--workers", "2", "--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, env=environ, timeout=100, capture_output=True, text=True)
    assert done.returncode == 3
    assert "ALLMENDE_KEY: is shorter than 32 characters" in done.stderr
    assert done.stderr.rstrip().endswith("a worker cannot be started: see above")
