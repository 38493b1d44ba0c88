"""The workers of `allmende serve`: forked from a process that has loaded everything, watched over, and replaced.

What is loaded lies in memory once, and all workers share it as long as they do not write to it: see
docs/adr/0062-workers-are-forked-from-what-is-loaded-once.md.
"""

from __future__ import annotations

import gc
import math
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from socket import socket
from typing import Any, NamedTuple

import structlog
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.server import Server
from uvicorn.supervisors.multiprocess import SIGNALS, Multiprocess, Process

from allmende.cli.growth import Growth
from allmende.errors import AllmendeError
from allmende.log import configure_logging, keep_stderr
from allmende.wire.accept import Sharing

log = structlog.get_logger(__name__)
GOODBYE = 0.5
"""Seconds for live connections to be told that the server stops."""
AGAIN = 5.0
"""Seconds within which a worker that was just replaced must not end again: then another one would not live either."""
LONGEST = 60.0
"""Seconds at most between two attempts at a worker that cannot live, while others do."""
STOPPED = 10.0
"""Seconds after which a worker that was stopped is replaced."""
READY = 60.0
"""Seconds in which a worker that is to take another one's place must be ready."""
THREADS = Path("/proc/self/task")
"""A folder for each thread of this process, also for those that a library has started unseen (Linux)."""

LATE = ("anyio._backends._asyncio", "encodings.idna", "encodings.unicode_escape")
"""What libraries load when it is used: each worker would load it, and write to every name that occurs in it."""


class Line(NamedTuple):
    """A pipe into which nothing is written: who reads learns that the only process that could is no more."""

    reading: int
    writing: int


class Worker(Process):
    """Says by its exit code that it could not even begin, and does not outlive its parent."""

    def __init__(self, config: Config, sockets: list[socket], line: Line | None, folder: Path | None) -> None:
        """Forked, with everything that its parent has, if it is given a line; else it loads everything itself. In the
        folder, workers tell each other how many connections they have."""
        super().__init__(config, sockets)
        self.line, self.folder = line, folder
        if line is not None:
            fork: Any = multiprocessing.get_context("fork")
            self.process = fork.Process(target=self.begin, args=[line, sockets])

    def begin(self, line: Line, sockets: list[socket]) -> None:
        """In the process that was forked: what was its parent's own is not to be used here."""
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        os.close(line.writing)
        self.target(sockets)

    def target(self, sockets: list[socket] | None = None) -> None:
        keep_stderr()
        threading.Thread(target=self._end_with_parent, name="parent", daemon=True).start()
        with explained():
            super().target(sockets)

    @property
    def server(self) -> Server:
        if self._server is None:
            self._server = Sharing(self.config, self.folder)
        return self._server

    def _end_with_parent(self) -> None:
        """A worker whose parent was killed would hold the address for ever, with nobody to replace or to stop it."""
        if self.line is not None:
            os.read(self.line.reading, 1)
        elif (parent := multiprocessing.parent_process()) is not None:
            parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


