"""The city's places as a GeoJSON file, for other people's maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from allmende import Context, InputError, Reply

from . import service
from .tables import PlacesPlace

CAP = 20_000
CHUNK = 500


async def export(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    """`places.geojson?category=…`: all places, or those of one category, as RFC 7946 says."""
    category = query.get("category") or None
    known = {category.id for category in ctx.config.categories} | {"other"}
    if category is not None and category not in known:
        raise InputError(f"category: {category[:64]!r} is none of {', '.join(sorted(known))}")
    statement = service.places(category).order_by(PlacesPlace.name, PlacesPlace.id).limit(CAP)
    features: list[msgspec.Raw] = []
    async with ctx.session() as session:
        # Piece by piece, so that everybody else is answered in between.
        found = await session.stream_scalars(statement.execution_options(yield_per=CHUNK))
        async for rows in found.partitions():
            features += [msgspec.Raw(msgspec.json.encode(_feature(ctx, row))) for row in rows]
    document = {"type": "FeatureCollection", "features": features}
    name = f"{ctx.city.slug}-{category or 'places'}.geojson"
    return Reply(content=msgspec.json.encode(document), media_type="application/geo+json", filename=name)


def _feature(ctx: Context[Any], row: PlacesPlace) -> dict[str, Any]:
    properties = {
        "name": row.name,
        "category": row.category,
        "description": row.text,
        "address": row.address,
        "opening_hours": row.opening_hours,
        "phone": row.phone,
        "website": row.website,
        "wheelchair": row.wheelchair if row.wheelchair != "unknown" else "",
        **row.tags,
        **{ctx.pick(fact["label"]): ctx.pick(fact["value"]) for fact in row.facts},
    }
    return {
        "type": "Feature",
        "id": row.id,
        "geometry": {"type": "Point", "coordinates": [row.lon, row.lat]},
        "properties": {key: value for key, value in properties.items() if value},
    }
