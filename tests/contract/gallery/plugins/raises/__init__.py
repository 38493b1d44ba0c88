"""Raises in its resolvers, at once and later."""

from __future__ import annotations

import asyncio

import strawberry
from allmende import PUBLIC, CityModule, Plugin, field


@strawberry.type(description="A bad example.")
class Raises(CityModule):
    @field(visible=PUBLIC, description="Raises at once.")
    def now(self) -> str:
        raise RuntimeError("secret /etc/passwd SELECT 1")

    @field(visible=PUBLIC, description="Raises later.")
    async def later(self) -> str:
        await asyncio.sleep(0)
        raise ValueError("secret /etc/passwd SELECT 1")


plugin = Plugin(name="raises", city_field=Raises)
