"""What operators ask a running instance: `/health` (the process lives), `/health/ready` (who is unwell), `/metrics`.

Names of culprits and owners are for everybody, since each partner city watches the instance. Reasons are not:
outside of development, they and the metrics are for who asks from the machine's own network, not through the proxy.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable, Mapping
from importlib.metadata import version
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from allmende import metrics
from allmende.city.load import Cities
from allmende.condition import facts
from allmende.feeds.status import source_states
from allmende.graphql.request import Services

TIMEOUT = 2.0
"""Seconds that the database may take to answer."""
LISTED = 50
"""Sources, breakers, cities named at most."""
_FORWARDED = ("x-forwarded-for", "x-forwarded-proto", "forwarded")


def health_routes(
    services: Services,
    town: Callable[[], Cities],
    problems: Callable[[], list[str]],
    *,
    blocked: Callable[[], Mapping[str, Any]] = dict,
    production: bool = False,
) -> list[HTTPRouteHandler]:
    """The three addresses. Only a database that does not answer makes an instance unready; the rest is told."""

    @get("/health", include_in_schema=False)
    async def live() -> Response[dict[str, Any]]:
        return _answer(200, {"status": "ok", "version": version("allmende")})

    @get("/health/ready", include_in_schema=False)
    async def ready(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
        trusted = not production or is_inside(request)
        plugins = {
            name: {"owner": broken.owner, **({"reason": broken.reason} if trusted else {})}
            for name, broken in sorted(services.registry.broken.items())
        }
        try:
            async with asyncio.timeout(TIMEOUT):
                states = await source_states(services.database, services.clock())
        except Exception as error:
            return _answer(503, {"status": "unready", "database": type(error).__name__, "plugins": plugins})
        cities = town()
        troubled = [s for s in states if s.status not in ("fresh", "pending") and s.city in cities.by_slug]
        shown = ("city", "plugin", "source", "status", "last_success", *(("reason",) if trusted else ()))
        breakers = metrics.open_breakers()
        ill = plugins or troubled or cities.problems or breakers or blocked()
        body = {
            "status": "degraded" if ill else "ok",
            "version": version("allmende"),
            "database": "ok",
            "cities": len(cities.by_slug),
            "plugins": plugins,
            "blocked": {name: {"owner": _owner(services, name)} for name in sorted(blocked())},
            "breakers": [
                {"city": city, "plugin": plugin, "owner": _owner(services, plugin)}
                for city, plugin in breakers[:LISTED]
            ],
            "troubled_cities": {
                name: {
                    "serves": "last good version" if name in cities.kept else name in cities.by_slug,
                    "contact": cities.by_slug[name].contact.email if name in cities.by_slug else "",
                }
                for name in sorted(cities.problems)[:LISTED]
            },
            "switched_off": [
                {"city": slug, "plugin": name}
                for slug, city in cities.by_slug.items()
                for name, switch in city.modules.items()
                if switch.off
            ][:LISTED],
            "sources": {
                "total": len(states),
                "troubled": [{key: getattr(state, key) for key in shown} for state in troubled[:LISTED]],
            },
            "problems": problems() if trusted else [],
        }
        return _answer(200, body)

    @get("/metrics", include_in_schema=False)
    async def scrape(request: Request[Any, Any, Any]) -> Response[bytes]:
        if production and not is_inside(request):
            return Response(b"", status_code=404)
        text = metrics.text(*await facts(services, town()))
        return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST, "Cache-Control": "no-store"})

    return [live, ready, scrape]


def is_inside(request: Request[Any, Any, Any]) -> bool:
    """Whether it comes from a private address, and not through a proxy, which has one too."""
    if any(name in request.headers for name in _FORWARDED) or request.client is None:
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_private
    except ValueError:
        return False


def _owner(services: Services, plugin: str) -> str:
    installed = services.registry.plugins.get(plugin)
    return installed.manifest.owner if installed else "unknown"


def _answer(status: int, body: dict[str, Any]) -> Response[dict[str, Any]]:
    return Response(body, status_code=status, headers={"Cache-Control": "no-store"})
