"""Benches that a city names in its settings, and which readers can say they have sat on."""

from __future__ import annotations

from typing import Annotated

import strawberry
from allmende import PUBLIC, CityModule, Config, Home, LocalText, Plugin, Strict, check_first, field
from sqlalchemy import func, select

from .tables import Rest


class Bench(Strict, frozen=True, kw_only=True):
    name: LocalText


class BenchesConfig(Config, frozen=True, kw_only=True):
    benches: tuple[Bench, ...] = ()


@strawberry.type(description="Benches from outside.")
class OutsideBenches(CityModule):
    @field(visible=PUBLIC, description="The names of the benches, in the order of the city's file.")
    def names(self, first: Annotated[int, strawberry.argument(description="How many at most.")] = 20) -> list[str]:
        check_first(first)
        return [self.ctx.pick(bench.name) for bench in self.ctx.config.benches[:first]]

    @field(visible=PUBLIC, description="How often somebody has rested.")
    async def rests(self) -> int:
        async with self.ctx.session() as session:
            return await session.scalar(select(func.count()).select_from(Rest)) or 0


plugin = Plugin(
    name="outside_benches",
    config=BenchesConfig,
    tables=(Rest,),
    city_field=OutsideBenches,
    home=Home(selection="names(first: 5) rests"),
)
