"""The plugins' documents at their own addresses: `/<city>/<plugin>/<path>`, a calendar file for instance."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import Any

import structlog
from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from allmende.errors import InputError, NotFound
from allmende.graphql.languages import choose
from allmende.graphql.request import Services
from allmende.plugin import Plugin, Reply, Route

log = structlog.get_logger(__name__)
BUDGET = 10.0
"""Seconds that a plugin may take for one document."""


def document_routes(services: Services) -> list[HTTPRouteHandler]:
    """The handler for the documents of all plugins."""

    @get("/{slug:str}/{name:str}/{path:path}", include_in_schema=False)
    async def document(request: Request[Any, Any, Any], slug: str, name: str, path: str) -> Response[bytes]:
        city = services.cities().by_slug.get(slug)
        installed = services.registry.plugins.get(name)
        header, asked = request.headers.get("accept-language", ""), request.query_params.get("lang")
        ctx = None
        if city is not None:
            language = choose(city.languages, asked, header)
            ctx = services.registry.context(city, name, services.database, language, services.clock)
        found = find(installed.plugin, path.lstrip("/")) if installed else None
        if ctx is None or found is None:
            return _fault(404, "NOT_FOUND", f"there is no document at /{slug}/{name}{path}")
        route, parameters = found
        try:
            async with asyncio.timeout(BUDGET):
                reply = await route.handle(ctx, parameters, dict(request.query_params))
            return _answer(request, reply)
        except NotFound as error:
            return _fault(404, error.code, error.message)
        except InputError as error:
            return _fault(400, error.code, error.message)
        except Exception as error:  # whatever a plugin raises stays its own affair
            log.exception("document_failed", plugin=name, city=slug)
            code = "PLUGIN_TIMEOUT" if isinstance(error, TimeoutError) else "PLUGIN_FAILED"
            return _fault(503, code, f"{name} failed")

    return [document]


def find(plugin: Plugin, path: str) -> tuple[Route, Mapping[str, str]] | None:
    """The route whose path fits, and its parameters."""
    for route in plugin.routes:
        match = _pattern(route.path).fullmatch(path)
        if match:
            return route, match.groupdict()
    return None


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """`{id}.ics` → a pattern in which a parameter is anything but a slash."""
    parts = re.split(r"\{([a-z_]+)\}", path.lstrip("/"))
    return re.compile("".join(re.escape(p) if i % 2 == 0 else f"(?P<{p}>[^/]+)" for i, p in enumerate(parts)))


def _answer(request: Request[Any, Any, Any], reply: Reply) -> Response[bytes]:
    content = reply.content.encode() if isinstance(reply.content, str) else reply.content
    etag = f'"{blake2b(content, digest_size=16).hexdigest()}"'
    headers = {
        "ETag": etag,
        "Cache-Control": f"public, max-age={reply.max_age}",
        "Vary": "Accept-Language",
        "X-Content-Type-Options": "nosniff",
    }
    if reply.filename:
        headers["Content-Disposition"] = f'attachment; filename="{reply.filename}"'
    if etag in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(b"", status_code=304, headers=headers, media_type=reply.media_type)
    return Response(content, headers=headers, media_type=reply.media_type)


def _fault(status: int, code: str, message: str) -> Response[Any]:
    return Response({"error": {"code": code, "message": message}}, status_code=status)
