"""Hooks that give what no list can hold: nothing, a number, other people's objects, no end."""

from collections.abc import Iterator
from itertools import repeat
from typing import Any

from allmende import PUBLIC, Feed, Map, Plugin


class Impostor:
    id, title, date, module, position = "1", "secret", "today", "news", None


async def endless(*args: Any) -> Iterator[Any]:
    return repeat(Impostor())


async def number(*args: Any) -> Any:
    return 5


plugin = Plugin(name="hooks_nonsense", feed=Feed(load=endless, visible=PUBLIC), map=Map(load=number, visible=PUBLIC))
