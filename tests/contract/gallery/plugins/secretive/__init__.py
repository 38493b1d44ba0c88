"""Does not say who may see its field."""

from __future__ import annotations

import strawberry
from allmende import CityModule, Plugin


@strawberry.type(description="A bad example.")
class Secretive(CityModule):
    @strawberry.field(description="Whose?")
    def whose(self) -> str:
        return ""


plugin = Plugin(name="secretive", city_field=Secretive)
