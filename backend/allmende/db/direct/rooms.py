"""How much of a limit was taken when it was last counted: while it cannot be used up, it need not be counted again.

Every transaction that writes to the table is heard of (see docs/adr/0030), with the number of its calls; some room is
left for those that are on their way. So a limit holds as if it were looked at each time; near to it, it is.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable

from msgspec import Struct

from allmende.db.board import ALL, Tag
from allmende.db.prepared import TOGETHER, Room

ON_THE_WAY = 4 * TOGETHER
"""Calls that may have been written and were not heard of yet."""
LIMITS = 2_000
"""That are remembered by one worker; who was not asked for the longest time goes first."""


class Seen(Struct, eq=False):
    """The city and its tables that something rests on; by how many calls at most they were written since."""

    city: str
    tables: frozenset[str]
    written: int = 0
    certain: bool = True
    """Nothing was heard of which nobody can tell what it was."""


class _Counted(Struct):
    taken: int
    """When it was counted, and by those who were let through since."""
    seen: Seen


class Rooms:
    """`usable` says whether the changes of other workers are being heard, each of which is to be `heard` here, as are
    this one's."""

    def __init__(self, usable: Callable[[], bool]) -> None:
        self.usable = usable
        self._counted: OrderedDict[Hashable, _Counted] = OrderedDict()
        self._watching: dict[str, list[Seen]] = {}

    def heard(self, tags: Iterable[Tag], calls: int) -> None:
        """What one transaction has written, by so many calls in one city at most."""
        for city, table in tags:
            for seen in self._watching.get(city, ()):
                if table in seen.tables:
                    seen.written += calls
                elif table == ALL:
                    seen.certain = False
            if city == ALL:
                self.forget()

    def forget(self) -> None:
        """Anything may have been written."""
        self._counted.clear()
        for watching in self._watching.values():
            for seen in watching:
                seen.certain = False
        self._watching.clear()

    def take(self, city: str, room: Room) -> bool:
        """Whether there is room for one more, whatever has been written since it was counted."""
        found = self._counted.get((city, room.of))
        if found is None:
            return False
        seen = found.seen
        if self.usable() and seen.certain and found.taken + seen.written + ON_THE_WAY < room.most:
            found.taken += 1
            return True
        self._drop((city, room.of))
        return False

    def before(self, city: str, room: Room, tables: Iterable[str]) -> Seen | None:
        """To be handed to `counted` or `given_up`; None where nothing can be remembered."""
        if room.of is None or room.most <= ON_THE_WAY or not self.usable():
            return None
        seen = Seen(city, frozenset(tables))
        self._watching.setdefault(city, []).append(seen)
        return seen

    def counted(self, city: str, room: Room, taken: int, seen: Seen) -> None:
        """So much was taken, of what had been written until then."""
        key = (city, room.of)
        if key in self._counted:
            self._drop(key)
        self._counted[key] = _Counted(taken, seen)
        if len(self._counted) > LIMITS:
            self._drop(next(iter(self._counted)))

    def given_up(self, seen: Seen) -> None:
        """It was not counted after all."""
        watching = self._watching.get(seen.city, [])
        if seen in watching:
            watching[:] = [one for one in watching if one is not seen]
            if not watching:
                del self._watching[seen.city]

    def _drop(self, key: Hashable) -> None:
        self.given_up(self._counted.pop(key).seen)
