"""`allmende serve`: the server in production."""

from __future__ import annotations

import os
import socket
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit

import click

from allmende.log import configure_logging
from allmende.serving.worker import configured, explained
from allmende.settings import load_settings
from allmende.stderr import keep_stderr

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
    with explained():
        settings = load_settings()
        configure_logging(production=settings.production)
    _allow_files()
    listening = _bound(host, port)
    run = tempfile.mkdtemp(prefix="allmende-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None)
    # Before any worker begins: what they count, and whom they shut out, is for all of them.
    os.environ.setdefault("ALLMENDE_RUN", run)
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", run)
    form = "production" if settings.production else "development"
    supervisor = [sys.executable, "-P", "-m", "allmende.serving.supervisor"]
    # It keeps this process's number, and nothing that was loaded in it.
    os.execv(sys.executable, [*supervisor, str(listening), str(workers), str(settings.worker_memory), form, run])


def _bound(host: str, port: int) -> int:
    """The number of a socket that has this address, and stays open in the programs that this process becomes."""
    found = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((host, port))
    except OSError as error:
        click.echo(f"cannot listen on {host}, port {port}: {error.strerror}", err=True)
        sys.exit(3)
    found.set_inheritable(True)
    return found.detach()


def _allow_files() -> None:
    """Many systems let a process open a thousand files unless it asks for more; each connection is one."""
    soft, hard = getrlimit(RLIMIT_NOFILE)
    with suppress(ValueError, OSError):
        setrlimit(RLIMIT_NOFILE, (max(soft, FILES if hard == RLIM_INFINITY else min(FILES, hard)), hard))


def develop(host: str, port: int, reload: list[Path]) -> None:
    """Serve with one worker, which is started anew when a file below one of these folders changes."""
    from uvicorn.server import Server
    from uvicorn.supervisors.watchfilesreload import WatchFilesReload

    options = configured(host, port, reload=[str(folder) for folder in reload])
    WatchFilesReload(options, target=Server(config=options).run, sockets=[options.bind_socket()]).run()
