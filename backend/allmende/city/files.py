"""What may stand in a city's own files: city.toml and brand/theme.toml. Plugins bring the types of theirs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, field

from allmende.city.model import (
    Ags,
    Area,
    Ars,
    Contact,
    DeskConfig,
    Imprint,
    Language,
    Login,
    Maintainer,
    Notify,
    Privacy,
    Strict,
    Switch,
)

Name = Annotated[str, Meta(min_length=1, max_length=100, description="a name of 1 to 100 characters")]
Host = Annotated[
    str,
    Meta(
        pattern=r"^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$",
        description="a host name in small letters such as app.example.org, without scheme, port or path",
    ),
]
Origin = Annotated[
    str,
    Meta(
        pattern=r"^https://[a-z0-9.-]{1,253}(:[0-9]{1,5})?$|^http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?$",
        description="an origin in small letters such as https://www.example.org, without a path",
    ),
]
Subdivision = Annotated[
    str, Meta(pattern=r"^([A-Z]{2}-[A-Z0-9]{1,3})?$", description="an ISO 3166-2 code such as DE-NW")
]


class CityFile(Strict, frozen=True, kw_only=True):
    """city.toml, after layering. `City` has the same fields, and what the other files of the folder add."""

    name: Name
    official_name: str = ""
    ags: Ags
    ars: Ars
    land: str = ""
    kreis: str = ""
    area: Area
    languages: Annotated[tuple[Language, ...], Meta(min_length=1)] = ("de",)
    timezone: str = "Europe/Berlin"
    subdivision: Subdivision = ""
    contact: Contact = field(default_factory=Contact)
    imprint: Imprint = field(default_factory=Imprint)
    privacy: Privacy = field(default_factory=Privacy)
    hosts: tuple[Host, ...] = ()
    cors: tuple[Origin, ...] = ()
    """Websites whose pages may ask for this city's data from the reader's browser; none, if nothing stands here."""
    maintainers: tuple[Maintainer, ...] = ()
    """Who runs this folder and reviews changes in it; CODEOWNERS is made from it."""
    fictional: bool = False
    login: Login = Login()
    desk: DeskConfig = DeskConfig()
    """How citizens and staff sign in."""
    module_order: tuple[str, ...] = ()
    """Modules in the order in which apps and the preview show them; those that are not named follow by name."""
    modules: dict[str, Switch] = field(default_factory=dict)
    """Modules that are switched off with a reason, by the name of the plugin."""
    notify: Notify = field(default_factory=Notify)
    """How citizens can be told of something: push services, mail server."""
