"""Rows that were read before, as long as nothing has been committed to their tables since.

For lists that are small, asked for again and again, and change with an import only: which districts come to a street.
The board says whether they still hold, as it does for answers that are kept: docs/adr/0030.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Sequence
from functools import lru_cache
from time import monotonic
from typing import Any

from msgspec import Struct

from allmende.db.board import Board, slots_read

LISTS = 2_000
"""That are kept by one worker; who was not asked for the longest time goes first."""
ROWS = 1_000
"""Longer lists are not kept."""
ROOM = 50_000
"""Rows that are kept of all lists together."""
LIFE = 300.0
"""Seconds after which a list is read anew: what was changed past this program (by hand, in psql) shows then."""


class Standing(Struct):
    """What the board showed before rows were read."""

    slots: tuple[int, ...]
    counts: tuple[int, ...]
    seen: int
    """The board's total at which it was last found to hold."""
    until: float


class _Kept(Struct):
    rows: Sequence[Any]
    standing: Standing


class Kept:
    """`usable` says whether the changes of other machines are being heard."""

    def __init__(self, board: Board | None, usable: Callable[[], bool]) -> None:
        self.board, self.usable = board, usable
        self._lists: OrderedDict[Hashable, _Kept] = OrderedDict()
        self._rows = 0

    def get(self, key: Hashable) -> Sequence[Any] | None:
        """The rows, if they still hold."""
        kept = self._lists.get(key)
        if kept is None:
            return None
        if not self.holds(kept.standing):
            self._drop(key)
            return None
        self._lists.move_to_end(key)
        return kept.rows

    def before(self, city: str, tables: Iterable[str]) -> Standing | None:
        """What the board shows before rows of these tables are read; None where nothing may be kept."""
        board = self.board
        if board is None or not self.usable():
            return None
        counters = board.counters
        total = counters[0]
        slots = _slots(city, tuple(tables))
        return Standing(slots, tuple([counters[slot] for slot in slots]), total, monotonic() + LIFE)

    def holds(self, standing: Standing) -> bool:
        """Whether nothing was committed to the tables since."""
        board = self.board
        if board is None or not self.usable() or standing.until < monotonic():
            return False
        return board.counters[0] == standing.seen or board.holds(standing)

    def put(self, key: Hashable, rows: Sequence[Any], before: Standing | None) -> None:
        if before is None or len(rows) > ROWS:
            return
        if key in self._lists:
            self._drop(key)
        self._lists[key] = _Kept(rows, before)
        self._rows += len(rows)
        while len(self._lists) > LISTS or self._rows > ROOM:
            self._drop(next(iter(self._lists)))

    def _drop(self, key: Hashable) -> None:
        self._rows -= len(self._lists.pop(key).rows)


@lru_cache(maxsize=10_000)
def _slots(city: str, tables: tuple[str, ...]) -> tuple[int, ...]:
    return slots_read([(city, table) for table in tables])
