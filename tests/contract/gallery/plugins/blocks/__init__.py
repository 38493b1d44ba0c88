"""Blocks the event loop."""

from __future__ import annotations

import re
import time

import strawberry
from allmende import PUBLIC, CityModule, Plugin, field


@strawberry.type(description="A bad example.")
class Blocks(CityModule):
    @field(visible=PUBLIC, description="Sleeps in the way of everybody.")
    def sleeps(self, seconds: float) -> str:
        time.sleep(seconds)
        return "awake"

    @field(visible=PUBLIC, description="Computes without end.")
    async def spins(self, seconds: float) -> int:
        end, turns = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            turns += 1
        return turns % 1000

    @field(visible=PUBLIC, description="A regular expression that never lets go of the interpreter.")
    def backtracks(self, length: int) -> bool:
        return re.fullmatch("(a+)+b", "a" * length) is not None


plugin = Plugin(name="blocks", city_field=Blocks)
