"""After publishing, what other cities are to know is sent round at once; what fails here, the chore does later."""

from __future__ import annotations

import structlog

from allmende.content.chores import Newsroom, send_round
from allmende.desk.office import Office
from allmende.desk.request import Desk

log = structlog.get_logger(__name__)


async def hand_round(desk: Desk) -> None:
    """Empty the outbox of this city. Never fails: what was published is published."""
    try:
        await send_round(newsroom(desk.office), desk.city)
    except Exception:
        log.exception("content_not_delivered", city=desk.city.slug)


def newsroom(office: Office) -> Newsroom:
    registry = office.registry
    return Newsroom(
        database=office.database,
        plugins=lambda: {name: installed.plugin for name, installed in registry.plugins.items()},
        cities=lambda: office.cities().by_slug,
        context=lambda city, name: registry.context(city, name, office.database, clock=office.clock),
        clock=office.clock,
    )
