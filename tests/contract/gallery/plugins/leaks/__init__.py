"""Opens sessions and never closes them."""

from __future__ import annotations

from typing import Any

import strawberry
from allmende import PUBLIC, CityModule, Plugin, field
from sqlalchemy import literal, select

KEPT: list[Any] = []


@strawberry.type(description="A bad example.")
class Leaks(CityModule):
    @field(visible=PUBLIC, description="Leaks one.")
    async def one(self) -> int:
        return await self._open()

    @field(visible=PUBLIC, description="Opens as many as it gets.")
    async def all(self) -> int:
        while True:
            await self._open()

    async def _open(self) -> int:
        manager = self.ctx.session()
        KEPT.append(manager)
        session = await manager.__aenter__()
        KEPT.append(session)
        return int((await session.execute(select(literal(1)))).scalar_one())


plugin = Plugin(name="leaks", city_field=Leaks)
