"""The audit log: what staff did, the newest first, and whether it is what was written."""

from __future__ import annotations

import json
from typing import Any

from litestar import Response

from allmende.accounts.audit import entries, verify
from allmende.desk.page import Nav, Page
from allmende.desk.request import Desk

PERMISSION = "desk.audit"
FIRST = 50


async def show(desk: Desk) -> Response[Any]:
    before = desk.asked("before")
    number = int(before) if before.isdecimal() and len(before) < 10 else None
    found = await entries(
        desk.office.database, desk.city.slug, before=number, action=desk.asked("action"), first=FIRST + 1
    )
    verdict = await verify(desk.office.database, desk.city.slug) if desk.asked("verify") else None
    desk.form.fill(action=desk.asked("action"))
    lines = [(one, json.dumps(one.detail, ensure_ascii=False) if one.detail else "") for one in found[:FIRST]]
    more = found[FIRST - 1].number if len(found) > FIRST else 0
    return desk.page("admin/log.html", lines=lines, more=more, verdict=verdict, action=desk.asked("action"))


PAGES = (
    Page(path="log", show=show, permission=PERMISSION,
         nav=Nav(group="city", text="admin.log", icon="scroll-text", order=54)),
)  # fmt: skip
