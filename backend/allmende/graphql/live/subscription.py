"""The root of subscriptions: what apps can be told of while they are open."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from datetime import datetime
from typing import Annotated

import strawberry

from allmende.city.switches import is_off
from allmende.errors import InputError, NotFound
from allmende.graphql.request import Info, RequestContext

Slug = Annotated[str, strawberry.argument(description="Slug of the city.")]
Modules = Annotated[list[str] | None, strawberry.argument(description="Only these modules; all of them by default.")]


@strawberry.type(description="Something that a module shows has changed: ask for it again, or for City.changes.")
class CityChange:
    module: str = strawberry.field(description="Name of the module.")
    at: datetime = strawberry.field(description="When it was noticed.")


@strawberry.type(description="What an app can be told of while it is open.")
class Subscription:
    @strawberry.subscription(
        description="Tells at once, and at most once a second for each module, that something has changed in a city."
    )
    def changes(self, info: Info, city: Slug, modules: Modules = None) -> AsyncGenerator[CityChange, None]:
        services = info.context.services
        registry = services.registry
        unknown = sorted(set(modules or ()) - registry.plugins.keys() - registry.broken.keys())
        if unknown:
            raise InputError(f"modules: no module is called {unknown[0][:60]!r}")
        if city not in services.cities().by_slug:
            raise NotFound(f"city: there is no city {city[:60]!r}")
        return _told(info.context, city, registry.plugins.keys() if modules is None else modules)


async def _told(context: RequestContext, slug: str, modules: Collection[str]) -> AsyncGenerator[CityChange, None]:
    """Changes of modules that are on, until the city is gone."""
    services = context.services
    watch = services.news.watch(slug, modules)
    try:
        while (city := services.cities().by_slug.get(slug)) is not None:
            for module in await watch.next():
                if city.config(module) is not None and not is_off(city, module, context.app_version):
                    yield CityChange(module=module, at=services.clock().astimezone(city.tz))
    finally:
        services.news.leave(slug, watch)
