"""The plugins' documents at their own addresses: `/<city>/<plugin>/<path>`, a calendar file for instance."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from hashlib import blake2b
from typing import Any

from litestar import Request, Response, get
from litestar.handlers import HTTPRouteHandler

from allmende import metrics
from allmende.city.model import pick
from allmende.city.switches import switch_of
from allmende.context import Context
from allmende.errors import InputError, NotFound
from allmende.graphql.faults import logged
from allmende.graphql.languages import choose
from allmende.graphql.request import RequestContext, Services
from allmende.isolation import bounded
from allmende.plugin import Plugin, Reply, Route

BUDGET = 10.0
"""Seconds that a plugin may take for one document."""
MAX_SIZE = 20_000_000
"""Bytes (or characters) of one document."""


def document_routes(services: Services) -> list[HTTPRouteHandler]:
    """The handler for the documents of all plugins."""

    @get("/{slug:str}/{name:str}/{path:path}", include_in_schema=False)
    async def document(request: Request[Any, Any, Any], slug: str, name: str, path: str) -> Response[bytes]:
        city = services.cities().by_slug.get(slug)
        installed = services.registry.plugins.get(name)
        header, asked = request.headers.get("accept-language", ""), request.query_params.get("lang")
        asking = RequestContext(services, header, app_version=request.headers.get("app-version", "")[:50])
        ctx = None
        if city is not None:
            language = choose(city.languages, asked, header)
            switch = switch_of(city, name, asking.app_version)
            if installed is not None and switch is not None:
                return _fault(503, "MODULE_OFF", pick(switch.reason, language, city.language) or f"{name} is off")
            ctx = asking.plugin(city, name, language)
        found = find(installed.plugin, path.lstrip("/")) if installed else None
        if ctx is None or found is None:
            return _fault(404, "NOT_FOUND", f"there is no document at /{slug}/{name}{path}")
        route, parameters = found
        assert route.visible is not None
        if not route.visible.admits(ctx.reader):
            return _fault(403, "FORBIDDEN", f"/{slug}/{name}{path} is not for everybody")
        if not asking.admit(slug, name):
            return _fault(503, "PLUGIN_UNAVAILABLE", f"{name} is not available at the moment")
        failed = False
        try:
            return _answer(request, await bounded(_handle(route, ctx, parameters, request), BUDGET))
        except NotFound as error:
            return _fault(404, error.code, error.message)
        except InputError as error:
            return _fault(400, error.code, error.message)
        except Exception as error:  # whatever a plugin raises stays its own affair
            failed = True
            code = "PLUGIN_TIMEOUT" if isinstance(error, TimeoutError) else "PLUGIN_FAILED"
            metrics.PLUGIN_FAILURES.labels(slug, name, code).inc()
            number = logged("document_failed", error, plugin=name, city=slug)
            return _fault(503, code, f"{name} failed ({number})")
        finally:
            asking.settle({(slug, name)} if failed else set())
            await asking.close()

    return [document]


async def _handle(
    route: Route, ctx: Context[Any], parameters: Mapping[str, str], request: Request[Any, Any, Any]
) -> Reply:
    reply = await route.handle(ctx, parameters, dict(request.query_params))
    if not isinstance(reply, Reply):
        raise TypeError(f"a route gave {type(reply).__name__} instead of a Reply")
    if not isinstance(reply.content, str | bytes) or len(reply.content) > MAX_SIZE:
        raise ValueError(f"a route gave no text or bytes, or more than {MAX_SIZE} of them")
    return reply


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
