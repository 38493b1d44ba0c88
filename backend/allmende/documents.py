"""The plugins' documents and forms at their own addresses: `/<city>/<plugin>/<path>`, a calendar file for instance."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from functools import cache, partial
from hashlib import blake2b
from typing import Any
from urllib.parse import parse_qsl

from litestar import Request, Response, route
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from msgspec.structs import replace

from allmende import metrics
from allmende.city.model import pick
from allmende.city.switches import switch_of
from allmende.context import Context
from allmende.errors import AllmendeError, Denied, InputError, NotFound, Unavailable
from allmende.graphql.faults import logged
from allmende.graphql.languages import choose
from allmende.graphql.outgoing import CHALLENGE, LATER
from allmende.graphql.request import RequestContext, Services
from allmende.isolation import bounded
from allmende.plugin import Plugin, Reply, Route
from allmende.reader import ANONYMOUS

MAX_SIZE = 20_000_000
"""Bytes (or characters) of one document."""
MAX_FORM, MAX_FIELDS, FORM_SECONDS = 100_000, 200, 10.0
"""Bytes and fields of a form, and the seconds until it must be there."""
FORM = "application/x-www-form-urlencoded"
Fault = Callable[[int, str, str], Response[Any]]
"""(status, code, message) → answer."""


def document_routes(services: Services) -> list[HTTPRouteHandler]:
    """The handler for the documents of all plugins."""

    @route("/{slug:str}/{name:str}/{path:path}", http_method=["GET", "POST"], status_code=200, include_in_schema=False)
    async def document(
        request: Request[Any, Any, Any], slug: FromPath[str], name: FromPath[str], path: FromPath[str]
    ) -> Response[bytes]:
        city = services.cities().by_slug.get(slug)
        installed = services.registry.plugins.get(name)
        header, asked = request.headers.get("accept-language", ""), request.query_params.get("lang")
        reader = ANONYMOUS
        if (authorization := request.headers.get("authorization")) is not None:
            try:
                reader = await services.accounts.bearer(authorization)
            except Denied as error:
                return _fault(401, error.code, error.message, CHALLENGE)
            except Unavailable as error:
                return _fault(503, error.code, error.message, LATER)
        version = request.headers.get("app-version", "")[:50]
        asking = RequestContext(services, header, app_version=version, reader=reader)
        found = find(installed.plugin, path.lstrip("/"), str(request.method)) if installed else None
        fault: Fault = partial(_told, *found) if found else _fault
        ctx = None
        if city is not None:
            language = choose(city.languages, asked, header)
            switch = switch_of(city, name, asking.app_version)
            if installed is not None and switch is not None:
                return fault(503, "MODULE_OFF", pick(switch.reason, language, city.language) or f"{name} is off")
            ctx = asking.plugin(city, name, language)
        if city is None or ctx is None or found is None:
            return _fault(404, "NOT_FOUND", f"there is no document at /{slug}/{name}{path}")
        place, parameters = found
        assert place.visible is not None
        try:
            place.visible.check(ctx.reader)
        except Denied as error:
            return fault(401 if error.code == "UNAUTHENTICATED" else 403, error.code, error.message)
        if not asking.admit(slug, name):
            return fault(503, "PLUGIN_UNAVAILABLE", f"{name} is not available at the moment")
        failed = False
        try:
            fields = await _fields(request)
            if place.token and reader is ANONYMOUS and (token := fields.get(place.token)):
                reader = asking.reader = await services.accounts.reader(token[:200])
                ctx = replace(ctx, reader=asking.reader_in(city.slug))
            reply = await bounded(_handle(place, ctx, parameters, fields), services.patience)
            return _answer(request, reply, shared=reader is ANONYMOUS)
        except AllmendeError as error:
            if (status := _status(error)) is None:
                failed = True
                return _failure(fault, error, slug, name)
            return fault(status, error.code, error.message)
        except Exception as error:  # whatever a plugin raises stays its own affair
            failed = True
            return _failure(fault, error, slug, name)
        finally:
            asking.settle({(slug, name)} if failed else set())
            await asking.close()

    return [document]


class _Unreadable(AllmendeError):
    """The form cannot be read; `status` says why."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message, code=code)
        self.status = status


