"""Raises what is no Exception."""

from __future__ import annotations

import asyncio

import strawberry
from allmende import PUBLIC, CityModule, Plugin, field


def deeper(depth: int) -> str:
    return deeper(depth + 1)


@strawberry.type(description="A bad example.")
class Exits(CityModule):
    @field(visible=PUBLIC, description="Raises.")
    def now(self) -> str:
        raise SystemExit("secret")

    @field(visible=PUBLIC, description="Raises.")
    async def later(self) -> str:
        await asyncio.sleep(0)
        raise SystemExit("secret")

    @field(visible=PUBLIC, description="Raises.")
    async def interrupts(self) -> str:
        raise KeyboardInterrupt("secret")

    @field(visible=PUBLIC, description="Raises.")
    async def cancels(self) -> str:
        raise asyncio.CancelledError("secret")

    @field(visible=PUBLIC, description="Raises.")
    async def kills_itself(self) -> str:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(1)
        return ""

    @field(visible=PUBLIC, description="Raises.")
    def ends(self) -> str:
        raise GeneratorExit

    @field(visible=PUBLIC, description="Raises.")
    def stops(self) -> str:
        raise StopIteration("secret")

    @field(visible=PUBLIC, description="Raises.")
    def deepens(self) -> str:
        return deeper(0)


plugin = Plugin(name="exits", city_field=Exits)
