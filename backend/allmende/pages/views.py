"""The addresses of the pages: `/`, `/<city>`, the city's style sheet and logo."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import structlog
from babel import Locale
from litestar import Request, Response, get
from litestar.params import FromPath
from markupsafe import Markup

from allmende.city.model import City
from allmende.context import Context
from allmende.graphql.directory import Directory
from allmende.graphql.languages import choose
from allmende.graphql.request import RequestContext, Services
from allmende.isolation import bounded
from allmende.pages.chart import SQUEEZE, chart
from allmende.pages.colours import theme
from allmende.pages.files import static_files
from allmende.pages.operation import Operation, home_operation
from allmende.pages.outline import LAENDER
from allmende.pages.render import HERE, fragment, page
from allmende.plugin import Home
from allmende.privacy.declared import declared
from allmende.privacy.notice import activities, words

log = structlog.get_logger(__name__)
SHOWN = 60
"""Cities listed on the start page; the others are found by the search."""
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "DENY",
    "Vary": "Accept-Language",
}
"""Nothing is loaded from elsewhere, and there are no scripts at all."""
Ask = Callable[[str, Mapping[str, Any], str], Awaitable[Mapping[str, Any]]]
"""(operation, variables, Accept-Language) → the answer that an app would get."""


def page_routes(services: Services, ask: Ask, problems: Callable[[], list[str]], *, graphiql: bool = True) -> list[Any]:
    """The handlers of all pages; without GraphiQL, none of them links to it."""
    operation = home_operation(services.registry)

    @get("/", include_in_schema=False)
    async def start(request: Request[Any, Any, Any]) -> Response[str]:
        query = request.query_params.get("q", "").strip()[:80]
        asked = request.query_params.get("lang")
        language = choose(("de", "en"), asked, request.headers.get("accept-language", ""))
        first, count, dots = overview(services.directory, query)
        return _html(
            page(
                "start.html",
                language=language,
                chosen=asked,
                query=query,
                total=len(services.cities().by_slug),
                shown=first,
                hidden=count - len(first),
                chart=dots,
                outlines=LAENDER.values(),
                squeeze=SQUEEZE,
                problems=problems(),
                graphiql=graphiql,
            )
        )

    @get("/{slug:str}", include_in_schema=False)
    async def city(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
        found = services.cities().by_slug.get(slug)
        header = request.headers.get("accept-language", "")
        asked = request.query_params.get("lang")
        if found is None:
            return _html(page("lost.html", language=choose(("de", "en"), asked, header), what=slug), status=404)
        return _html(await preview(services, ask, operation, found, dict(request.query_params), header, graphiql))

    @get("/{slug:str}/theme.css", include_in_schema=False)
    async def style(slug: FromPath[str]) -> Response[str]:
        found = services.cities().by_slug.get(slug)
        if found is None:
            return Response("", status_code=404, media_type="text/css")
        return Response(theme(found.brand), media_type="text/css", headers={"Cache-Control": "public, max-age=60"})

    @get("/{slug:str}/logo", include_in_schema=False)
    async def logo(slug: FromPath[str]) -> Response[bytes]:
        found = services.cities().by_slug.get(slug)
        own = Path(found.folder) / "brand" / found.brand.logo if found and found.brand.logo else None
        path = own if own is not None and own.is_file() else HERE / "static" / "allmende.svg"
        media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        headers = {"Cache-Control": "public, max-age=60", **SECURITY}
        return Response(path.read_bytes(), media_type=media, headers=headers)

    @get("/{slug:str}/privacy", include_in_schema=False)
    async def privacy(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[str]:
        found = services.cities().by_slug.get(slug)
        header, asked = request.headers.get("accept-language", ""), request.query_params.get("lang")
        if found is None:
            return _html(page("lost.html", language=choose(("de", "en"), asked, header), what=slug), status=404)
        return _html(privacy_page(services, found, choose(found.languages, asked, header)))

    static = static_files("/static", HERE / "static")
    return [start, city, style, logo, privacy, static]


def privacy_page(services: Services, city: City, language: str) -> str:
    """What the city's modules store about people, made of the declarations (Art. 13 GDPR)."""
    manifests = {name: installed.manifest for name, installed in services.registry.plugins.items()}
    contact = city.contact
    return page(
        "privacy.html",
        language=language,
        city=city,
        languages=[(code, _autonym(code)) for code in city.languages],
        say=partial(words, language),
        address=[contact.name or city.official_name, contact.street, f"{contact.postal_code} {contact.place}".strip()],
        activities=activities(city, declared(manifests, city), language),
    )


