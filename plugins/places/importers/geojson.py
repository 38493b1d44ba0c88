"""GeoJSON (RFC 7946; also the `crs` member of the 2008 version, and coordinates that are text)."""

from __future__ import annotations

from typing import Any

from allmende import Batch, Context, FeedError, Payload, crs_code

from ..config import GeoJsonSource
from .build import places
from .geometry import NoPoint, point_of
from .records import Record, load_json

WGS84 = 4326


def read(payload: Payload, source: GeoJsonSource, ctx: Context[Any]) -> Batch:
    document = load_json(payload)
    if isinstance(document, dict) and document.get("type") == "Feature":
        document = {"features": [document]}
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        hint = ' (this looks like Overpass JSON: kind = "overpass")' if _has(document, "elements") else ""
        hint = hint or (' (a list: kind = "json")' if isinstance(document, list) else "")
        raise FeedError(f"no FeatureCollection: there is no list `features`{hint}", place="the document")
    if features and _has(features[0], "attributes"):
        raise FeedError('this is Esri JSON, not GeoJSON: use kind = "esri"', place="features[0]")
    records = [_record(index, feature) for index, feature in enumerate(features)]
    return places(records, source, ctx, crs=crs_code(source.crs) if source.crs else _crs(document))


def _crs(document: dict[str, Any]) -> int:
    crs = document.get("crs")
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return crs_code(name) if isinstance(name, str) else WGS84


def _record(index: int, feature: Any) -> Record:
    place = f"features[{index}]"
    if not isinstance(feature, dict):
        return Record(place=place, values={}, problem="not an object")
    values = feature.get("properties")
    values = values if isinstance(values, dict) else {}
    try:
        return Record(place=place, values=values, position=point_of(feature.get("geometry")))
    except NoPoint as problem:
        return Record(place=place, values=values, problem=str(problem))


def _has(value: Any, key: str) -> bool:
    return isinstance(value, dict) and key in value
