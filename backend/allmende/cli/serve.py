"""`allmende serve`: the server in production. It imports nothing of the application; only its workers do."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server import Server

HEADER_SECONDS = 20
"""Until a client must have sent its header, and how long an idle connection is kept; a proxy should close its own
connections earlier."""
HEADER_BYTES = 65_536
GOODBYE = 0.5
"""Seconds for live connections to be told that the server stops."""
CONNECTIONS = 8_192
"""Open at once in one worker; further ones wait in the backlog of the system."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--workers", default=2, show_default=True, help="Processes that answer.")
def serve(host: str, port: int, workers: int) -> None:
    """Serve in production. Migrate first: `allmende db upgrade`; imports run in `allmende work` (PostgreSQL)."""
    with tempfile.TemporaryDirectory(prefix="allmende-") as run:
        # Before any worker begins: what they count, and whom they shut out, is for all of them.
        os.environ.setdefault("ALLMENDE_RUN", run)
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", os.environ["ALLMENDE_RUN"])
        server(host, port, workers).serve()


class Polite(Server):  # type: ignore[misc, valid-type]
    """Lets live connections say goodbye before the workers end: they drop all sockets at once."""

    def _stop_workers(self) -> None:
        for worker in self.wrks:
            with suppress(ProcessLookupError):
                os.kill(worker._id(), signal.SIGUSR1)
        time.sleep(GOODBYE)
        super()._stop_workers()


def server(host: str, port: int, workers: int, reload: list[Path] | None = None) -> Any:
    """A granian server for the application; with `reload`, it restarts when something below these folders changes."""
    return Polite(
        "allmende.app:create_app",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000, max_buffer_size=HEADER_BYTES),
        backpressure=CONNECTIONS,
        workers=workers,
        backlog=2048,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_access=False,  # addresses and queries of citizens are nobody's business
        reload=bool(reload),
        reload_paths=reload,
        reload_ignore_patterns=[r".*\.pyc$", r".*\.sqlite.*$"],
        reload_ignore_worker_failure=bool(reload),
    )