@lru_cache(maxsize=4)
def overview(directory: Directory, query: str) -> tuple[list[City], int, Any]:
    """The first cities that are found, how many there are, and all of them on the map; drawn once per load."""
    found = [city for _, city in directory.page(query, None, directory.count(query), None)[0]]
    return found[:SHOWN], len(found), chart(found)


async def preview(
    services: Services,
    ask: Ask,
    operation: Operation,
    city: City,
    params: Mapping[str, str],
    header: str,
    graphiql: bool,
) -> str:
    """A city's home screen as a page, made of nothing but the answer to the Home operation."""
    language = choose(city.languages, params.get("lang"), header)
    variables = await home_variables(services, operation, city, language, params)
    answer = await ask(operation.text, variables, header)
    data: Mapping[str, Any] = ((answer.get("data") or {}).get("city")) or {}
    modules: list[Mapping[str, Any]] = data.get("modules") or []
    cards, off = [], []
    for module in modules:
        name = module["name"]
        if module["status"] == "OFF":
            off.append(module)
            continue
        ctx = services.registry.context(city, name, services.database, language, services.clock)
        part = data.get(name)
        body: Markup | None = None
        if ctx is not None and part is not None:
            body = fragment(services.registry.plugins[name], ctx, part, variables)
        elif services.registry.plugins[name].plugin.home is None:
            continue
        cards.append({**module, "body": body})
    return page(
        "city.html",
        language=language,
        languages=[(code, _autonym(code)) for code in city.languages],
        city=city,
        cards=cards,
        off=off,
        operation=operation.text,
        variables=json.dumps(variables, indent=2, ensure_ascii=False),
        answer=json.dumps(answer, indent=2, ensure_ascii=False),
        graphiql=f"/graphql?{urlencode({'query': operation.text, 'variables': json.dumps(variables)})}"
        if graphiql
        else "",
    )


async def home_variables(
    services: Services, operation: Operation, city: City, language: str, params: Mapping[str, str]
) -> dict[str, Any]:
    """City, language, what the reader chose in the address, and the plugins' defaults for the rest."""
    variables: dict[str, Any] = {"city": city.slug, "language": language}
    asking = RequestContext(services)
    for name, installed in services.registry.plugins.items():
        home = installed.plugin.home
        ctx = asking.plugin(city, name, language)
        if home is None or not home.variables:
            continue
        defaults = await _defaults(home, ctx) if ctx else {}
        for variable, kind in home.variables.items():
            variables[variable] = _typed(params[variable], kind) if params.get(variable) else defaults.get(variable)
    await asking.close()
    return variables


async def _defaults(home: Home, ctx: Context[Any]) -> Mapping[str, Any]:
    """What the plugin proposes; a plugin that fails here proposes nothing, and its part of the page says the rest."""
    if home.defaults is None:
        return {}
    try:
        return dict(await bounded(home.defaults(ctx), 2))
    except Exception:
        log.exception("home_defaults_failed", plugin=ctx.plugin, city=ctx.city.slug)
        return {}


def _typed(value: str, kind: str) -> Any:
    """A value from the address as the variable's GraphQL type; what does not fit is left for GraphQL to refuse."""
    base = kind.rstrip("!")
    try:
        return {"Float": float, "Int": int}.get(base, str)(value)
    except ValueError:
        return value


def _autonym(language: str) -> str:
    return (Locale.parse(language, sep="-").get_display_name() or language).capitalize()


def _html(content: str, status: int = 200) -> Response[str]:
    return Response(content, status_code=status, media_type="text/html", headers=SECURITY)
