"""How many cases there are, where, and how long they take; as bars and as a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from litestar import Response

from allmende import cases
from allmende.desk.cases import reading
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
    named = reading.categories(desk)
    return desk.page(
        "cases/figures.html",
        lines=_lines(counts, lambda one: one.department, desk.text("cases.nobody")),
        categories=_lines(counts, lambda one: named.get(one.category, one.category), desk.text("cases.no_category")),
        days=days,
        spans=SPANS,
    )


def _lines(counts: Sequence[cases.Count], of: Callable[[cases.Count], str], nothing: str) -> list[tuple[Any, ...]]:
    """(name, cases, open ones, overdue ones, days until the end or None), the most first."""
    found: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0, 0, 0])
    for one in counts:
        line = found[of(one)]
        line[0] += one.cases
        line[1] += one.cases if one.open else 0
        line[2] += one.overdue
        if one.hours is not None:
            line[3] += one.hours * one.cases
            line[4] += one.cases
    return [
        (name or nothing, *map(int, line[:3]), round(line[3] / line[4] / 24, 1) if line[4] else None)
        for name, line in sorted(found.items(), key=lambda pair: -pair[1][0])
    ]


PAGES = (Page(path="cases-figures", show=show),)
