"""Two pages that mails lead to: agree to be written to, and opt out with one click (RFC 8058)."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.params import FromPath

from allmende.city.model import City
from allmende.graphql.languages import choose
from allmende.graphql.request import Services
from allmende.notify import subscribing
from allmende.notify.words import word
from allmende.pages.render import page
from allmende.pages.views import SECURITY

_HEADERS = {**SECURITY, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}


def notify_pages(services: Services) -> list[Any]:
    """The handlers. To look at a page changes nothing: mail programs open links by themselves."""

    def shown(request: Request[Any, Any, Any], city: City | None, what: str, state: str, known: bool) -> Response[str]:
        header, asked = request.headers.get("accept-language", ""), request.query_params.get("lang")
        if city is None or what not in ("confirm", "out"):
            lost = page("lost.html", language=choose(("de", "en"), asked, header), what=request.url.path)
            return Response(lost, status_code=404, media_type="text/html", headers=_HEADERS)
        language = choose(city.languages, asked, header)
        words = {
            "heading": word(language, f"{what}.heading"),
            "text": word(language, f"{what}.{state}" if known else "out.unknown", city=city.name),
            "button": word(language, f"{what}.button") if state == "question" and known else "",
        }
        html = page("notify.html", language=language, city=city, **words)
        return Response(html, status_code=200 if known else 404, media_type="text/html", headers=_HEADERS)

    @get("/{slug:str}/notify/{what:str}/{ticket:str}", include_in_schema=False)
    async def ask(
        request: Request[Any, Any, Any], slug: FromPath[str], what: FromPath[str], ticket: FromPath[str]
    ) -> Response[str]:
        city = services.cities().by_slug.get(slug)
        known = False
        if city is not None:
            async with services.database.session(slug) as session:
                known = await subscribing.by_ticket(session, ticket[:100]) is not None
        return shown(request, city, what, "question", known)

    @post("/{slug:str}/notify/{what:str}/{ticket:str}", include_in_schema=False, status_code=200)
    async def do(
        request: Request[Any, Any, Any], slug: FromPath[str], what: FromPath[str], ticket: FromPath[str]
    ) -> Response[str]:
        city = services.cities().by_slug.get(slug)
        done = False
        if city is not None and what in ("confirm", "out"):
            async with services.database.transaction(slug) as session:
                if what == "confirm":
                    done = await subscribing.confirm(session, ticket[:100])
                else:
                    done = await subscribing.opt_out(session, ticket[:100], services.clock())
        return shown(request, city, what, "done", done)

    return [ask, do]
