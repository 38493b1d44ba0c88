"""The JSON of rows, kept by their keys until something is committed to their tables.

Which rows a list shows, and in which order, is asked of the database each time; what they look like seldom changes.
So a list whose rows are known asks for their keys only, and puts its answer together of what was made of them before.
The board says whether they still hold, as it does for whole answers: docs/adr/0030.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipDirection

from allmende.db.direct.kept import Kept, Standing
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

    __slots__ = ("complete", "memory", "rows", "size", "standing")

    def __init__(self, memory: Memory) -> None:
        self.memory = memory
        self.rows: dict[Any, bytes] = {}
        self.size = 0
        self.standing: Standing | None = None
        self.complete = False
        """Whether all rows that were read last were known: then keys will be enough next time, too."""

    def get(self, keys: Sequence[Any]) -> list[bytes]:
        """The rows with these keys. Raises Lacking where one is not known, or may have changed.

        Call it after the keys were read, so that what had changed until then is seen.
        """
        if self.standing is None or not self.memory.kept.holds(self.standing):
            self.forget()
            raise Lacking
        try:
            found = list(map(self.rows.__getitem__, keys))
        except KeyError:
            self.complete = False
            raise Lacking from None
        self.memory.lists.move_to_end(self)
        return found

    def put(self, keys: Sequence[Any], made: Sequence[Any], before: Standing | None) -> list[bytes]:
        """The JSON of each, kept if nothing has changed since `before`, when nobody had read them yet."""
        if before is None:
            return [msgspec.json.encode(each) for each in made]
        if self.standing is None or self.standing.counts != before.counts:
            self.forget()
            self.standing = before
        known, memory = self.rows, self.memory
        parts = [known.get(key) or msgspec.json.encode(each) for key, each in zip(keys, made, strict=True)]
        new = [(key, part) for key, part in zip(keys, parts, strict=True) if key not in known]
        self.complete = not new
        known.update(new)
        size = sum([len(part) + OVERHEAD for _, part in new])
        self.size += size
        memory.size += size
        memory.lists[self] = None
        memory.lists.move_to_end(self)
        while memory.size > memory.capacity:
            next(iter(memory.lists)).forget()
        return parts

    def forget(self) -> None:
        """Everything."""
        self.memory.size -= self.size
        self.memory.lists.pop(self, None)
        self.rows, self.size, self.standing, self.complete = {}, 0, None, False


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
