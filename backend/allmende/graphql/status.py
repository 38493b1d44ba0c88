"""How a module is doing in a city: its switches, its breaker and its sources together."""

from __future__ import annotations

from enum import Enum

import strawberry

from allmende.city.model import City
from allmende.city.switches import is_off
from allmende.feeds.status import ModuleState
from allmende.graphql.breaker import Breakers


@strawberry.enum(description="How a module is doing in a city.")
class ModuleStatus(Enum):
    ON = strawberry.enum_value("ON", description="Works, and its data is up to date.")
    STALE = strawberry.enum_value("STALE", description="Works, but a source has not brought anything new for too long.")
    FAILED = strawberry.enum_value("FAILED", description="A source, or the module itself, has failed; see `reason`.")
    OFF = strawberry.enum_value(
        "OFF", description="The city does not offer this module, or has switched it off; see `reason`."
    )


def status_of(
    breakers: Breakers, city: City, name: str, state: ModuleState | None, app_version: str = ""
) -> ModuleStatus:
    """The status for this release of the app; `state` is that of the module's sources."""
    if city.config(name) is None or is_off(city, name, app_version):
        return ModuleStatus.OFF
    if breakers.is_open(city.slug, name):
        return ModuleStatus.FAILED
    return ModuleStatus.ON if state is None else ModuleStatus[state.status.upper()]
