"""Takes the name of a field that City has already."""

from __future__ import annotations

import strawberry
from allmende import PUBLIC, CityModule, Plugin, field


@strawberry.type(description="A bad example.")
class Name(CityModule):
    @field(visible=PUBLIC, description="A text.")
    def text(self) -> str:
        return ""


plugin = Plugin(name="name", city_field=Name)
