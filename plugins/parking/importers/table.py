"""CSV with a header line; positions in two columns or as WKT."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from typing import Any

from allmende import Batch, Context, FeedError, Payload

from ..config import CsvSource
from .build import Record, build
from .values import number

_POINT = re.compile(r"POINT\s*\(\s*(-?[\d.]+)\s+(-?[\d.]+)\s*\)", re.I)


def read_csv(payload: Payload, source: CsvSource, ctx: Context[Any]) -> Batch:
    lines = csv.DictReader(payload.text().removeprefix("\ufeff").splitlines(), delimiter=source.delimiter)
    names = [name.strip() for name in source.fields.name.split("|")]
    if not set(names) & set(lines.fieldnames or ()):
        columns = ", ".join(str(field) for field in (lines.fieldnames or ())[:20]) or "nothing"
        reason = f"has none of the columns {', '.join(names)} (it has {columns}); set fields.name or delimiter"
        raise FeedError(reason, place="line 1")
    return build(_records(lines, source), source, ctx)


def _records(lines: csv.DictReader[str], source: CsvSource) -> Iterator[Record]:
    try:
        for line in lines:
            lat, lon = _position(line, source)
            yield Record(place=f"line {lines.line_num}", values=line, lat=lat, lon=lon)
    except csv.Error as error:
        raise FeedError(str(error), place=f"line {lines.line_num}") from error


def _position(line: Mapping[str, Any], source: CsvSource) -> tuple[float | None, float | None]:
    fields = source.fields
    point = _POINT.search(str(line.get(fields.wkt) or "")) if fields.wkt else None
    if point:
        return float(point[2]), float(point[1])
    return number(line.get(fields.lat)), number(line.get(fields.lon))
