"""The desk's own cookies, and the way to the sign-in page and back."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from litestar import Response
from litestar.datastructures import Cookie

from allmende.accounts.sessions import cookie_name
from allmende.accounts.tokens import LIVES

if TYPE_CHECKING:
    from allmende.desk.request import Desk


LIFE = LIVES["session"] or timedelta(hours=12)
ENROLMENT = ("account/second", "account/second/begin", "account/second/confirm", "sign-out")
"""The pages for somebody who has to set up a second factor before anything else."""


def cookie(desk: Desk, name: str, value: str, seconds: int) -> Cookie:
    """A cookie for this city's desk. Lax, so that a link in an e-mail leads to the page and not to the sign-in."""
    return Cookie(
        key=name,
        value=value,
        path=desk.address(),
        max_age=seconds,
        httponly=True,
        samesite="lax",
        secure=desk.office.production,
    )


def ask(desk: Desk) -> Response[Any]:
    """Send somebody who is not signed in to the sign-in page, and back afterwards. A fragment is asked for by htmx;
    what it sends of a form (401) must not lead away from all that stands in the form."""
    back = desk.here if desk.request.method == "GET" else ""
    target = desk.address("sign-in", back=back)
    if "hx-request" in desk.request.headers:
        if desk.request.method == "POST":
            return Response(b"", status_code=401)
        return Response(b"", headers={"HX-Redirect": target})
    return Response(b"", status_code=303, headers={"Location": target})


def signed_in(desk: Desk, token: str, *parts: str) -> Response[Any]:
    """Go on with this session; without a token, the session is over."""
    desk.cookies.append(
        Cookie(
            key=cookie_name(desk.city.slug, secure=desk.office.production),
            value=token,
            path="/",
            max_age=int(LIFE.total_seconds()) if token else 0,
            httponly=True,
            samesite="lax",
            secure=desk.office.production,
        )
    )
    return desk.go(*parts)
