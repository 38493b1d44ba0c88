"""CSV tables that say to which districts or tours each street, or range of house numbers, belongs."""

from __future__ import annotations

from typing import Any

from allmende import Batch, Context, FeedError, Payload, Refusal, stable_id

from ..config import StreetsSource
from ..names import fold
from ..numbers import Span, dump, parse_number, parse_parity, parse_spans
from ..tables import WasteRange, WasteStreet
from .sheet import Line, read_lines, split_cell


def read(payload: Payload, source: StreetsSource, ctx: Context[Any]) -> Batch:
    """One line per street or range; lines of the same street (and place) are put together."""
    wanted = (source.street, source.place, source.numbers, source.number_from, source.number_to, source.parity)
    needed = [name for name in (*wanted, *source.districts) if name]
    streets: dict[str, WasteStreet] = {}
    ranges: dict[str, WasteRange] = {}
    refused: list[Refusal] = []
    for line in read_lines(payload.text(), source.columns, needed):
        try:
            street = _street(line, source)
            parent = stable_id(ctx.city.slug, source.id, WasteStreet, street.key)
            part = _range(line, source, street.key, parent)
            if part.key in ranges:
                raise ValueError(f"{street.label} {part.numbers} is there twice, with other districts before")
            streets.setdefault(street.key, street)
            ranges[part.key] = part
        except ValueError as error:
            refused.append(Refusal(place=line.place, reason=str(error)))
    if not streets:
        reason = f": {refused[0].reason}" if refused else ""
        raise FeedError(f"there is no usable street in it{reason}", place=refused[0].place if refused else "the file")
    return Batch(rows=[*streets.values(), *ranges.values()], refused=refused)


def _street(line: Line, source: StreetsSource) -> WasteStreet:
    name, place = line.cells[source.street], line.cells.get(source.place, "")
    folded = fold(name)
    if not any(char.isalpha() for char in folded):
        raise ValueError(f"{name!r} is not the name of a street")
    return WasteStreet(key=f"{folded}|{fold(place)}", name=name, place=place, folded=folded)


def _range(line: Line, source: StreetsSource, street: str, parent: str) -> WasteRange:
    cells = line.cells
    districts = [
        template.replace("{}", value)
        for column, template in source.districts.items()
        for value in split_cell(cells[column])
    ]
    if not districts:
        raise ValueError(f"{cells[source.street]!r} has no value in {', '.join(source.districts)}")
    if source.number_from or source.number_to:
        spans, text = _from_columns(cells.get(source.number_from, ""), cells.get(source.number_to, ""), source, line)
    else:
        text = cells.get(source.numbers, "")
        spans = parse_spans(text)
    key = f"{street}|{dump(spans)}"
    if len(key) > 512:
        raise ValueError("too many ranges in one line; give them a line each")
    return WasteRange(key=key, parent=parent, numbers=text, spans=dump(spans), districts=districts)


def _from_columns(first: str, last: str, source: StreetsSource, line: Line) -> tuple[list[Span], str]:
    parity = line.cells.get(source.parity, "")
    low = parse_number(first) if first else (0, "")
    high = parse_number(last) if last else (99_999, "")
    if high[0] < low[0]:
        raise ValueError(f"house numbers {first}-{last} end before they begin")
    given = f"{first}–{last}" if first and last else f"ab {first}" if first else f"bis {last}" if last else ""
    return [Span(*low, *high, parse_parity(parity))], f"{given} {parity}".strip()
