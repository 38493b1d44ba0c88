"""Where workers are, and where they come from, as their supervisor sees it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress

NURSERY = (sys.executable, "-P", "-m", "allmende.serving.nursery")


class Nursery:
    """A process that loads everything, and forks a worker as often as it is asked to (nursery.py)."""

    def __init__(self, listening: int, line: int, command: Sequence[str], *, forks: bool = True) -> None:
        self.channel, theirs = socket.socketpair()
        self.channel.setblocking(False)
        with theirs:
            numbers = (listening, line, theirs.fileno())
            for number in numbers:
                os.set_inheritable(number, True)
            self.pid = os.posix_spawn(command[0], [*command, *map(str, numbers)], os.environ)
        self.forks = forks
        """Whether more than one may be asked of it, as far as is known."""
        self._said = b""

    def ask(self) -> None:
        """For one more."""
        with suppress(OSError):
            self.channel.send(b"+")

    def heard(self) -> Iterator[tuple[str, int]]:
        """What it and its workers have said: `worker` or `alone`, and which process that is; `ready`, and which."""
        with suppress(OSError):
            while more := self.channel.recv(4096):
                self._said += more
        *lines, self._said = self._said.split(b"\n")
        for line in lines:
            word, pid = line.decode().split()
            yield word, int(pid)

    def let_go(self) -> None:
        """No more will be asked of it: it ends when it has done what it was asked to."""
        self.forks = False
        with suppress(OSError):
            self.channel.shutdown(socket.SHUT_WR)


class Place:
    """Where a worker is or is to be."""

    def __init__(self) -> None:
        self.worker = 0
        """Its process; 0 where there is none."""
        self.nursery: Nursery | None = None
        """That is asked for one, until that is ready."""
        self.asked = 0.0
        self.began = 0.0
        """When the worker began, if it took another one's place."""
        self.due = 0.0
        """When one is to be asked for."""
        self.pause = 0.0
        """For how long that was put off last."""
        self.vacated = False
        self.stopped = 0.0
        """Since when it has been stopped."""

    def ask(self, nursery: Nursery, now: float) -> None:
        self.nursery, self.asked = nursery, now
        nursery.ask()

    def send(self, number: int) -> None:
        send(self.worker, number)


def send(pid: int, number: int) -> None:
    """A signal, to somebody who may have gone."""
    if pid:
        with suppress(ProcessLookupError):
            os.kill(pid, number)
