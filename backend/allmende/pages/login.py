"""Signing in by OpenID Connect: `/<city>/login` for citizens' apps, `/<city>/login/staff` for the desk, and back again.

An app opens `/<city>/login?app=…&challenge=…&state=…` in the browser and gets `code` and `state` at its address;
`accountExchange` makes tokens of the code. Staff end at the desk with a session.
"""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

import structlog
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response.base import ASGIResponse

from allmende.accounts.oidc import flow as oidc
from allmende.accounts.oidc.arrival import citizen_arrives, staff_arrive
from allmende.accounts.oidc.flow import Flow
from allmende.accounts.oidc.provider import ProviderFault
from allmende.accounts.sessions import session_cookie
from allmende.city.model import City
from allmende.errors import AllmendeError
from allmende.graphql.languages import choose
from allmende.graphql.request import Services
from allmende.pages.render import page

log = structlog.get_logger(__name__)
HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'none'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}
STATUS = {"NOT_FOUND": 404, "SIGN_IN_REFUSED": 403, "SIGN_IN_UNAVAILABLE": 502}
"""Code → HTTP status; every other one is 400."""
KNOWN = frozenset({*STATUS, "BAD_INPUT", "SIGN_IN_FAILED"})


def login_routes(services: Services, *, secure: bool) -> list[HTTPRouteHandler]:
    """The handlers. `secure` is whether the instance is reached by HTTPS, which every one in production is."""

    @get("/{slug:str}/login", include_in_schema=False)
    async def citizens(request: Request[Any, Any, Any], slug: FromPath[str]) -> ASGIResponse:
        return await _begin(services, request, slug, "citizens", secure=secure)

    @get("/{slug:str}/login/staff", include_in_schema=False)
    async def staff(request: Request[Any, Any, Any], slug: FromPath[str]) -> ASGIResponse:
        return await _begin(services, request, slug, "staff", secure=secure)

    @get("/{slug:str}/login/callback", include_in_schema=False)
    async def callback(request: Request[Any, Any, Any], slug: FromPath[str]) -> ASGIResponse:
        flow: Flow | None = None
        try:
            city = services.accounts.city(slug)
            cookies = request.headers.get("cookie", "")
            answer = dict(request.query_params)
            flow = oidc.found_flow(services.accounts, slug, cookies, answer.get("state", ""), secure=secure)
            cookie, target = await _arrive(services, city, flow, answer, secure=secure)
        except AllmendeError as error:
            return _fault(services, request, slug, error, flow, secure=secure)
        return _redirect(target, oidc.cookie(slug, "", secure=secure), *([cookie] if cookie else []))

    return [citizens, staff, callback]


async def _begin(
    services: Services, request: Request[Any, Any, Any], slug: str, who: Literal["citizens", "staff"], *, secure: bool
) -> ASGIResponse:
    asked = request.query_params
    scheme = "https" if secure else "http"
    try:
        city = services.accounts.city(slug)
        leaving = await oidc.begin(
            services.accounts,
            services.providers,
            city,
            who,
            f"{scheme}://{request.headers['host']}/{slug}/login/callback",
            app=asked.get("app", ""),
            challenge=asked.get("challenge", ""),
            app_state=asked.get("state", ""),
            language=_language(city, request),
            secure=secure,
        )
    except AllmendeError as error:
        return _fault(services, request, slug, error, None, secure=secure)
    return _redirect(leaving.url, leaving.cookie)


async def _arrive(
    services: Services, city: City, flow: Flow, answer: dict[str, str], *, secure: bool
) -> tuple[str, str]:
    """A cookie to set (or none), and where to go."""
    claims = await oidc.finish(services.accounts, services.providers, city, flow, answer)
    if flow.who == "citizens":
        code = await citizen_arrives(services.accounts, city, claims, flow.challenge)
        return "", _back(flow, code=code)
    assert city.login.staff is not None
    token = await staff_arrive(services.accounts, city, city.login.staff, claims)
    return session_cookie(city.slug, token, secure=secure), f"/{city.slug}/desk"


def _back(flow: Flow, **result: str) -> str:
    """The app's address with what it has to know."""
    return f"{flow.app}?{urlencode({**result, 'state': flow.app_state})}"


def _fault(
    services: Services,
    request: Request[Any, Any, Any],
    slug: str,
    error: AllmendeError,
    flow: Flow | None,
    *,
    secure: bool,
) -> ASGIResponse:
    """An app is told the code; everybody else reads a page. What a provider did wrong is for the log."""
    if isinstance(error, ProviderFault):
        log.warning("login_failed", city=slug, reason=error.message[:300])
    code = error.code if error.code in KNOWN else "SIGN_IN_UNAVAILABLE"
    gone = oidc.cookie(slug, "", secure=secure)
    if flow is not None and flow.who == "citizens":
        return _redirect(_back(flow, error=code), gone)
    city = services.cities().by_slug.get(slug)
    header = request.headers.get("accept-language", "")
    language = _language(city, request) if city else choose(("de", "en"), None, header)
    detail = error.message if code == "BAD_INPUT" else ""
    html = page("login.html", language=language, code=code, city=city, detail=detail)
    headers = [*HEADERS.items(), *([("Set-Cookie", gone)] if city else [])]
    media, status = "text/html; charset=utf-8", STATUS.get(code, 400)
    return ASGIResponse(body=html, status_code=status, headers=headers, media_type=media)


def _language(city: City, request: Request[Any, Any, Any]) -> str:
    return choose(city.languages, request.query_params.get("lang"), request.headers.get("accept-language", ""))


def _redirect(target: str, *cookies: str) -> ASGIResponse:
    headers = [*HEADERS.items(), ("Location", target), *(("Set-Cookie", cookie) for cookie in cookies)]
    return ASGIResponse(status_code=302, headers=headers, media_type="text/plain")
