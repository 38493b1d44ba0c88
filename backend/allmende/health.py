"""`/health`: the process lives. `/health/ready`: the database answers, and which plugins and sources are unwell."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from allmende.feeds.status import source_states
from allmende.graphql.request import Services

TIMEOUT = 2.0
"""Seconds that the database may take to answer."""
LISTED = 50
"""Sources named at most."""


def health_routes(services: Services, problems: Callable[[], list[str]]) -> list[HTTPRouteHandler]:
    """Both addresses. Only a database that does not answer makes an instance unready; the rest is told, not fatal."""

    @get("/health", include_in_schema=False)
    async def live() -> Response[dict[str, Any]]:
        return _answer(200, {"status": "ok", "version": version("allmende")})

    @get("/health/ready", include_in_schema=False)
    async def ready() -> Response[dict[str, Any]]:
        plugins = {
            name: {"owner": broken.owner, "reason": broken.reason}
            for name, broken in sorted(services.registry.broken.items())
        }
        cities = services.cities()
        try:
            async with asyncio.timeout(TIMEOUT):
                states = await source_states(services.database, services.clock())
        except Exception as error:
            return _answer(503, {"status": "unready", "database": type(error).__name__, "plugins": plugins})
        troubled = [
            state for state in states if state.status not in ("fresh", "pending") and state.city in cities.by_slug
        ]
        status = "degraded" if plugins or troubled or problems() else "ok"
        body = {
            "status": status,
            "version": version("allmende"),
            "database": "ok",
            "cities": len(cities.by_slug),
            "plugins": plugins,
            "sources": {
                "total": len(states),
                "troubled": [
                    {
                        key: getattr(state, key)
                        for key in ("city", "plugin", "source", "status", "reason", "last_success")
                    }
                    for state in troubled[:LISTED]
                ],
            },
            "problems": problems(),
        }
        return _answer(200, body)

    return [live, ready]


def _answer(status: int, body: dict[str, Any]) -> Response[dict[str, Any]]:
    return Response(body, status_code=status, headers={"Cache-Control": "no-store"})