async def _fields(request: Request[Any, Any, Any]) -> Mapping[str, str]:
    """The query parameters and, on top, the fields of the form that was sent."""
    fields = dict(request.query_params)
    if request.method != "POST":
        return fields
    body = b""
    try:
        async with asyncio.timeout(FORM_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > MAX_FORM:
                    raise _Unreadable(413, "LIMIT_BODY", f"the form has more than {MAX_FORM} bytes")
    except TimeoutError as error:
        raise _Unreadable(408, "BODY_TIMEOUT", "the form did not arrive in time") from error
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if body and kind != FORM:
        raise _Unreadable(415, "BAD_MEDIA_TYPE", f"send a form as {FORM}, not {kind[:80] or 'nothing said'}")
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise _Unreadable(400, "BAD_INPUT", f"the form is not UTF-8, or has more than {MAX_FIELDS} fields") from error
    return {**fields, **dict(pairs)}


def _status(error: AllmendeError) -> int | None:
    """The HTTP status of an error that may be told; None for one that is the plugin's own fault."""
    if isinstance(error, _Unreadable):
        return error.status
    if isinstance(error, NotFound):
        return 404
    if isinstance(error, Denied):
        return 401 if error.code == "UNAUTHENTICATED" else 403
    if error.code == "RATE_LIMITED":
        return 429
    if error.code == "IDEMPOTENCY_MISMATCH":
        return 409
    return 400 if isinstance(error, InputError) else None


def _failure(fault: Fault, error: Exception, slug: str, name: str) -> Response[Any]:
    code = "PLUGIN_TIMEOUT" if isinstance(error, TimeoutError) else "PLUGIN_FAILED"
    metrics.PLUGIN_FAILURES.labels(slug, name, code).inc()
    number = logged("document_failed", error, plugin=name, city=slug)
    return fault(503, code, f"{name} failed ({number})")


async def _handle(place: Route, ctx: Context[Any], parameters: Mapping[str, str], fields: Mapping[str, str]) -> Reply:
    reply = await place.handle(ctx, parameters, fields)
    if not isinstance(reply, Reply):
        raise TypeError(f"a route gave {type(reply).__name__} instead of a Reply")
    if not isinstance(reply.content, str | bytes) or len(reply.content) > MAX_SIZE:
        raise ValueError(f"a route gave no text or bytes, or more than {MAX_SIZE} of them")
    return reply


def find(plugin: Plugin, path: str, method: str = "GET") -> tuple[Route, Mapping[str, str]] | None:
    """The route whose path and method fit, and its parameters."""
    for place in plugin.routes:
        match = _pattern(place.path).fullmatch(path) if place.method == method else None
        if match:
            return place, match.groupdict()
    return None


@cache
def _pattern(path: str) -> re.Pattern[str]:
    """`{id}.ics` → a pattern in which a parameter is anything but a slash."""
    parts = re.split(r"\{([a-z_]+)\}", path.lstrip("/"))
    return re.compile("".join(re.escape(p) if i % 2 == 0 else f"(?P<{p}>[^/]+)" for i, p in enumerate(parts)))


def _answer(request: Request[Any, Any, Any], reply: Reply, *, shared: bool) -> Response[bytes]:
    content = reply.content.encode() if isinstance(reply.content, str) else reply.content
    if request.method != "GET" or reply.status != 200:
        headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(content, status_code=reply.status, headers=headers, media_type=reply.media_type)
    etag = f'"{blake2b(content, digest_size=16).hexdigest()}"'
    headers = {
        "ETag": etag,
        "Cache-Control": f"public, max-age={reply.max_age}" if shared else "private, no-store",
        "Vary": "Accept-Language, Authorization",
        "X-Content-Type-Options": "nosniff",
    }
    if reply.filename:
        headers["Content-Disposition"] = f'attachment; filename="{reply.filename}"'
    # Compared weakly (RFC 9110 § 13.1.2): a proxy that compresses marks the tag with W/.
    if etag in (tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")):
        return Response(b"", status_code=304, headers=headers, media_type=reply.media_type)
    return Response(content, headers=headers, media_type=reply.media_type)


def _fault(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response[Any]:
    content = {"error": {"code": code, "message": message}}
    return Response(content, status_code=status, headers=dict(headers or {}))


def _told(place: Route, parameters: Mapping[str, str], status: int, code: str, message: str) -> Response[Any]:
    """The error as the route's protocol tells it."""
    if place.fault is None:
        return _fault(status, code, message)
    reply = place.fault(parameters, status, message)
    content = reply.content.encode() if isinstance(reply.content, str) else reply.content
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    own = status if reply.status == 200 else reply.status
    return Response(content, status_code=own, headers=headers, media_type=reply.media_type)
