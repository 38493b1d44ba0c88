"""The city's own endpoint, `/<city>/reports/open311/v2/…` (https://wiki.open311.org/GeoReport_v2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from allmende import PUBLIC, Denied, InputError, NotFound, Reply, Route, cases

from .. import service
from ..config import Category
from ..kind import KIND
from .listing import Ctx, definition_row, request_row, service_row, wanted
from .writing import check_format, fault, listed, single

CHANGESET = "2026-11-26T00:00:00Z"
"""When what this endpoint speaks last changed."""
POST = "reports.post"
_ATTRIBUTE = re.compile(r"attribute\[([^\]]{1,40})\](?:\[\])?")
Fields = Mapping[str, str]


async def discovery(ctx: Ctx, path: Fields, query: Fields) -> Reply:
    format = _start(ctx, path, query)
    contact = ctx.city.contact
    endpoint = {
        "specification": "http://wiki.open311.org/GeoReport_v2",
        "url": f"{ctx.city.site}/{ctx.city.slug}/reports/open311/v2",
        "changeset": CHANGESET,
        "type": "test" if ctx.city.fictional else "production",
        "formats": ["text/xml", "application/json"],
    }
    row = {
        "changeset": CHANGESET,
        "contact": contact.email or contact.website or ctx.city.name,
        "key_service": ctx.text(f"open311.{ctx.config.open311}"),
        "endpoints": [endpoint],
    }
    return single(format, "discovery", row)


async def services(ctx: Ctx, path: Fields, query: Fields) -> Reply:
    format = _start(ctx, path, query)
    return listed(format, "services", "service", [service_row(ctx, one) for one in ctx.config.categories])


async def definition(ctx: Ctx, path: Fields, query: Fields) -> Reply:
    format = _start(ctx, path, query)
    return single(format, "service_definition", definition_row(ctx, _category(ctx, path["code"])))


async def requests(ctx: Ctx, path: Fields, query: Fields) -> Reply:
    format = _start(ctx, path, query)
    found = await service.load(ctx, wanted(ctx, query))
    extensions = query.get("extensions", "").lower() == "true"
    rows = [request_row(ctx, seen, extensions=extensions) for seen in found]
    return listed(format, "service_requests", "request", rows)


async def request(ctx: Ctx, path: Fields, query: Fields) -> Reply:
    format = _start(ctx, path, query)
    found = await service.load(ctx, service.shown(ctx).where(cases.Case.number == path["id"]).limit(1))
    if not found:
        raise NotFound(f"service_request_id: {path['id'][:60]!r} was not found")
    extensions = query.get("extensions", "").lower() == "true"
    return listed(format, "service_requests", "request", [request_row(ctx, found[0], extensions=extensions)])


async def token(ctx: Ctx, path: Fields, query: Fields) -> Reply:
    """The id of a request whose token was given; null as long as nobody but the town hall may see it."""
    format = _start(ctx, path, query)
    async with ctx.session() as session:
        case = await cases.find(session, id=path["token"])
    if case is None or case.kind != KIND:
        raise NotFound(f"token: {path['token'][:60]!r} was not found")
    number = case.number if case.published and case.shown else None
    row = {"service_request_id": number, "token": case.id}
    return listed(format, "service_requests", "request", [row])


async def post(ctx: Ctx, path: Fields, fields: Fields) -> Reply:
    format = _start(ctx, path, fields)
    if ctx.config.open311 == "read":
        raise Denied("this city takes no requests by Open311")
    if ctx.config.open311 == "key" and not ctx.reader.may(POST):
        raise Denied("api_key: is missing or invalid", code="UNAUTHENTICATED")
    key = fields.get("idempotency_key") or str(uuid4())
    done = await service.create(ctx, _report(ctx, fields), key)
    answer: dict[str, Any] = {"service_request_id": done.case.number}
    if not done.case.published:
        answer = {"token": done.case.id}
    notice = ctx.text("open311.notice") if not done.case.published else None
    row = {**answer, "service_notice": notice, "account_id": None}
    return listed(format, "service_requests", "request", [row], status=201)


def _report(ctx: Ctx, fields: Fields) -> service.Report:
    if not fields.get("service_code"):
        raise InputError("service_code: was not provided")
    category = _category(ctx, fields["service_code"])
    given = {match[1]: value for name, value in fields.items() if (match := _ATTRIBUTE.fullmatch(name))}
    lat, lon = _degrees(fields, "lat"), _degrees(fields, "long")
    contact = fields if ctx.config.contact != "no" else {}
    names = (contact.get("first_name", ""), contact.get("last_name", ""))
    media = fields.get("media_url", "")
    if media and (len(media) > 1000 or not media.startswith(("https://", "http://"))):
        raise InputError("media_url: is no web address of at most 1000 characters")
    return service.Report(
        category=category.id,
        lat=lat,
        lon=lon,
        text=fields.get("description", ""),
        address=fields.get("address_string", ""),
        fields=given,
        media_url=media,
        name=" ".join(name for name in names if name),
        email=contact.get("email", ""),
        phone=contact.get("phone", ""),
    )


def _degrees(fields: Fields, name: str) -> float:
    text = fields.get(name, "")
    if not text:
        raise InputError("lat, long: both are needed; an address alone is not looked up")
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{name}: {text[:40]!r} is no number of degrees") from error


def _start(ctx: Ctx, path: Fields, query: Fields) -> str:
    """The format, if there is such an endpoint and the jurisdiction is this city."""
    if ctx.config.open311 == "off":
        raise NotFound("this city has no Open311 endpoint")
    format = check_format(path)
    asked = query.get("jurisdiction_id", "")
    if asked not in ("", ctx.city.slug, *ctx.city.hosts):
        raise NotFound(f"jurisdiction_id: {asked[:60]!r} was not found; here it is {ctx.city.slug}")
    return format


def _category(ctx: Ctx, code: str) -> Category:
    category = ctx.config.category(code)
    if category is None:
        raise NotFound(f"service_code: {code[:60]!r} was not found")
    return category


def _at(path: str, handle: Any, **options: Any) -> Route:
    return Route(path=f"open311/v2/{path}.{{format}}", handle=handle, visible=PUBLIC, fault=fault, **options)


ROUTES = (
    _at("discovery", discovery),
    _at("services", services),
    _at("services/{code}", definition),
    _at("requests", requests),
    _at("requests/{id}", request),
    _at("tokens/{token}", token),
    _at("requests", post, method="POST", token="api_key"),
)
