"""The desk's own cookies, and the way to the sign-in page and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from litestar import Response
from litestar.datastructures import Cookie

if TYPE_CHECKING:
    from allmende.desk.request import Desk


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
    """Send somebody who is not signed in to the sign-in page, and back afterwards. A fragment is asked for by htmx."""
    back = desk.here if desk.request.method == "GET" else ""
    target = desk.address("sign-in", back=back)
    if "hx-request" in desk.request.headers:
        return Response(b"", headers={"HX-Redirect": target})
    return Response(b"", status_code=303, headers={"Location": target})
