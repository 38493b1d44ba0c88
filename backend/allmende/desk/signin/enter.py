"""Signing in and out. Whoever fails is told the same whatever was wrong, and has to wait after some attempts."""

from __future__ import annotations

import re
from typing import Any

from litestar import Response

from allmende.accounts.attempts import TooManyAttempts
from allmende.accounts.sessions import sign_out
from allmende.accounts.signing_in import SecondFactorNeeded, follow_link, sign_in_code, sign_in_password
from allmende.desk.page import Page
from allmende.desk.request import Desk
from allmende.desk.session import signed_in
from allmende.errors import Denied
from allmende.reader import ANONYMOUS

_BACK = re.compile(r"[a-z0-9][a-z0-9/_.-]{0,200}")
SMALL = 20_000


def _back(desk: Desk) -> str:
    """Where the reader wanted to go, below this desk; nothing else is followed."""
    wanted = desk.form.value("back") or desk.asked("back")
    return wanted if _BACK.fullmatch(wanted) and "//" not in wanted else ""


async def show(desk: Desk) -> Response[Any]:
    if desk.reader is not ANONYMOUS:
        return desk.go(_back(desk))
    return _form(desk)


def _form(desk: Desk) -> Response[Any]:
    status = 422 if desk.form.errors else 200
    return desk.page("signin/password.html", status, back=_back(desk), passwords=desk.city.login.passwords)


async def by_password(desk: Desk) -> Response[Any]:
    email, password = desk.form.line("email", required=True), desk.form.value("password")
    if not password:
        desk.form.fault("password", "form.required")
    if desk.form.errors or not desk.city.login.passwords:
        return _form(desk)
    try:
        token = await sign_in_password(desk.office.accounts, desk.city.slug, email, password, client=desk.client)
    except SecondFactorNeeded as needed:
        return desk.page("signin/code.html", halfway=needed.halfway, back=_back(desk))
    except TooManyAttempts as error:
        desk.form.fault("password", "signin.wait", seconds=error.retry_after)
        return _form(desk)
    except Denied:
        desk.form.fault("password", "signin.failed")
        return _form(desk)
    return signed_in(desk, token, _back(desk))


async def by_code(desk: Desk) -> Response[Any]:
    code, halfway = desk.form.line("code", required=True, most=40), desk.form.value("halfway")
    if not desk.form.errors:
        try:
            token = await sign_in_code(desk.office.accounts, desk.city.slug, halfway, code, client=desk.client)
        except TooManyAttempts as error:
            desk.form.fault("code", "signin.wait", seconds=error.retry_after)
        except Denied:
            desk.form.fault("code", "signin.code_failed")
        else:
            return signed_in(desk, token, _back(desk))
    return desk.page("signin/code.html", 422, halfway=halfway, back=_back(desk))


async def link(desk: Desk) -> Response[Any]:
    """A link from an e-mail or the command line: asks first, since scanners of mail follow links, too."""
    return desk.page("signin/link.html", link=desk.asked("link", most=300), failed=False)


async def by_link(desk: Desk) -> Response[Any]:
    try:
        token = await follow_link(desk.office.accounts, desk.city.slug, desk.form.value("link")[:300])
    except Denied:
        return desk.page("signin/link.html", 403, link="", failed=True)
    return signed_in(desk, token)


async def leave(desk: Desk) -> Response[Any]:
    if desk.signed is not None:
        await sign_out(desk.office.accounts, desk.signed)
    return signed_in(desk, "", "sign-in")


PAGES = (
    Page(path="sign-in", show=show, act=by_password, is_open=True, size=SMALL),
    Page(path="sign-in/code", act=by_code, is_open=True, size=SMALL),
    Page(path="enter", show=link, act=by_link, is_open=True, size=SMALL),
    Page(path="sign-out", act=leave, is_open=True, size=SMALL),
)
