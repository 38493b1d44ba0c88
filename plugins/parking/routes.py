"""`/<city>/parking/car-parks.geojson`: all car parks for maps and other cities' apps (RFC 7946)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from allmende import Context, Reply

from . import service


async def geojson(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    found = await service.by_name(ctx, service.MOST, free=False)
    features = [
        {
            "type": "Feature",
            "id": each.row.id,
            "geometry": {"type": "Point", "coordinates": [each.row.lon, each.row.lat]},
            "properties": {
                "name": each.row.name,
                "capacity": each.row.capacity,
                "free": each.row.free,
                "stale": service.is_stale(each.row, ctx),
                "updated": each.row.updated_at,
            },
        }
        for each in found
        if each.row.lat is not None
    ]
    document = {"type": "FeatureCollection", "features": features}
    return Reply(content=msgspec.json.encode(document), media_type="application/geo+json", max_age=60)
