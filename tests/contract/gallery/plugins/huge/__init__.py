"""Answers with more than fits into memory, or into a telephone."""

from __future__ import annotations

import strawberry
from allmende import PUBLIC, CityModule, Plugin, field


@strawberry.type(description="A bad example.")
class Huge(CityModule):
    @field(visible=PUBLIC, description="A million numbers.")
    def numbers(self) -> list[int]:
        return list(range(1_000_000))

    @field(visible=PUBLIC, description="Two hundred megabytes.")
    def text(self) -> str:
        return "x" * 200_000_000

    @field(visible=PUBLIC, description="Many lists, each of which would do.")
    def table(self) -> list[list[int]]:
        row = list(range(5_000))
        return [row for _ in range(5_000)]

    @field(visible=PUBLIC, description="Many long texts.")
    async def texts(self) -> list[str]:
        return ["x" * 10_000] * 5_000


plugin = Plugin(name="huge", city_field=Huge)
