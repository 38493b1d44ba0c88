"""Its configuration raises where a city says `mood = "bad"`."""

import strawberry
from allmende import PUBLIC, CityModule, Config, Plugin, field


class ConfigRaisesConfig(Config, frozen=True, kw_only=True):
    mood: str = "good"

    def __post_init__(self) -> None:
        if self.mood == "bad":
            raise RuntimeError("secret")


@strawberry.type(description="Sound where its configuration is.")
class ConfigRaises(CityModule):
    @field(visible=PUBLIC, description="How it is.")
    def mood(self) -> str:
        return str(self.ctx.config.mood)


plugin = Plugin(name="config_raises", config=ConfigRaisesConfig, city_field=ConfigRaises)
