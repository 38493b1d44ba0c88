"""The warnings as GeoJSON (RFC 7946), for maps of the neighbourhood."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from allmende import PUBLIC, Context, Reply, Route

from . import service
from .config import WarningsConfig
from .tables import SEVERITIES, CityWarning
from .topics import words


async def geojson(ctx: Context[WarningsConfig], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    """Those in force, with outlines where they are drawn."""
    rows = await service.active(ctx, 100).scalars(ctx)
    collection = {"type": "FeatureCollection", "features": [_feature(ctx, row) for row in rows]}
    return Reply(content=json.dumps(collection, ensure_ascii=False), media_type="application/geo+json", max_age=60)


def _feature(ctx: Context[WarningsConfig], row: CityWarning) -> dict[str, Any]:
    outlines = [[[lon, lat] for lat, lon in ring] for ring in row.polygons]
    geometry: dict[str, Any] = {"type": "Point", "coordinates": [row.lon, row.lat]}
    if outlines:
        geometry = {"type": "MultiPolygon", "coordinates": [[ring] for ring in outlines]}
    texts = words(row.texts, ctx.language, ctx.city.language)
    properties = {
        "headline": texts["headline"] or row.headline,
        "description": texts["description"],
        "instruction": texts["instruction"],
        "severity": SEVERITIES[row.severity],
        "sender": row.sender,
        "sent": ctx.localize(row.sent).isoformat(),
        "expires": ctx.localize(row.expires).isoformat() if row.expires else None,
    }
    return {"type": "Feature", "id": row.id, "geometry": geometry, "properties": properties}


routes = (Route(path="warnings.geojson", handle=geojson, visible=PUBLIC),)
