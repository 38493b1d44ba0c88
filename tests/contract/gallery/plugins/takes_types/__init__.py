"""Calls a type as one of another plugin, or of the core, is called."""

import strawberry
from allmende import PUBLIC, CityModule, Plugin, field


@strawberry.type(description="The core has one of this name.")
class Position:
    x: int = strawberry.field(description="A number.")


@strawberry.type(description="A bad example.")
class RaisesToo:
    x: int = strawberry.field(description="A number.")


@strawberry.type(description="A bad example.")
class TakesTypes(CityModule):
    @field(visible=PUBLIC, description="Not its own.")
    def where(self) -> Position:
        return Position(x=1)

    @field(visible=PUBLIC, description="Not its own.")
    def other(self) -> RaisesToo:
        return RaisesToo(x=1)


plugin = Plugin(name="takes_types", city_field=TakesTypes)
