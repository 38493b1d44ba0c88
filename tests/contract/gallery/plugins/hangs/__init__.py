"""Never answers, and does not let itself be cancelled."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import strawberry
from allmende import PUBLIC, CityModule, Plugin, field


@strawberry.type(description="A bad example.")
class Hangs(CityModule):
    @field(visible=PUBLIC, description="Waits for ever.")
    async def waits(self) -> str:
        await asyncio.Event().wait()
        return ""

    @field(visible=PUBLIC, description="Waits, whatever anybody says, for two seconds.")
    async def clings(self) -> str:
        loop = asyncio.get_running_loop()
        end = loop.time() + 2
        while loop.time() < end:
            with suppress(asyncio.CancelledError):
                await asyncio.sleep(end - loop.time())
        return ""


plugin = Plugin(name="hangs", city_field=Hangs)
