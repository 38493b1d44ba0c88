"""Tables as text: any delimiter, decimal comma, byte order mark, Windows-1252, repeated columns, footers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from allmende import Batch, Context, FeedError, Payload, crs_code

from ..config import CsvSource
from .build import places
from .records import Record

DELIMITERS = ";,\t|"


def read(payload: Payload, source: CsvSource, ctx: Context[Any]) -> Batch:
    text = payload.text().removeprefix("\ufeff")
    if text.lstrip()[:1] in "<{[":
        raise FeedError("this is XML, HTML or JSON, not a table", place="line 1")
    records = list(_records(text, source.delimiter or _delimiter(text)))
    return places(records, source, ctx, crs=crs_code(source.crs) if source.crs else 4326)


def _delimiter(text: str) -> str:
    """The candidate that occurs most often in the header, outside of quotes."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    bare = "".join(header.split('"')[::2])
    best = max(DELIMITERS, key=bare.count)
    if not bare.count(best):
        raise FeedError(
            f"the header has only one column ({header.strip()[:40]!r}): this is not a table, or it has an unusual "
            "delimiter (give it as `delimiter`)",
            place="line 1",
        )
    return best


def _records(text: str, delimiter: str) -> Iterator[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    header: list[str] = []
    line = 1
    try:
        for cells in reader:
            start, line = line, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _unique(cells)
                continue
            values = dict(zip(header, cells, strict=False))
            yield Record(place=f"line {start}", values=values, problem=_misfit(cells, header))
    except csv.Error as error:
        raise FeedError(str(error), place=f"line {reader.line_num}") from error


def _unique(cells: list[str]) -> list[str]:
    """Column names; the second `name` becomes `name#2`, an empty one `column 3`."""
    names: list[str] = []
    for position, cell in enumerate(cells, 1):
        name = cell.strip() or f"column {position}"
        earlier = sum(other.partition("#")[0] == name for other in names)
        names.append(f"{name}#{earlier + 1}" if earlier else name)
    return names


def _misfit(cells: list[str], header: list[str]) -> str:
    """Whether a line cannot be read by the header: unquoted delimiters shift its columns, or it is a footer."""
    filled = sum(1 for cell in cells if cell.strip())
    if any(cell.strip() for cell in cells[len(header) :]):
        return f"{len(cells)} cells for {len(header)} columns: an unquoted delimiter has shifted them"
    if len(cells) != len(header) and filled <= len(header) // 2:
        return f"{len(cells)} cells ({filled} filled) for {len(header)} columns: a footer or remark, not a place"
    return ""
