"""Entries within a number of bytes. Who was asked for since somebody last wanted its room keeps it once more.

Plain "least recently used" keeps nothing at all where a few more answers are asked in turn than there is room for: each
is dropped just before it is asked again. So a newcomer has to wait while the oldest one has been of use, and one that
took another's room is the first to make room again, until somebody asks for it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

from allmende.graphql.cache.entry import Entry


class Store:
    """Not shared: each worker has one, in one event loop."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.size = 0
        self._entries: OrderedDict[Hashable, Entry] = OrderedDict()
        self._used: set[Hashable] = set()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Entry | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._used.add(key)
        return entry

    def put(self, key: Hashable, entry: Entry) -> None:
        """Keep it in place of an older one; not at all where it alone would fill an eighth of the room, and not yet
        where the oldest was asked for since it was last in the way."""
        self.drop(key)
        if entry.size > self.capacity // 8:
            return
        full = self.size + entry.size > self.capacity
        while self._entries and self.size + entry.size > self.capacity:
            oldest = next(iter(self._entries))
            if oldest in self._used:
                self._used.discard(oldest)
                self._entries.move_to_end(oldest)
                return
            self.drop(oldest)
        if self.size + entry.size <= self.capacity:
            self._entries[key] = entry
            self._entries.move_to_end(key, last=not full)
            self.size += entry.size

    def drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        self._used.discard(key)
        if entry is not None:
            self.size -= entry.size
