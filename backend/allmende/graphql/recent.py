"""What has been made of texts that clients sent, as much as there is room for: the latest used stays."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sized
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
OVERHEAD = 500
"""Characters that the smallest of texts counts for, too."""


class Recent(Generic[K, V]):
    """A number of texts is no bound of memory where clients choose how long they are: `room` are their characters."""

    def __init__(self, room: int) -> None:
        self.room, self.size = room, 0
        self._kept: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: K) -> bool:
        return key in self._kept

    def values(self) -> Iterator[V]:
        return (value for value, _ in self._kept.values())

    def get(self, key: K) -> V | None:
        found = self._kept.get(key)
        if found is None:
            return None
        self._kept.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, text: Sized) -> bool:
        """Keep what was made of the text under a new key; whether anything else had to go."""
        self._kept[key] = value, len(text) + OVERHEAD
        self.size += len(text) + OVERHEAD
        full = self.size > self.room
        while self.size > self.room:
            _, (_, size) = self._kept.popitem(last=False)
            self.size -= size
        return full
