"""OpenStreetMap elements from an Overpass API: nodes as they are, ways and relations by their `center`."""

from __future__ import annotations

from typing import Any

from allmende import Batch, Context, FeedError, Payload

from ..config import OverpassSource
from .build import places
from .geometry import NoPoint, pair
from .records import Record, load_json


def read(payload: Payload, source: OverpassSource, ctx: Context[Any]) -> Batch:
    document = load_json(payload)
    elements = document.get("elements") if isinstance(document, dict) else None
    if not isinstance(elements, list):
        raise FeedError("no Overpass answer: there is no list `elements`", place="the document")
    if remark := document.get("remark"):
        # The API answers 200 with half the data when it runs out of time or memory.
        raise FeedError(f"the answer is incomplete: {str(remark)[:200]}", place="remark")
    records = [_record(index, element) for index, element in enumerate(elements) if not _is_corner(element)]
    return places(records, source, ctx, crs=4326)


def _is_corner(element: Any) -> bool:
    """A node without tags is only a corner of a way."""
    return isinstance(element, dict) and element.get("type") == "node" and not element.get("tags")


def _record(index: int, element: Any) -> Record:
    if not isinstance(element, dict):
        return Record(place=f"elements[{index}]", values={}, problem="not an object")
    key = f"{element.get('type')}/{element.get('id')}"
    place = f"elements[{index}] {key}"
    tags = element.get("tags")
    values = tags if isinstance(tags, dict) else {}
    try:
        return Record(place=place, values=values, position=_point(element), key=key)
    except NoPoint as problem:
        return Record(place=place, values=values, problem=str(problem), key=key)


def _point(element: dict[str, Any]) -> tuple[float, float]:
    for holder in (element, element.get("center")):
        if isinstance(holder, dict) and "lat" in holder:
            return pair([holder.get("lon"), holder["lat"]])
    bounds = element.get("bounds")
    if isinstance(bounds, dict):
        west, south = pair([bounds.get("minlon"), bounds.get("minlat")])
        east, north = pair([bounds.get("maxlon"), bounds.get("maxlat")])
        return (west + east) / 2, (south + north) / 2
    raise NoPoint("no position: end the query with `out center;`")
