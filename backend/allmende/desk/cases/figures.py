"""How many cases there are, where, and how long they take; as bars and as a table."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import Any

from litestar import Response

from allmende import cases
from allmende.desk.page import Page
from allmende.desk.request import Desk
from allmende.errors import Denied

SPANS = (30, 90, 365)


async def show(desk: Desk) -> Response[Any]:
    if not (desk.may("cases.read") or desk.may("cases.work")):
        raise Denied("figures of all cases need the permission cases.read")
    days = int(desk.asked("days")) if desk.asked("days") in map(str, SPANS) else 90
    since = desk.office.clock() - timedelta(days=days)
    async with desk.session() as session:
        counts = await cases.statistics(session, desk.office.clock(), since)
    found: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for one in counts:
        line = found[one.department]
        line[0] += one.cases
        line[1] += one.cases if one.open else 0
        line[2] += one.overdue
        if one.hours is not None:
            line[3] += one.hours * one.cases
            line[4] += one.cases
    lines = [
        (name or desk.text("cases.nobody"), *map(int, line[:3]), round(line[3] / line[4] / 24, 1) if line[4] else None)
        for name, line in sorted(found.items(), key=lambda pair: -pair[1][0])
    ]
    return desk.page("cases/figures.html", lines=lines, days=days, spans=SPANS)


PAGES = (Page(path="cases-figures", show=show),)
