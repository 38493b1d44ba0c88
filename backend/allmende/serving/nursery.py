"""The process that workers are forked from: loads everything once, forks a worker as often as it is asked to, and ends.

Its pages are the workers' as long as they do not write to them. Run by the supervisor, as `-m`: see `main`.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from socket import socket

# It loads structlog without what nobody needs of that (6 MB), if it is the first to load it.
from allmende.log import configure_logging  # isort: skip

import structlog
from uvicorn.config import Config

from allmende.serving.terse import be_terse
from allmende.serving.worker import configured, explained, work
from allmende.settings import load_settings
from allmende.stderr import keep_stderr

log = structlog.get_logger(__name__)

THREADS = Path("/proc/self/task")
"""A folder for each thread of this process, also for those that a library has started unseen (Linux)."""
YOUNG = 3_000
"""New objects after which the collector looks at them: more than are part of the requests that a worker answers at the
same time, among which there is no garbage. What graphql-core leaves behind of a request, with its variables, is found
then only."""
LATE = ("anyio._backends._asyncio", "encodings.idna", "encodings.unicode_escape")
"""What libraries load when it is used: each worker would load it, and write to every name that occurs in it."""


def load(config: Config) -> bool:
    """Load what workers are forked from, and say whether they may be. Raises what that raises."""
    gc.disable()  # nearly all of what is made now stays
    be_terse()
    import_module("allmende.app")
    gc.collect()  # into the room of what loading leaves behind goes what is made of it
    config.load()
    config.get_loop_factory()
    for name in LATE:
        with suppress(ImportError):
            import_module(name)
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # gives back what is free (glibc)
    gc.freeze()  # the collector of no process looks at it again, nor writes to it
    gc.set_threshold(YOUNG)
    gc.enable()
    if not THREADS.is_dir():
        return False
    if len(list(THREADS.iterdir())) > 1:  # a fork would leave it behind, with all the locks that it holds
        log.warning("workers_not_forked", reason="a plugin or library has started a thread")
        return False
    return True


def forked(supervisor: socket) -> bool:
    """Fork a worker, and say its number; True in the worker. Who is in between ends, so it is the supervisor's."""
    between = os.fork()
    if between:
        os.waitpid(between, 0)
        return False
    if worker := os.fork():
        supervisor.send(b"worker %d\n" % worker)
        os._exit(0)
    return True


def main(folder: Path, listening: int, line: int, channel: int) -> None:
    """In the folder, workers tell each other something. Listened is on the first number, the end of the supervisor is
    noticed on the second, and by the third it says when a worker is wanted."""
    keep_stderr()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal, it goes to all: the supervisor says who ends
    for number in (listening, line, channel):
        os.set_inheritable(number, False)  # a program that somebody runs would keep the address
    supervisor = socket(fileno=channel)
    config = configured()
    with explained():
        configure_logging(production=load_settings().production)
        may_fork = load(config)
    while supervisor.recv(1):  # another worker is wanted
        if not may_fork:
            supervisor.send(b"alone %d\n" % os.getpid())
        elif not forked(supervisor):
            continue
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        work(config, listening, line, folder, supervisor)
        break


if __name__ == "__main__":
    code = 1
    try:
        main(Path(sys.argv[1]), *map(int, sys.argv[2:]))
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stdout.flush()
        os._exit(code)  # to take everything apart would first make all of its memory this process's own
