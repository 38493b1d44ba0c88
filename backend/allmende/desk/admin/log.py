"""The audit log: what staff did, the newest first, and whether it is what was written."""

from __future__ import annotations

import json
from collections.abc import Mapping
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
    lines = [(one, _done(desk, one.action), _detail(one.detail)) for one in found[:FIRST]]
    more = found[FIRST - 1].number if len(found) > FIRST else 0
    return desk.page("admin/log.html", lines=lines, more=more, verdict=verdict, action=desk.asked("action"))


def _done(desk: Desk, action: str) -> str:
    """What was done, in words where there are some: plugins write down actions of their own."""
    try:
        return desk.text(f"admin.done.{action}")
    except KeyError:
        return ""


def _detail(detail: Mapping[str, Any]) -> str:
    """`name: Neu · roles: editor news`."""

    def plain(value: Any) -> str:
        if isinstance(value, dict):
            return ", ".join(f"{key}: {plain(one)}" for key, one in value.items())
        if isinstance(value, list):
            return ", ".join(" ".join(map(str, one)) if isinstance(one, list) else plain(one) for one in value)
        return value if isinstance(value, str) else json.dumps(value)

    return " · ".join(f"{key}: {plain(value)}" for key, value in detail.items())


PAGES = (
    Page(path="log", show=show, permission=PERMISSION,
         nav=Nav(group="city", text="admin.log", icon="scroll-text", order=54)),
)  # fmt: skip
