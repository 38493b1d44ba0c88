"""A case leaves the desk: for another city or a body outside, which goes on with it, or as a file."""

from __future__ import annotations

from typing import Any

from litestar import Response

from allmende import cases
from allmende.desk.cases.case import CASE, SMALL, found, receivers, show
from allmende.desk.page import Page
from allmende.desk.request import Desk
from allmende.errors import Denied, InputError


async def hand_over(desk: Desk) -> Response[Any]:
    """To a city of this instance or a body outside, with a word to the submitter; the case is closed here."""
    form = desk.form
    async with desk.transaction() as session:
        case, _, ctx = await found(desk, session, work=True)
        city = form.choice("city", [slug for slug, _ in receivers(desk, ctx.plugin)], required=False)
        body, word = form.line("body", most=200), form.text("word", most=5_000)
        if bool(city) == bool(body):
            form.fault("body", "cases.one_receiver")
        if not case.open:
            form.fault("body", "cases.closed_already")
        if not form.errors:
            await cases.hand_over(session, ctx, case, city=city, body=body, text=word)
    if form.errors:
        return await show(desk)
    if city:
        await cases.deliver(ctx, desk.office.services.receiver, desk.office.files)
    to = body or desk.office.cities().by_slug[city].name
    return desk.go("cases", case.id, said="cases.said.handed_over", to=to)


async def export(desk: Desk) -> Response[Any]:
    """The whole case with its pictures as one file: `format=html` to read and print, `format=json` for machines."""
    form = desk.asked("format")
    if form not in ("html", "json"):
        raise InputError("format: html or json")
    async with desk.session() as session:
        case, kind, ctx = await found(desk, session)
        if not desk.reader.may("cases.export", ctx.plugin):
            raise Denied("this needs the permission cases.export")
        whole = await cases.gather(session, case, desk.office.files)
    if form == "json":
        return desk.file(cases.to_json(whole), f"{case.number}.json", "application/json")
    return desk.file(cases.to_html(ctx.in_language(desk.language), kind, whole), f"{case.number}.html", "text/html")


PAGES = (
    Page(path=f"{CASE}/hand-over", act=hand_over, size=SMALL),
    Page(path=f"{CASE}/export", show=export),
)
