"""The inbox as a table that spreadsheets open: what is public or of the office, nothing of who has submitted it."""

from __future__ import annotations

import csv
import io
from datetime import datetime
from typing import Any

from litestar import Response

from allmende.desk.cases import inbox, reading
from allmende.desk.page import Page
from allmende.desk.request import Desk

MOST = 5_000


async def table(desk: Desk) -> Response[Any]:
    """The cases that fit the filters as CSV, newest first, in the reader's language."""
    statement = inbox.chosen(desk).order_by(*inbox.LATEST).limit(MOST)
    async with desk.session() as session:
        found = (await session.scalars(statement)).all()
    out = io.StringIO()
    writer = csv.writer(out, delimiter=";")
    columns = ("number", "kind", "category", "status", "title", "department", "assignee", "place", "lat", "lon")
    moments = ("created", "deadline", "closed")
    writer.writerow([desk.text(f"cases.column.{name}") for name in (*columns, *moments)])
    for row in reading.rows(desk, found, await reading.names(desk)):
        case = row.case
        words = (case.number, row.kind, row.category, row.status, case.title, case.department, row.assignee)
        at = (case.created, case.deadline, case.closed)
        writer.writerow(
            [_safe(cell) for cell in (*words, case.address)]
            + [_degrees(desk, degrees) for degrees in (case.lat, case.lon)]
            + [_moment(desk, moment) for moment in at]
        )
    return desk.file("\ufeff" + out.getvalue(), f"{desk.city.slug}-cases.csv", "text/csv")


def _safe(text: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t") else text


def _degrees(desk: Desk, degrees: float | None) -> str:
    """With a comma in German: there, spreadsheets take 7.63 for a date."""
    text = "" if degrees is None else f"{degrees:.6f}"
    return text.replace(".", ",") if desk.language == "de" else text


def _moment(desk: Desk, moment: datetime | None) -> str:
    local = desk.local(moment)
    return f"{local:%Y-%m-%d %H:%M}" if local else ""


PAGES = (Page(path="cases-table", show=table, permission="cases.export"),)
