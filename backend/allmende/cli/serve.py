"""`allmende serve`: the server in production."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit

import click
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.server import Server

from allmende.cli.workers import Workers, explained
from allmende.log import configure_logging, keep_stderr
from allmende.settings import load_settings

GRACE = 5
"""Seconds for requests to be finished, after live connections were told goodbye."""
MEMORY = "/dev/shm"
"""Where workers share what they count: on a disk that is full, a file that is mapped kills its writer."""
FILES = 16_384
"""Files that a worker may open, if the system allows it: its connections, and some of its own."""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--workers", default=2, show_default=True, help="Processes that answer.")
def serve(host: str, port: int, workers: int) -> None:
    """Serve in production. Migrate first: `allmende db upgrade`; imports run in `allmende work` (PostgreSQL)."""
    keep_stderr()
    _allow_files()
    memory = MEMORY if os.access(MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="allmende-", dir=memory) as run:
        # Before any worker begins: what they count, and whom they shut out, is for all of them.
        os.environ.setdefault("ALLMENDE_RUN", run)
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", run)
        options = configured(host, port, workers=workers)
        house = Workers(options, [options.bind_socket()], Path(run))
        with explained():
            settings = load_settings()
            configure_logging(production=settings.production)
            house.growth.most = settings.worker_memory
            house.load(configured(host, port, workers=workers))
        house.run()
    if house.hopeless:
        sys.exit(STARTUP_FAILURE)


def _allow_files() -> None:
    """Many systems let a process open a thousand files unless it asks for more; each connection is one."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        setrlimit(RLIMIT_NOFILE, (max(soft, FILES if hard == RLIM_INFINITY else min(FILES, hard)), hard))


def develop(host: str, port: int, reload: list[Path]) -> None:
    """Serve with one worker, which is started anew when a file below one of these folders changes."""
    from uvicorn.supervisors.watchfilesreload import WatchFilesReload  # not for processes that workers are forked from

    options = configured(host, port, reload=[str(folder) for folder in reload])
    WatchFilesReload(options, target=Server(config=options).run, sockets=[options.bind_socket()]).run()


def configured(host: str, port: int, *, workers: int = 1, reload: list[str] | None = None) -> Config:
    return Config(
        "allmende.app:create_app",
        factory=True,
        host=host,
        port=port,
        http="allmende.wire.connection:Connection",
        loop="auto",
        lifespan="on",
        ws="allmende.wire.websocket:WebSocket",
        ws_max_size=1_000_000,  # the application refuses what is smaller than that and too large, with its own code
        ws_ping_interval=None,  # the application has its own
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,  # addresses and queries of citizens are nobody's business
        proxy_headers=False,  # the door reads them
        server_header=False,
        workers=workers,
        backlog=2048,
        timeout_graceful_shutdown=GRACE,
        reload=bool(reload),
        reload_dirs=reload,
        reload_includes=["*.toml", "*.html", "*.css", "*.js"] if reload else None,  # beside *.py
    )
