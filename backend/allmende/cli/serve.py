"""`allmende serve`: the server in production. It imports nothing of the application; only its workers do."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import click
from granian.constants import Interfaces
from granian.server import Server


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


def server(host: str, port: int, workers: int, reload: list[Path] | None = None) -> Any:
    """A granian server for the application; with `reload`, it restarts when something below these folders changes."""
    return Server(
        "allmende.app:create_app",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
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
