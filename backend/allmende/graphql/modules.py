"""`City.modules`, the capability query: what is on, since when, and why something is not."""

from __future__ import annotations

from datetime import datetime

import strawberry

from allmende.city.model import City, Switch, pick
from allmende.city.switches import switch_of
from allmende.feeds.status import module_states
from allmende.footprint import note_clock
from allmende.graphql.request import RequestContext
from allmende.graphql.status import ModuleStatus, status_of

_UNLOADED = {"de": "Das Modul konnte nicht geladen werden.", "en": "The module could not be loaded."}
_RESTING = {
    "de": "Das Modul ist gestört und wird in Kürze wieder versucht.",
    "en": "The module is out of order and will be tried again shortly.",
}


@strawberry.type(description="One module (an installed plugin), as this city offers it.")
class Module:
    name: str = strawberry.field(description="Its id, and the field of City that answers for it.")
    title: str = strawberry.field(description="What citizens call it.")
    summary: str = strawberry.field(description="What citizens get from it, in a sentence.")
    version: str = strawberry.field(description="Version of the plugin.")
    status: ModuleStatus = strawberry.field(description="How it is doing here.")
    reason: str | None = strawberry.field(
        description="Why it is not simply on; null where it is on, and where the city does not offer it."
    )
    since: datetime | None = strawberry.field(
        description="The instant of its newest data, or since when it is switched off; null where it is not known."
    )
    owner: str = strawberry.field(description="Who maintains the plugin.")
    icon: str = strawberry.field(description="One emoji or character that stands for it; may be empty.")


async def modules(context: RequestContext, city: City, language: str) -> list[Module]:
    """All installed modules with their state; one statement for the states of all of them."""
    services = context.services
    now = services.clock()
    note_clock(now)  # sources go stale, breakers close
    states = await module_states(services.database, city, now, language)
    answer = []
    for name, installed in services.registry.plugins.items():
        manifest = installed.manifest
        state = states.get(name)
        switch = switch_of(city, name, context.app_version)
        status = status_of(services.breakers, city, name, state, context.app_version)
        since, reason = None, None
        if switch is not None:
            since, reason = _instant(switch, city), pick(switch.reason, language, city.language) or None
        elif status is not ModuleStatus.OFF:
            since = state.since if state is not None else None
            reason = (state.reason or None) if state is not None and status is not ModuleStatus.ON else None
            if services.breakers.is_open(city.slug, name):
                reason = _RESTING["de" if language.startswith("de") else "en"]
        answer.append(
            Module(
                name=name,
                title=pick(city.wording(f"{name}.title", manifest.title), language, city.language),
                summary=pick(city.wording(f"{name}.summary", manifest.summary), language, city.language),
                version=manifest.version,
                status=status,
                reason=reason,
                since=since.astimezone(city.tz) if since else None,
                owner=manifest.owner,
                icon=manifest.icon,
            )
        )
    answer += [_missing(context, name, language) for name in services.cities().unavailable.get(city.slug, ())]
    places = {name: place for place, name in enumerate(city.module_order)}
    return sorted(answer, key=lambda module: places.get(module.name, len(places)))


def _instant(switch: Switch, city: City) -> datetime | None:
    since = switch.since
    return since.replace(tzinfo=city.tz) if since is not None and since.tzinfo is None else since


def _missing(context: RequestContext, name: str, language: str) -> Module:
    """A module that the city has on, of a plugin that could not be loaded."""
    broken = context.services.registry.broken.get(name)
    return Module(
        name=name,
        title=name,
        summary="",
        version="",
        status=ModuleStatus.FAILED,
        reason=_UNLOADED["de" if language.startswith("de") else "en"],
        since=None,
        owner=broken.owner if broken else "unknown",
        icon="",
    )
