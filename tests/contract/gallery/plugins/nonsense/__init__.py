"""Answers with what nobody asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from itertools import count

import strawberry
from allmende import PUBLIC, CityModule, Plugin, field


async def ticking() -> AsyncIterator[int]:
    while True:
        yield 1


@strawberry.type(description="A thing.")
class NonsenseThing:
    name: str = strawberry.field(description="Its name.")


@strawberry.type(description="A bad example.")
class Nonsense(CityModule):
    @field(visible=PUBLIC, description="No number.")
    def number(self) -> int:
        return "secret"  # type: ignore[return-value]

    @field(visible=PUBLIC, description="Null that cannot be.")
    def nothing(self) -> str:
        return None  # type: ignore[return-value]

    @field(visible=PUBLIC, description="No list.")
    def list(self) -> list[str]:
        return 5  # type: ignore[return-value]

    @field(visible=PUBLIC, description="A list without an end.")
    def endless(self) -> list[int]:
        return count()  # type: ignore[return-value]

    @field(visible=PUBLIC, description="A list without an end, later.")
    def endless_later(self) -> list[int]:
        return ticking()  # type: ignore[return-value]

    @field(visible=PUBLIC, description="An object of another type.")
    def object(self) -> NonsenseThing:
        return object()  # type: ignore[return-value]

    @field(visible=PUBLIC, description="No date.")
    def day(self) -> date:
        return 5  # type: ignore[return-value]

    @field(visible=PUBLIC, description="A function.")
    def function(self) -> str:
        return lambda: "secret"  # type: ignore[return-value]


plugin = Plugin(name="nonsense", city_field=Nonsense)
