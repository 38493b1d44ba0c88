"""How much the app is used: charts, the same as a table, and a file. Nothing here tells of anybody (allmende/usage)."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date
from io import StringIO
from typing import Any

from babel import Locale, UnknownLocaleError
from litestar import Response
from msgspec import Struct

from allmende.desk.page import Nav, Page
from allmende.desk.request import Desk
from allmende.usage import FEWER, Span, read, rows

PERMISSION = "desk.usage"
MOST = 25
"""Names in one list, the most frequent."""
LOWEST = 4.0
"""Per cent of a chart's height for what is too little to be told, or to be seen."""


class Timeline(Struct, frozen=True, kw_only=True):
    """A number for each day or week."""

    measure: str
    begins: Sequence[date]
    bars: Sequence[tuple[int, int | None, float]]
    """Which of them, how many (None: too few to be told), and how high in per cent; only where there is something."""
    most: int


async def show(desk: Desk) -> Response[Any]:
    span = _span(desk)
    async with desk.session() as session:
        figures = await read(session, span, desk.now.date(), desk.city.tz)
    timelines = {measure: _timeline(measure, figures.begins, line) for measure, line in figures.timelines.items()}
    breakdowns = {
        measure: [(_title(desk, measure, name), number) for name, number in found[:MOST]]
        for measure, found in figures.breakdowns.items()
    }
    known = any(number != 0 for line in figures.timelines.values() for number in line)
    table = reversed(list(zip(figures.begins, zip(*figures.timelines.values(), strict=True), strict=True)))
    return desk.page(
        "admin/usage.html", span=span, timelines=timelines, breakdowns=breakdowns, table=table, known=known
    )


async def file(desk: Desk) -> Response[Any]:
    """All counts as CSV (RFC 4180)."""
    span = _span(desk)
    async with desk.session() as session:
        found = await rows(session, span, desk.now.date(), desk.city.tz)
    written = StringIO()
    table = csv.writer(written)
    table.writerow(("begins", "span", "measure", "name", "number"))
    for begins, measure, name, number in found:
        table.writerow((begins.isoformat(), span, measure, name, f"<{FEWER}" if number is None else number))
    return desk.file(written.getvalue(), f"{desk.city.slug}-usage-{span}.csv", "text/csv; charset=utf-8")


def _span(desk: Desk) -> Span:
    return "week" if desk.asked("by") == "week" else "day"


def _timeline(measure: str, begins: Sequence[date], line: Sequence[int | None]) -> Timeline:
    most = max((number for number in line if number), default=0)
    bars = [
        (x, number, round(max((number or 0) / (most or FEWER) * 100, LOWEST), 1))
        for x, number in enumerate(line)
        if number != 0
    ]
    return Timeline(measure=measure, begins=begins, bars=bars, most=most)


def _title(desk: Desk, measure: str, name: str) -> str:
    """As readers know it."""
    if name == "other":
        return desk.text(f"usage.other_{measure}")
    if measure == "module" and name in desk.office.registry.plugins:
        return desk.pick(desk.office.registry.plugins[name].manifest.title)
    if measure == "language":
        try:
            return Locale.parse(name, sep="-").get_display_name(desk.language) or name
        except (ValueError, UnknownLocaleError):
            return name
    return name or desk.text("usage.unsaid")


PAGES = (
    Page(path="usage", show=show, permission=PERMISSION,
         nav=Nav(group="city", text="usage.title", icon="chart-column", order=52)),
    Page(path="usage/file", show=file, permission=PERMISSION),
)  # fmt: skip
