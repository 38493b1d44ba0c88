"""After publishing, what other cities are to know is sent round at once; what fails here, the chore does later."""

from __future__ import annotations

import structlog

from allmende.content.chores import Newsroom, send_round
from allmende.desk.request import Desk
from allmende.graphql.request import Services

log = structlog.get_logger(__name__)


async def hand_round(desk: Desk) -> None:
    """Empty the outbox of this city. Never fails: what was published is published."""
    try:
        await send_round(newsroom(desk.office.services), desk.city)
    except Exception:
        log.exception("content_not_delivered", city=desk.city.slug)


def newsroom(services: Services) -> Newsroom:
    """What the room of content works with, from the instance's services."""
    registry, database = services.registry, services.database
    return Newsroom(
        database=database,
        plugins=lambda: {name: installed.plugin for name, installed in registry.plugins.items()},
        cities=lambda: services.cities().by_slug,
        context=lambda city, name: registry.context(city, name, database, clock=services.clock),
        clock=lambda: services.clock(),
        store=lambda: services.store,
    )
