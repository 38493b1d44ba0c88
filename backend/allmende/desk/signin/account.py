"""One's own account: password, second factor, and where one is signed in."""

from __future__ import annotations

from typing import Any

from litestar import Response
from markupsafe import Markup

from allmende.accounts.holdings import end_holding, holdings
from allmende.accounts.second import begin_enrolment, confirm_enrolment
from allmende.accounts.staff import list_staff, set_password
from allmende.desk.page import Page
from allmende.desk.request import Desk
from allmende.desk.session import signed_in
from allmende.errors import InputError

SMALL = 20_000


async def show(desk: Desk) -> Response[Any]:
    return await _page(desk)


async def _page(desk: Desk) -> Response[Any]:
    accounts, city = desk.office.accounts, desk.city.slug
    status = 422 if desk.form.errors else 200
    mine = await list_staff(accounts, city, account=desk.reader.id)
    held = await holdings(accounts, city, desk.reader.id)
    here = desk.signed.family if desk.signed else ""
    return desk.page("signin/account.html", status, me=mine[0] if mine else None, held=held, here=here)


async def password(desk: Desk) -> Response[Any]:
    """A new password ends every session, this one too."""
    first, second = desk.form.value("password"), desk.form.value("again")
    if first != second:
        desk.form.fault("again", "signin.differ")
    elif not desk.form.errors:
        try:
            await set_password(desk.office.accounts, desk.city.slug, desk.reader.id, first, by=desk.reader)
        except InputError:
            desk.form.fault("password", "signin.weak")
        else:
            return signed_in(desk, "", "sign-in")
    return await _page(desk)


async def end(desk: Desk) -> Response[Any]:
    """Sign out one session, or all of them."""
    everywhere = desk.form.flag("everywhere")
    await end_holding(desk.office.accounts, desk.reader, desk.form.value("family"), everywhere=everywhere)
    return signed_in(desk, "", "sign-in") if everywhere else desk.go("account", said="signin.ended")


async def second(desk: Desk) -> Response[Any]:
    return desk.page("signin/second.html", enrolment=None)


async def begin(desk: Desk) -> Response[Any]:
    enrolment = await begin_enrolment(desk.office.accounts, desk.city.slug, desk.reader.id)
    return desk.page("signin/second.html", enrolment=enrolment, picture=Markup(enrolment.svg))


async def confirm(desk: Desk) -> Response[Any]:
    """Right: the recovery codes, this one time. Wrong: a new secret, since the old one is not shown twice."""
    try:
        code = desk.form.line("code", required=True, most=20).replace(" ", "")
        codes = await confirm_enrolment(desk.office.accounts, desk.city.slug, desk.reader.id, code)
    except InputError:
        desk.form.fault("code", "signin.code_failed")
        enrolment = await begin_enrolment(desk.office.accounts, desk.city.slug, desk.reader.id)
        return desk.page("signin/second.html", 422, enrolment=enrolment, picture=Markup(enrolment.svg))
    return desk.page("signin/recovery.html", codes=codes)


PAGES = (
    Page(path="account", show=show),
    Page(path="account/password", act=password, size=SMALL),
    Page(path="account/end", act=end, size=SMALL),
    Page(path="account/second", show=second),
    Page(path="account/second/begin", act=begin, size=SMALL),
    Page(path="account/second/confirm", act=confirm, size=SMALL),
)
