"""A worker of `allmende serve`: answers until it is told to end, or its supervisor is no more."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from uvicorn.config import STARTUP_FAILURE, Config

from allmende.errors import AllmendeError
from allmende.log import configure_logging
from allmende.wire.accept import Sharing

log = structlog.get_logger(__name__)

NAME = Path("/proc/self/comm")
"""What this process is called in lists of processes: by its command alone, workers look like their nursery."""
GRACE = 5
"""Seconds for requests to be finished, after live connections were told goodbye."""


class Worker(Sharing):
    """Tells its supervisor when it begins to answer."""

    def __init__(self, config: Config, folder: Path, supervisor: socket.socket) -> None:
        super().__init__(config, folder)
        self.supervisor = supervisor

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            with self.supervisor, suppress(OSError):
                self.supervisor.send(b"ready %d\n" % os.getpid())


def work(config: Config, listening: int, line: int, folder: Path, supervisor: socket.socket) -> None:
    """Answer who comes to this address, until SIGTERM, or until nobody is left who holds the line.

    In the folder, workers tell each other how many connections they have.
    """

    def follow() -> None:
        """Without a supervisor it would hold the address for ever, with nobody to replace or to stop it."""
        os.read(line, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    with suppress(OSError):
        NAME.write_text("allmende-worker")
    threading.Thread(target=follow, name="line", daemon=True).start()
    with explained():
        Worker(config, folder, supervisor).run([socket.socket(fileno=listening)])


def configured(host: str = "", port: int = 0, *, reload: list[str] | None = None) -> Config:
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
        backlog=2048,
        timeout_graceful_shutdown=GRACE,
        reload=bool(reload),
        reload_dirs=reload,
        reload_includes=["*.toml", "*.html", "*.css", "*.js"] if reload else None,  # beside *.py
    )


@contextmanager
def explained() -> Iterator[None]:
    """What keeps the application from being loaded goes to stderr, and the process ends with a code that says so."""
    try:
        yield
    except Exception as error:
        if not structlog.is_configured():  # the settings are what is wrong
            configure_logging(production=False)
        # An error of ours is for people: it names the setting.
        log.critical("cannot_begin", error=str(error), exc_info=not isinstance(error, AllmendeError))
        sys.exit(STARTUP_FAILURE)
