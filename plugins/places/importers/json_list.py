"""Any JSON document that holds a list of objects, with the paths of its values in the source's `fields`."""

from __future__ import annotations

from typing import Any

from allmende import Batch, Context, FeedError, Payload, crs_code

from ..config import JsonSource
from .build import places
from .records import Record, load_json, lookup


def read(payload: Payload, source: JsonSource, ctx: Context[Any]) -> Batch:
    document = load_json(payload)
    found = lookup(document, source.items) if source.items and isinstance(document, dict) else document
    if not isinstance(found, list):
        members = f"; the document has {', '.join(list(document)[:12])}" if isinstance(document, dict) else ""
        raise FeedError(
            f"there is no list here: set `items` to its path{members}", place=source.items or "the document"
        )
    prefix = source.items or "$"
    records = [
        Record(
            place=f"{prefix}[{index}]",
            values=item if isinstance(item, dict) else {},
            problem="" if isinstance(item, dict) else "not an object",
        )
        for index, item in enumerate(found)
        if index >= source.first
    ]
    return places(records, source, ctx, crs=crs_code(source.crs) if source.crs else 4326)
