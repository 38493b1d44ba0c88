"""`allmende serve`: the server in production. It imports nothing of the application; only its workers do."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from multiprocessing import parent_process
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit, setrlimit
from socket import socket

import click
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.server import Server
from uvicorn.supervisors.multiprocess import Multiprocess, Process
from uvicorn.supervisors.watchfilesreload import WatchFilesReload

from allmende.errors import AllmendeError
from allmende.log import keep_stderr

GOODBYE = 0.5
"""Seconds for live connections to be told that the server stops."""
GRACE = 5
"""Seconds for requests to be finished after that."""
MEMORY = "/dev/shm"
"""Where workers share what they count: on a disk that is full, a file that is mapped kills its writer."""
FILES = 16_384
"""Files that a worker may open, if the system allows it: its connections, and some of its own."""
AGAIN = 5.0
"""Seconds within which a worker that was just replaced must not end again: then another one would not live either."""


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
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", os.environ["ALLMENDE_RUN"])
        options = configured(host, port, workers=workers)
        house = Polite(options, sockets=[options.bind_socket()])
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


class Worker(Process):
    """Says by its exit code that it could not even begin, and does not outlive its parent."""

    def target(self, sockets: list[socket] | None = None) -> None:
        keep_stderr()
        threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
        try:
            super().target(sockets)
        except Exception as error:
            if isinstance(error, AllmendeError):  # for people: it names the setting
                click.echo(str(error), err=True)
            else:
                traceback.print_exc()
            sys.exit(STARTUP_FAILURE)


def _end_with_parent() -> None:
    """A worker whose parent was killed would hold the address for ever, with nobody to replace or to stop it."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


class Polite(Multiprocess):
    """Lets live connections say goodbye before the workers end, which closes all sockets."""

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        super().__init__(config, sockets)
        self.began: dict[int, float] = {}
        self.hopeless = False

    def init_processes(self) -> None:
        for _ in range(self.processes_num):
            self.processes.append(self._started())

    def _started(self) -> Process:
        worker = Worker(self.config, self.sockets)
        worker.start()
        return worker

    def terminate_all(self) -> None:
        for worker in self.processes:
            if worker.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGUSR1)
        time.sleep(GOODBYE)
        super().terminate_all()

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended. Those that stand still end themselves, see watchdog.py."""
        for place, worker in enumerate(self.processes):
            if worker.process.is_alive() or self.should_exit.is_set():
                continue
            now = time.monotonic()
            if worker.exitcode == STARTUP_FAILURE or now - self.began.get(place, 0) < AGAIN:
                click.echo("a worker cannot be started: see above", err=True)
                self.hopeless = True
                self.should_exit.set()
                return
            click.echo(f"worker {worker.pid} has ended ({worker.exitcode}): another one takes its place", err=True)
            self.began[place] = now
            self.processes[place] = self._started()
