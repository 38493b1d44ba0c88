"""Its part of the preview page raises."""

from __future__ import annotations

import strawberry
from allmende import PUBLIC, CityModule, Home, Plugin, field


@strawberry.type(description="A bad example.")
class Preview(CityModule):
    @field(visible=PUBLIC, description="A text.")
    def text(self) -> str:
        return "sound"


plugin = Plugin(name="preview", city_field=Preview, home=Home(selection="text"))
