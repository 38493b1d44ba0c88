"""What was made of rows, kept as long as the rows hold: an address, of the streets of a city.

Which tables it rests on is seen while it is made, as for answers that are kept.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import Any

from allmende.db.direct.kept import Kept
from allmende.footprint import current, followed, note_tables


def recall(kept: Kept, city: str, key: Hashable) -> Any:
    """What was made, if it still holds; None otherwise."""
    found = kept.get((city, "made", key))
    if found is None:
        return None
    value, tables = found
    if current() is not None:
        note_tables(city, tables)
    return value


async def made(kept: Kept, city: str, key: Hashable, make: Callable[[], Awaitable[Any]]) -> Any:
    """What `make` makes. It is kept if it has looked at rows of this city only, and nothing was changed meanwhile."""
    around, begun = current(), kept.before(city, ())
    with followed() as looked:
        try:
            value = await make()
        finally:
            if around is not None:
                around.add(looked)
    if begun is not None and looked.is_of_rows(city):
        tables = tuple(sorted(table for _, table in looked.reads))
        ended = kept.before(city, tables)
        if ended is not None and ended.seen == begun.seen:
            kept.put((city, "made", key), (value, tables), ended)
    return value
