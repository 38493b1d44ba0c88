"""`allmende serve`, where it cannot: it ends and says why, instead of trying for ever."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from tests.server import ROOT, clean_environment, free_port, running


def test_serve_ends_with_the_reason_where_no_worker_can_begin(tmp_path: Path) -> None:
    environ = clean_environment(
        ALLMENDE_DATABASE=f"sqlite:///{tmp_path / 'none.sqlite'}", ALLMENDE_PRODUCTION="1", ALLMENDE_KEY="short"
    )
    command = [str(Path(sys.executable).parent / "allmende"), "serve", "--workers", "2", "--port", str(free_port())]
    done = subprocess.run(command, cwd=ROOT, env=environ, timeout=100, capture_output=True, text=True)
    assert done.returncode == 3
    assert "ALLMENDE_KEY: is shorter than 32 characters" in done.stderr
    assert done.stderr.rstrip().endswith("a worker cannot be started: see above")
    assert "Traceback" not in done.stderr


def test_workers_do_not_outlive_the_server(tmp_path: Path) -> None:
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'none.sqlite'}"}
    with running(tmp_path, "serve", "--workers", "2", **environ) as server:
        port = int(server.url.rpartition(":")[2])
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait(timeout=10)
        end = time.monotonic() + 90
        while True:
            assert time.monotonic() < end, "somebody still answers"
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                break
            time.sleep(0.1)
