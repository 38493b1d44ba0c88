"""The JSON of rows, kept by their keys until something is committed to their tables.

Which rows a list shows, and in which order, is asked of the database each time; what they look like seldom changes.
So a list whose rows are known asks for their keys only, and puts its answer together of what was made of them before.
The board says whether they still hold, as it does for whole answers: docs/adr/0030.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

import msgspec
from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipDirection

from allmende.db.direct.kept import Kept, Standing
from allmende.graphql.exact import exact
from allmende.graphql.plan.declare import Column

OVERHEAD = 250
"""Bytes that a fragment takes besides its JSON: its key, two objects and their place in a dict."""


class Lacking(Exception):
    """What was read is not enough for the answer; something else has to be read for it."""


class Memory:
    """All fragments of a worker, within a number of bytes; the list that was not asked for longest goes first."""

    def __init__(self, capacity: int, kept: Kept) -> None:
        self.capacity, self.kept = capacity, kept
        self.size = 0
        self.lists: OrderedDict[Fragments, None] = OrderedDict()

    def clear(self) -> None:
        """Forget all of them."""
        while self.lists:
            next(iter(self.lists)).forget()


class Fragments:
    """Those of one list, for one city in one language."""

    __slots__ = ("alike", "complete", "memory", "rows", "size", "standing", "streak", "trust")

    def __init__(self, memory: Memory, trust: int = 1) -> None:
        self.memory, self.trust = memory, trust
        self.rows: dict[Any, bytes] = {}
        self.alike: dict[Any, Hashable] = {}
        """What rows agree in of which only the first is shown, by key; empty where all are shown."""
        self.size = 0
        self.standing: Standing | None = None
        self.streak = 0
        """How many times in a row all that was read was known."""
        self.complete = False
        """Whether that was as often as is needed to trust that keys will be enough next time, too."""

    def get(self, keys: Sequence[Any]) -> Sequence[bytes]:
        """The rows with these keys. Raises Lacking where one is not known, or may have changed.

        Call it after the keys were read, so that what had changed until then is seen.
        """
        if self.standing is None or not self.memory.kept.holds(self.standing):
            self.forget()
            raise Lacking
        try:
            found = list(map(self.rows.__getitem__, keys))
        except KeyError:
            self.streak, self.complete = 0, False
            raise Lacking from None
        self.memory.lists.move_to_end(self)
        return self._once(keys, found) if self.alike else found

    def put(
        self,
        keys: Sequence[Any],
        rows: Sequence[Any],
        make: Callable[[Sequence[Any]], Sequence[Any]],
        before: Standing,
        alike: Sequence[Hashable] = (),
    ) -> Sequence[bytes]:
        """The JSON of each row, kept if nothing has changed since `before`, when nobody had read them yet; `make` makes
        what is shown of those that are new. Of those that are `alike`, the first is given."""
        if self.standing is None or self.standing.counts != before.counts:
            self.forget()
            self.standing = before
        known, memory, size = self.rows, self.memory, 0
        new: dict[Any, Any] = {}
        for key, row in zip(keys, rows, strict=True):
            if key not in known:
                new.setdefault(key, row)
        if new:
            overhead = 2 * OVERHEAD if alike else OVERHEAD
            for key, each in zip(new, make(list(new.values())), strict=True):
                part = known[key] = exact(msgspec.json.encode(each))
                size += len(part) + overhead
        self.streak = 0 if new else self.streak + 1
        self.complete = self.streak >= self.trust
        found: Sequence[bytes] = list(map(known.__getitem__, keys))
        if alike:
            self.alike.update(zip(keys, alike, strict=True))
            found = self._once(keys, found)
        self.size += size
        memory.size += size
        memory.lists[self] = None
        memory.lists.move_to_end(self)
        while memory.size > memory.capacity:
            next(iter(memory.lists)).forget()
        return found

    def _once(self, keys: Sequence[Any], parts: Sequence[bytes]) -> Sequence[bytes]:
        return firsts(list(map(self.alike.__getitem__, keys)), parts)

    def forget(self) -> None:
        """Everything."""
        self.memory.size -= self.size
        self.memory.lists.pop(self, None)
        self.rows, self.alike, self.size, self.standing = {}, {}, 0, None
        self.streak, self.complete = 0, False


def firsts(alike: Sequence[Hashable], shown: Sequence[Any]) -> Sequence[Any]:
    """Of those that are alike, the first."""
    if len(set(alike)) == len(alike):
        return shown
    return list(dict(zip(reversed(alike), reversed(shown), strict=True)).values())[::-1]


def key_of(columns: Sequence[Column]) -> Column | None:
    """The column that tells rows of these columns apart, whatever else their statement shows.

    That is the key of the table that all other tables are related to, many rows to one of theirs. None where there is
    no such table, or where its key has several columns besides the city.
    """
    classes = list(dict.fromkeys([column.class_ for column in columns]))
    for one in classes:
        mapper: Any = inspect(one)
        ends = {
            each.mapper.class_ for each in mapper.relationships if each.direction is RelationshipDirection.MANYTOONE
        }
        if ends >= {each for each in classes if each is not one}:
            names = [mapper.get_property_by_column(column).key for column in mapper.primary_key if column.key != "city"]
            return getattr(one, names[0]) if len(names) == 1 else None
    return None


def tables_of(columns: Sequence[Column]) -> frozenset[str]:
    """The tables of these columns."""
    return frozenset(column.class_.__tablename__ for column in columns)
