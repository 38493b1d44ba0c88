"""How much of a limit was taken when it was last counted: while it cannot be used up, it need not be counted again.

The board counts every transaction that has written to the table since (see docs/adr/0030), and none takes more than
TOGETHER. So a limit is passed no sooner than if it were looked at each time; near to it, it is looked at each time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable

from msgspec import Struct

from allmende.db.board import ALL, Board, slot, slots_read
from allmende.db.prepared import TOGETHER, Room

LIMITS = 2_000
"""That are remembered by one worker; who was not asked for the longest time goes first."""


class Seen(Struct, frozen=True):
    """What the board shows before something is counted."""

    exact: tuple[int, ...]
    """Counters of the city's tables."""
    wide: tuple[int, ...]
    """Those of changes that nobody can tell exactly."""
    counts: tuple[int, ...]
    """Of both, in this order."""


class _Counted(Struct):
    taken: int
    """When it was counted, and by those who were let through since."""
    seen: Seen


class Rooms:
    """`usable` says whether the changes of other machines are being heard."""

    def __init__(self, board: Callable[[], Board | None], usable: Callable[[], bool]) -> None:
        self.board, self.usable = board, usable
        self._counted: OrderedDict[Hashable, _Counted] = OrderedDict()

    def take(self, city: str, room: Room) -> bool:
        """Whether there is room for one more, whatever has been written since it was counted."""
        found = self._counted.get((city, room.of))
        if found is None:
            return False
        board = self.board()
        if board is not None and self.usable():
            seen, exact = found.seen, len(found.seen.exact)
            since = [board.counters[each] - count for each, count in zip(seen.exact, seen.counts, strict=False)]
            wide = tuple([board.counters[each] for each in seen.wide])
            if wide == seen.counts[exact:] and found.taken + TOGETHER * sum(since) < room.most:
                found.taken += 1
                return True
        del self._counted[city, room.of]
        return False

    def before(self, city: str, room: Room, tables: Iterable[str]) -> Seen | None:
        """To be handed to `counted` with what is counted now; None where it cannot be remembered."""
        board = self.board()
        if room.of is None or room.most <= TOGETHER or board is None or not self.usable():
            return None
        read = [(city, table) for table in tables]
        exact = tuple({slot(*tag) for tag in read} - {slot(ALL, ALL)})
        wide = tuple([each for each in slots_read(read) if each not in exact])
        return Seen(exact, wide, tuple([board.counters[each] for each in (*exact, *wide)]))

    def counted(self, city: str, room: Room, taken: int, seen: Seen) -> None:
        """So much was taken, of what had been written until then."""
        self._counted[city, room.of] = _Counted(taken, seen)
        self._counted.move_to_end((city, room.of))
        if len(self._counted) > LIMITS:
            self._counted.popitem(last=False)
