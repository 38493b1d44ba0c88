"""CSV tables with dates: one line per date, or a column per fraction that holds districts, or dates."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from allmende import Batch, Context, FeedError, Payload, Refusal

from ..catalogue import Matcher, effective, note
from ..config import DatesSource
from ..tables import WastePickup, pickup
from .coverage import make_batch
from .sheet import Line, parse_date, read_lines, split_cell

CONFIGURATION = "the source's configuration"
_MARKS = {"x", "ja", "yes", "1x", "•", "✓"}


def read(payload: Payload, source: DatesSource, ctx: Context[Any]) -> Batch:
    """Reads whichever of the three layouts the source's columns describe; README.md shows them."""
    _check(source, ctx)
    needed = [name for name in (source.date, source.district, source.fraction, *source.fractions) if name]
    matcher = Matcher(ctx.config)
    found: list[tuple[str, WastePickup]] = []
    refused: list[Refusal] = []
    for line in read_lines(payload.text(), source.columns, needed):
        try:
            rows = list(_rows(line, source, matcher))
            if not rows:
                raise ValueError("names no pickup")
            found.extend((line.place, row) for row in rows)
        except ValueError as error:
            refused.append(Refusal(place=line.place, reason=str(error)))
    return make_batch(found, refused, ctx, source.covers)


def _check(source: DatesSource, ctx: Context[Any]) -> None:
    """The options must describe one layout."""
    if bool(source.fraction) == bool(source.fractions):
        raise FeedError("give either `fraction` (a column) or `fractions` (columns)", place=CONFIGURATION)
    if not source.date and (source.fraction or not source.district):
        raise FeedError("`date` is missing: the column with the date", place=CONFIGURATION)
    unknown = sorted(set(source.fractions.values()) - effective(ctx.config).keys())
    if unknown:
        raise FeedError(f"`fractions` names {unknown[0]}, which is not configured", place=CONFIGURATION)


def _rows(line: Line, source: DatesSource, matcher: Matcher) -> Iterator[WastePickup]:
    cells = line.cells
    remark = cells.get(source.note, "")
    own = split_cell(cells[source.district]) if source.district else [""]
    if source.fraction:
        day = parse_date(cells[source.date], source.covers)
        title = cells[source.fraction]
        ids = matcher.ids(title)
        if not ids:
            raise ValueError(f"no fraction matches {title!r}; add it to `aliases` of a fraction in waste.toml")
        if not own:
            raise ValueError(f"{source.district} is empty")
        yield from (pickup(district, day, id_, remark or note(title)) for id_ in ids for district in own)
        return
    if source.date:
        day = parse_date(cells[source.date], source.covers)
    for column, id_ in source.fractions.items():
        values = split_dates(cells[column]) if not source.date else split_cell(cells[column])
        for value in values:
            if not source.date:
                yield from (pickup(d, parse_date(value, source.covers), id_, remark) for d in own)
            elif value.casefold() in _MARKS:
                yield from (pickup(district, day, id_, remark) for district in own)
            else:
                yield pickup(value, day, id_, remark)


def split_dates(text: str) -> list[str]:
    """The dates of a cell: separated by commas, blanks or line ends, each perhaps with its weekday."""
    return re.findall(r"[\d./-]*\d[\d./-]*", text) if re.search(r"\d", text) else [text] if text else []
