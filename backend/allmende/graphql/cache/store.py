"""Entries within a number of bytes: who was not asked for the longest time goes first."""

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

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> Entry | None:
        entry = self._entries.get(key)
        if entry is not None:
            self._entries.move_to_end(key)
        return entry

    def put(self, key: Hashable, entry: Entry) -> None:
        """Keep it in place of an older one; not at all where it alone would fill an eighth of the room."""
        self.drop(key)
        if entry.size > self.capacity // 8:
            return
        self._entries[key] = entry
        self.size += entry.size
        while self.size > self.capacity:
            _, oldest = self._entries.popitem(last=False)
            self.size -= oldest.size

    def drop(self, key: Hashable) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.size -= entry.size
