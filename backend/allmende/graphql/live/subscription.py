"""The root of subscriptions: what apps can be told of while they are open."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from datetime import datetime

import strawberry

from allmende.errors import InputError, NotFound
from allmende.graphql.arguments import Modules, Slug
from allmende.graphql.request import Info, RequestContext
from allmende.graphql.status import ModuleStatus


@strawberry.type(
    description="Something that a module shows has changed: ask for it again, or for City.changes. Or its status has:"
    " it was switched off or on, failed, or is well again."
)
class CityChange:
    module: str = strawberry.field(description="Name of the module.")
    status: ModuleStatus = strawberry.field(description="How it is doing now; City.modules has the reason.")
    at: datetime = strawberry.field(description="When it was noticed.")


@strawberry.type(description="What an app can be told of while it is open.")
class Subscription:
    @strawberry.subscription(
        description="Tells at once, and at most once a second for each module, that something has changed in a city,"
        " or how a module is doing there."
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
    """Changes of modules that are on, and of their status, until the city is gone."""
    services = context.services
    watch = await services.news.watch(slug, modules, context.app_version)
    try:
        while (city := services.cities().by_slug.get(slug)) is not None:
            for module, status in await watch.next():
                yield CityChange(module=module, status=status, at=services.clock().astimezone(city.tz))
    finally:
        services.news.leave(slug, watch)
