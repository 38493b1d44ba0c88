"""What clients hold by being slow or idle, of all connections of a worker together, and who has to give it up."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from fcntl import ioctl
from termios import TIOCOUTQ
from typing import Any


class Waiting:
    """Where there is more than `most` bytes, those who have kept us waiting for longest are cut off, by `end`."""

    def __init__(self, most: int, end: Callable[[Any], None] = lambda connection: connection.transport.abort()) -> None:
        self.most, self.end = most, end
        self.total = 0
        self._sizes: dict[Any, int] = {}

    def put(self, connection: Any, size: int) -> None:
        """So many bytes wait for this connection now. It keeps its place in the queue until there are none."""
        self.total += size - self._sizes.get(connection, 0)
        if size:
            self._sizes[connection] = size
        else:
            self._sizes.pop(connection, None)
        while self.total > self.most:
            longest = next(iter(self._sizes))
            self.total -= self._sizes.pop(longest)
            self.end(longest)


def make_room(connections: set[Any], idle: list[Any]) -> bool:
    """End a twentieth of these idle ones, the oldest, so that nobody shuts the others out by doing nothing."""
    idle.sort(key=lambda one: one.since)
    for one in idle[: len(idle) // 20 + 1]:
        connections.discard(one)
        one.transport.abort()
    return bool(idle)


def untaken(transport: Any) -> int:
    """Bytes that the client has still to take; those in the kernel (it says how many on Linux) only where there are
    others: it makes room for further ones in large steps."""
    size: int = transport.get_write_buffer_size()
    if size:
        with suppress(OSError):
            held = ioctl(transport.get_extra_info("socket").fileno(), TIOCOUTQ, bytes(4))
            size += int.from_bytes(held, sys.byteorder)
    return size
