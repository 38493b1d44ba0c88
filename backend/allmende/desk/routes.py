"""Makes the desk's pages into handlers: who asks is found out, the form is checked, faults become pages."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler

from allmende.city.model import City
from allmende.desk import csrf, session
from allmende.desk.form import Form, read
from allmende.desk.office import Office
from allmende.desk.page import Group, Link, Page
from allmende.desk.render import HERE, LANGUAGES, words
from allmende.desk.request import SECURITY, Desk
from allmende.desk.theme import theme
from allmende.errors import AllmendeError, Denied, InputError, NotFound
from allmende.graphql.faults import logged
from allmende.graphql.languages import choose
from allmende.pages.files import static_files
from allmende.reader import ANONYMOUS

log = structlog.get_logger(__name__)
LANGUAGE = "desk_language"
"""Cookie with the language that the reader has chosen."""
GROUPS: Sequence[Group] = ("start", "content", "cases", "feeds", "city")


def desk_routes(office: Office, pages: Sequence[Page]) -> list[Any]:
    """The handlers of all pages, the style sheet with the city's colours, and the desk's own files."""
    static = static_files("/desk-static", HERE / "static")
    lost = Page(path="{rest:path}", show=_lost, act=_lost)
    return [
        *(handler for page in (*pages, lost) for handler in _handlers(office, page, pages)),
        HTTPRouteHandler("/{slug:str}/desk/theme.css", http_method="GET", include_in_schema=False)(_theme(office)),
        static,
    ]


def _handlers(office: Office, page: Page, pages: Sequence[Page]) -> list[Any]:
    path = "/{slug:str}/desk" + (f"/{page.path}" if page.path else "")

    async def answer(request: Request[Any, Any, Any]) -> Response[Any]:
        return await _answer(office, page, pages, request)

    methods: list[Any] = [*(["GET"] if page.show else []), *(["POST"] if page.act else [])]
    options: dict[str, Any] = {"include_in_schema": False, "request_max_body_size": page.size, "status_code": 200}
    return [HTTPRouteHandler(path, http_method=methods, **options)(answer)]


async def _lost(desk: Desk) -> Response[Any]:
    raise NotFound(f"there is no page {desk.here}")


async def _answer(office: Office, page: Page, pages: Sequence[Page], request: Request[Any, Any, Any]) -> Response[Any]:
    """What the page answers; faults are answered as pages, too."""
    city = office.cities().by_slug.get(request.path_params["slug"])
    if city is None:
        return Response("", status_code=404, media_type="text/plain", headers=SECURITY)
    desk = await _desk(office, city, request)
    try:
        if desk.reader is ANONYMOUS and not page.is_open:
            answer = session.ask(desk)
        else:
            if desk.signed and desk.signed.must_enrol and not page.is_open and page.path not in session.ENROLMENT:
                return _finished(desk, desk.go("account/second", said="signin.must_enrol"))
            desk.need("" if page.is_open else page.permission)
            desk.links = [] if desk.reader is ANONYMOUS else navigation(desk, pages)
            answer = await _handle(desk, page)
    except AllmendeError as error:
        answer = _fault(desk, error)
    except Exception as error:
        answer = desk.page(
            "fault.html",
            500,
            title=desk.text("fault.broken"),
            number=logged("desk_failed", error, path=desk.here, city=city.slug),
        )
    return _finished(desk, answer)


def _finished(desk: Desk, answer: Response[Any]) -> Response[Any]:
    """With all that every answer of the desk has."""
    answer.headers.update({name: value for name, value in SECURITY.items() if name not in answer.headers})
    answer.cookies.extend(desk.cookies)
    return answer


async def _desk(office: Office, city: City, request: Request[Any, Any, Any]) -> Desk:
    """Who asks, in which language, with which token."""
    signed = await office.who(city.slug, request.headers.get("cookie", ""))
    asked = str(request.query_params.get("lang") or request.cookies.get(LANGUAGE) or "")
    language = choose(LANGUAGES, asked, request.headers.get("accept-language", ""))
    visitor = "" if signed else request.cookies.get(csrf.VISITOR) or csrf.new_visitor()
    desk = Desk(
        office=office,
        request=request,
        city=city,
        reader=signed.reader if signed else ANONYMOUS,
        language=language,
        csrf=signed.csrf if signed else csrf.token(visitor),
        form=Form({}, {}, partial(words, language)),
        signed=signed,
    )
    if visitor != request.cookies.get(csrf.VISITOR, ""):
        desk.cookies.append(session.cookie(desk, csrf.VISITOR, visitor, 86_400 if visitor else 0))
    if request.query_params.get("lang") in LANGUAGES:
        desk.cookies.append(session.cookie(desk, LANGUAGE, language, 31_536_000))
    return desk


async def _handle(desk: Desk, page: Page) -> Response[Any]:
    handler = page.show
    if desk.request.method == "POST":
        handler = page.act
        if not csrf.is_own(desk.request.headers):
            raise Denied("this form was not sent from the desk's own pages", code="CSRF")
        try:
            sent = await desk.request.form()
        except HTTPException as error:  # no form, or one that breaks off
            raise InputError(error.detail) from error
        desk.form = await read(sent, desk.text)
        if not csrf.holds(desk.form.value(csrf.FIELD), desk.csrf):
            raise Denied("this form was made for another session", code="CSRF")
    assert handler is not None
    return await handler(desk)


def _fault(desk: Desk, error: AllmendeError) -> Response[Any]:
    """A page that says what is wrong and how to go on. What is not there and what may not be seen look different."""
    if error.code == "CSRF":
        return desk.page("fault.html", 403, title=desk.text("fault.csrf"), lead=desk.text("fault.csrf_lead"))
    if isinstance(error, Denied):
        return desk.page("fault.html", 403, title=desk.text("fault.denied"), lead=desk.text("fault.denied_lead"))
    if isinstance(error, NotFound):
        return desk.page("fault.html", 404, title=desk.text("fault.lost"), lead=desk.text("fault.lost_lead"))
    status = 400 if isinstance(error, InputError) else 409
    return desk.page("fault.html", status, title=desk.text("fault.refused"), lead=error.message)


def navigation(desk: Desk, pages: Sequence[Page]) -> list[tuple[Group, list[Link]]]:
    """The entries that this reader may open, by group and in order."""
    found: list[Link] = []
    for page in pages:
        if not desk.may(page.permission):
            continue
        if page.nav:
            nav = page.nav
            found.append(
                Link(group=nav.group, title=desk.text(nav.text), path=page.path, icon=nav.icon, order=nav.order)
            )
        if page.links:
            found.extend(page.links(desk))
    found.sort(key=lambda link: (link.order, link.title))
    return [(group, links) for group in GROUPS if (links := [link for link in found if link.group == group])]


def _theme(office: Office) -> Any:
    async def style(request: Request[Any, Any, Any]) -> Response[str]:
        city = office.cities().by_slug.get(request.path_params["slug"])
        if city is None:
            return Response("", status_code=404, media_type="text/css")
        return Response(theme(city.brand), media_type="text/css", headers={"Cache-Control": "private, max-age=60"})

    return style
