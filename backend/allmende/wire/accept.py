"""Which worker takes a new connection: one that has no more of them than the others.

All workers listen on the same socket, and whoever is woken first would take everything that waits. Connections stay,
those of a proxy for hours: who shares a worker with most of them waits, while the other worker has little to do. See
docs/adr/0063-workers-leave-connections-to-those-who-have-fewer.md.
"""

from __future__ import annotations

import asyncio
import fcntl
import mmap
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

import structlog
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.server import Server

log = structlog.get_logger(__name__)
WORKERS = 64
"""Places for workers that know of each other; a further one takes connections as they come."""
AT_A_TIME = 16
"""Connections that are taken before the loop goes on."""
LOOK = 0.001
"""Seconds from one look whether the others have caught up to the next."""
PATIENCE = 0.02
"""Seconds for which connections are left to the others, who may be busy, stopped or dead."""
NO_FILES = 0.2
"""Seconds until it is tried again where no further file can be opened."""


class Crowd(set[Any]):
    """The connections of this worker. How many each worker has stands in a file that all of them map into memory."""

    def __init__(self, folder: Path | None) -> None:
        super().__init__()
        self.coming = 0
        """Accepted, and not among them yet."""
        self.place = 0
        self.counts = memoryview(bytearray(8)).cast("Q")
        """One more than each worker has; 0 is nobody's."""
        if folder is not None:
            with suppress(OSError):  # no room on the disk: they know nothing of each other
                folder.mkdir(parents=True, exist_ok=True)
                self._sit_down(folder / "connections")
        self.tell()

    def _sit_down(self, path: Path) -> None:
        """Take the place of nobody, or of somebody who is dead."""
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            os.posix_fallocate(file, 0, WORKERS * 16)  # a page that a full disk has no room for would kill its writer
            numbers = memoryview(mmap.mmap(file, WORKERS * 16)).cast("Q")
            counts, owners = numbers[:WORKERS], numbers[WORKERS:]
            for place, owner in enumerate(owners):
                if not owner or not _lives(owner):
                    owners[place] = os.getpid()
                    self.counts, self.place = counts, place
                    return
        finally:
            fcntl.flock(file, fcntl.LOCK_UN)  # what is mapped keeps the file open
            os.close(file)

    def add(self, one: Any) -> None:
        super().add(one)
        self.tell()

    def discard(self, one: Any) -> None:
        super().discard(one)
        self.tell()

    def tell(self) -> None:
        self.counts[self.place] = 1 + len(self) + self.coming

    def leave(self) -> None:
        """This worker takes no more, so nobody leaves anything to it."""
        self.counts[self.place] = 0
        self.counts, self.place = memoryview(bytearray(8)).cast("Q"), 0

    def is_ahead(self) -> bool:
        """Whether another worker has fewer: more than one fewer, and more than a sixteenth."""
        fewest = min(filter(None, self.counts.tolist()), default=1) - 1
        return len(self) + self.coming > fewest + 1 + fewest // 16


class Accepting:
    """In place of the event loop's own server for one listening socket; made in the running loop."""

    def __init__(self, listening: socket, backlog: int, crowd: Crowd, protocol: Callable[[], asyncio.Protocol]) -> None:
        self.listening, self.crowd, self.protocol = listening, crowd, protocol
        self.loop = asyncio.get_running_loop()
        self.coming: set[asyncio.Task[Any]] = set()
        self.timer: asyncio.TimerHandle | None = None
        """Runs while nothing is taken."""
        self.until = 0.0
        """When our patience with the others ends."""
        self.share = 1
        """How many to take then: more each time, and earlier, until the others catch up."""
        listening.setblocking(False)
        listening.listen(backlog)
        self.loop.add_reader(listening, self._accept)

    def _accept(self) -> None:
        """There are some who want to be taken."""
        for _ in range(AT_A_TIME):
            if self.crowd.is_ahead():
                self.until = self.loop.time() + PATIENCE / self.share
                self._rest(LOOK)
                return
            self.share = 1
            if not self._take():
                return

    def _rest(self, seconds: float) -> None:
        if self.timer is None:
            self.loop.remove_reader(self.listening)
            self.timer = self.loop.call_later(seconds, self._look)

    def _look(self) -> None:
        """Whether the others have caught up, or do not come."""
        self.timer = None
        if self.crowd.is_ahead():
            if self.loop.time() < self.until:
                self._rest(LOOK)
                return
            if all(self._take() for _ in range(self.share)):
                self.share = min(2 * self.share, AT_A_TIME)
        if self.timer is None:
            self.loop.add_reader(self.listening, self._accept)

    def _take(self) -> bool:
        try:
            taken, _ = self.listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            log.warning("connection_not_accepted", error=repr(error))
            self._rest(NO_FILES)
            return False
        self.crowd.coming += 1
        self.crowd.tell()
        coming = self.loop.create_task(self._begin(taken))
        self.coming.add(coming)
        coming.add_done_callback(self.coming.discard)
        return True

    async def _begin(self, taken: socket) -> None:
        try:
            await self.loop.connect_accepted_socket(self.protocol, taken)
        except OSError:  # the client has gone already
            taken.close()
        finally:
            self.crowd.coming -= 1
            self.crowd.tell()

    def close(self) -> None:
        self.crowd.leave()
        self.loop.remove_reader(self.listening)
        if self.timer is not None:
            self.timer.cancel()

    async def wait_closed(self) -> None:
        """As the event loop's own server has it."""


class Sharing(Server):
    """uvicorn's server, but for how connections are accepted. `folder` is where workers tell how many they have."""

    def __init__(self, config: Config, folder: Path | None) -> None:
        super().__init__(config)
        self.folder = folder

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        crowd = self.server_state.connections = Crowd(self.folder)
        loop = asyncio.get_running_loop()
        made: Any = self.config.http_protocol_class
        protocol = partial(made, self.config, self.server_state, self.lifespan.state, loop)
        taking: Any = [Accepting(each, self.config.backlog, crowd, protocol) for each in sockets or ()]
        self.servers = taking
        self.started = True


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
