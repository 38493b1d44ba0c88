"""GeoJSON (RFC 7946), also with coordinates as text, and in the coordinate systems of German offices."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from allmende import Batch, Context, FeedError, Payload, crs_code, to_wgs84

from ..config import GeoJsonSource
from .build import Record, build

Convert = Callable[[float, float], tuple[float, float]]


def read_geojson(payload: Payload, source: GeoJsonSource, ctx: Context[Any]) -> Batch:
    try:
        document = msgspec.json.decode(payload.text().removeprefix("\ufeff"))
    except msgspec.DecodeError as error:
        raise FeedError(f"is no JSON: {error}", place="the file") from error
    features = document.get("features") if isinstance(document, dict) else None
    if not isinstance(features, list):
        raise FeedError("has no list `features`, so it is no GeoJSON", place="the file")
    return build(_records(features, to_wgs84(_code(document))), source, ctx)


def _code(document: dict[str, Any]) -> int:
    """The coordinate system: the `crs` member of GeoJSON 2008, else Esri's `spatialReference`, else WGS 84."""
    reference = document.get("spatialReference")
    if isinstance(reference, dict) and isinstance(reference.get("wkid"), int):
        return int(reference["wkid"])
    crs = document.get("crs")
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return crs_code(name) if isinstance(name, str) else 4326


def _records(features: list[Any], convert: Convert) -> Iterator[Record]:
    for index, feature in enumerate(features):
        if not isinstance(feature, dict):
            yield Record(place=f"features[{index}]", values={})
            continue
        values = feature.get("properties") or feature.get("attributes")
        values = values if isinstance(values, dict) else {}
        lat, lon = _position(feature.get("geometry"), convert)
        yield Record(place=f"features[{index}]", values={"id": feature.get("id"), **values}, lat=lat, lon=lon)


def _position(geometry: Any, convert: Convert) -> tuple[float | None, float | None]:
    """A point's position; car parks drawn as areas, or without a geometry, have none."""
    if not isinstance(geometry, dict):
        return None, None
    pair: Any = geometry.get("coordinates") or (geometry.get("x"), geometry.get("y"))
    try:
        return convert(float(pair[0]), float(pair[1]))
    except (TypeError, ValueError, IndexError, KeyError):
        return None, None
