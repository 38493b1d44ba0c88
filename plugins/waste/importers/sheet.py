"""Reads the spreadsheets that towns send as CSV: any separator, with or without header, with footers."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from io import StringIO

from allmende import FeedError
from msgspec import Struct

_DATE = re.compile(
    r"(?P<year>\d{4})-(?P<month>\d{1,2})-(?P<day>\d{1,2})(?:T[\d:.Z+-]*)?"
    r"|(?P<day2>\d{1,2})[./](?P<month2>\d{1,2})(?:[./](?P<year2>\d{4}|\d{2})?)?"
)
_WEEKDAY = re.compile(r"^(?:mo|di|mi|do|fr|sa|so|mon|tue|wed|thu|fri|sat|sun)\w*[.,]*\s+", re.IGNORECASE)


class Line(Struct, frozen=True):
    """One line of the file, by column name."""

    number: int
    cells: Mapping[str, str]
    surplus: bool
    """It has more cells than there are columns, or fewer: footers and shifted lines do."""

    @property
    def place(self) -> str:
        return f"line {self.number}"


def read_lines(text: str, columns: Sequence[str], needed: Sequence[str]) -> Iterator[Line]:
    """The lines below the header. FeedError when a needed column is not there.

    `columns` names them where there is no header. Lines above the header (a title, a date) are passed over.
    """
    text = text.lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    rows = csv.reader(StringIO(text), delimiter=_delimiter(text, [*columns, *needed]))
    header = list(columns)
    passed: list[str] = []
    try:
        while not header:
            cells = [" ".join(cell.split()) for cell in next(rows)]
            if all(name in cells for name in needed):
                header = cells
            passed = passed or [cell for cell in cells if cell]
    except StopIteration:
        missing = [name for name in needed if name not in passed] or list(needed)
        raise FeedError(
            f"column {', '.join(missing)} is not there; the first line has {', '.join(passed) or 'nothing'}. "
            "Map the columns in the source, or name them in `columns` where the file has no header",
            place="the header",
        ) from None
    except csv.Error as error:
        raise FeedError(f"not a valid CSV file: {error}", place=f"line {rows.line_num}") from error
    missing = [name for name in needed if name not in header]
    if missing:
        raise FeedError(f"`columns` does not name {', '.join(missing)}", place="the source's configuration")
    try:
        for cells in rows:
            if any(cell.strip() for cell in cells):
                named = {name: " ".join(cell.split()) for name, cell in zip(header, cells, strict=False) if name}
                yield Line(rows.line_num, {name: named.get(name, "") for name in header}, len(cells) != len(header))
    except csv.Error as error:
        raise FeedError(f"not a valid CSV file: {error}", place=f"line {rows.line_num}") from error


def _delimiter(text: str, names: Sequence[str]) -> str:
    """The separator that occurs most in the header line, or in the first lines where there is none."""
    lines = [line for line in text.splitlines()[:20] if line.strip()]
    header = next((line for line in lines if all(name in line for name in names)), "\n".join(lines))
    return max(";\t|,", key=header.count)


def parse_date(text: str, year: int | None = None) -> date:
    """`Mo, 5.1.2026`, `05.01.26`, `2026-01-05`, and `5.1.` where the year is known. ValueError says what is wrong."""
    match = _DATE.fullmatch(_WEEKDAY.sub("", text.strip()).removesuffix(" 00:00:00"))
    if match is None:
        raise ValueError(f"{text!r} is not a date such as 05.01.2026 or 2026-01-05")
    given = match["year"] or match["year2"]
    if not given and year is None:
        raise ValueError(f"{text!r} has no year; say in the source which one the file `covers`")
    number = int(given) if given else year or 0
    try:
        return date(
            number + 2000 if number < 100 else number,
            int(match["month"] or match["month2"]),
            int(match["day"] or match["day2"]),
        )
    except ValueError:
        raise ValueError(f"{text!r} is not a day of the calendar") from None


def split_cell(text: str) -> list[str]:
    """The values of a cell that holds several."""
    return [part for part in (part.strip() for part in re.split(r"[,;/+|]|\bund\b", text)) if part]
