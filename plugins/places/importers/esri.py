"""Esri JSON: what ArcGIS servers give for `f=json`: `attributes`, `geometry`, a spatial reference by number."""

from __future__ import annotations

from typing import Any

from allmende import Batch, Context, FeedError, Payload, crs_code

from ..config import EsriSource
from .build import places
from .geometry import NoPoint, pair, point_of
from .records import Record, load_json


def read(payload: Payload, source: EsriSource, ctx: Context[Any]) -> Batch:
    document = load_json(payload)
    if isinstance(document, dict) and isinstance(error := document.get("error"), dict):
        raise FeedError(f"the server answered with an error: {error.get('message')}", place="error")
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise FeedError("no Esri JSON: there is no list `features`", place="the document")
    if features and isinstance(features[0], dict) and "properties" in features[0]:
        raise FeedError('this is GeoJSON, not Esri JSON: use kind = "geojson"', place="features[0]")
    records = [_record(index, feature) for index, feature in enumerate(features)]
    return places(records, source, ctx, crs=crs_code(source.crs) if source.crs else _wkid(document))


def _wkid(document: dict[str, Any]) -> int:
    reference = document.get("spatialReference")
    if not isinstance(reference, dict):
        return 4326
    wkid = reference.get("latestWkid") or reference.get("wkid")
    if not isinstance(wkid, int):
        raise FeedError("spatialReference has no number `wkid`; set crs in the source", place="spatialReference")
    return wkid


def _record(index: int, feature: Any) -> Record:
    place = f"features[{index}]"
    if not isinstance(feature, dict):
        return Record(place=place, values={}, problem="not an object")
    values = feature.get("attributes")
    values = values if isinstance(values, dict) else {}
    try:
        return Record(place=place, values=values, position=_point(feature.get("geometry")))
    except NoPoint as problem:
        return Record(place=place, values=values, problem=str(problem))


def _point(geometry: Any) -> tuple[float, float]:
    if not isinstance(geometry, dict):
        raise NoPoint("no geometry")
    if "x" in geometry:
        return pair([geometry["x"], geometry.get("y")])
    for member, kind in (("rings", "Polygon"), ("paths", "MultiLineString"), ("points", "MultiPoint")):
        if member in geometry:
            return point_of({"type": kind, "coordinates": geometry[member]})
    raise NoPoint("the geometry has neither x and y nor rings, paths or points")