class Workers(Multiprocess):
    """Forks them if it may, and lets live connections say goodbye before the workers end, which closes all sockets."""

    def __init__(self, config: Config, sockets: list[socket], folder: Path | None = None) -> None:
        super().__init__(config, sockets)
        self.folder, self.growth = folder, Growth()
        self.loaded: Config | None = None
        """Has loaded the application in this process; without it, each worker does."""
        self.line = Line(*os.pipe())
        self.began: dict[int, float] = {}
        """By place: when the worker that is there was started, if it took another one's."""
        self.pauses: dict[int, float] = {}
        """By place: for how long another one was put off last."""
        self.due: dict[int | None, float] = {}
        """By process that has ended: when another one takes its place."""
        self.stopped: dict[int, float] = {}
        """By process: since when it has been stopped."""
        self.hopeless = False

    def load(self, config: Config) -> None:
        """Load what workers are forked from; raises what that raises. Without a /proc, they load it themselves."""
        if not THREADS.is_dir():
            return
        gc.disable()  # nearly all of what is made now stays
        config.load()
        config.get_loop_factory()
        for name in LATE:
            with suppress(ImportError):
                import_module(name)
        gc.collect()
        gc.freeze()  # the collector of no process looks at it again, nor writes to it
        gc.enable()
        if len(list(THREADS.iterdir())) == 1:
            self.loaded = config
        else:  # a fork would leave it behind, with all the locks that it holds
            log.warning("workers_not_forked", reason="a plugin or library has started a thread")

    def init_processes(self) -> None:
        self.handle_signals()  # those that came while it was loaded
        for _ in range(0 if self.should_exit.is_set() else self.processes_num):
            self.processes.append(self._started())

    def _started(self) -> Worker:
        if self.loaded is None:
            worker = Worker(self.config, self.sockets, None, self.folder)
        else:
            worker = Worker(self.loaded, self.sockets, self.line, self.folder)
        worker.start()
        return worker

    def restart_all(self) -> None:
        """SIGHUP: one by one they are replaced by workers that load what is installed now, which may be other code."""
        self.loaded = None
        for place in range(len(self.processes)):
            if not self._replace(place):
                return

    def _replace(self, place: int) -> bool:
        """Another worker takes this one's place as soon as it can answer; False where it never could."""
        old, worker = self.processes[place], self._started()
        if not worker.wait_until_ready(READY, self.should_exit):
            worker.kill()
            worker.join()
            log.error("worker_not_ready", pid=worker.pid, reason="the workers there are stay")
            return False
        self._goodbye([old])
        old.terminate()
        old.join()
        self.began[place] = time.monotonic()
        self.processes[place] = worker
        return True

    def handle_ttin(self) -> None:
        self.processes_num += 1
        self.processes.append(self._started())

    def terminate_all(self) -> None:
        self._goodbye(self.processes)
        super().terminate_all()

    def _goodbye(self, workers: Sequence[Process]) -> None:
        for worker in workers:
            if worker.pid is not None:
                with suppress(ProcessLookupError):
                    os.kill(worker.pid, signal.SIGUSR1)
        time.sleep(GOODBYE)

    def keep_subprocess_alive(self) -> None:
        """Replace workers that have ended, or were stopped. Those that stand still end themselves, see watchdog.py."""
        now = time.monotonic()
        if (place := self.growth.too_large([worker.pid for worker in self.processes], now)) is not None:
            self._replace(place)
        for place, worker in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if worker.process.is_alive():
                self._wake(worker, now)
            elif now >= self._due(place, worker, now):
                del self.due[worker.pid]
                self.began[place] = now
                self.processes[place] = self._started()

    def _due(self, place: int, worker: Process, now: float) -> float:
        """When another one takes the place of this one, which has ended: at once; if it hardly lived, later and later,
        as long as there are others who answer."""
        if worker.pid in self.due:
            return self.due[worker.pid]
        pause = 0.0
        if worker.exitcode == STARTUP_FAILURE or now - self.began.get(place, 0.0) < AGAIN:
            if not any(other.process.is_alive() for other in self.processes):
                log.critical("workers_cannot_begin", pid=worker.pid, code=worker.exitcode)
                self.hopeless = True
                self.should_exit.set()
                return math.inf
            pause = min(max(self.pauses.get(place, 0.0) * 2, AGAIN), LONGEST)
        log.warning("worker_ended", pid=worker.pid, code=worker.exitcode, another_in=pause)
        self.pauses[place] = pause
        self.due[worker.pid] = now + pause
        return self.due[worker.pid]

    def _wake(self, worker: Process, now: float) -> None:
        """End it if it was stopped (SIGSTOP) a while ago: it answers nobody, and its watchdog stands still as well."""
        pid = worker.pid or 0
        if not _is_stopped(pid):
            self.stopped.pop(pid, None)
        elif now - self.stopped.setdefault(pid, now) >= STOPPED:
            log.warning("worker_was_stopped", pid=pid)
            worker.kill()


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


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
