"""`/<city>/reports/reports.geojson`: the published reports for maps and other people's apps (RFC 7946)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from allmende import Context, Reply, cases

from . import service
from .wording import picture_address, status_text

MOST = 2_000


async def geojson(ctx: Context[Any], path: Mapping[str, str], query: Mapping[str, str]) -> Reply:
    newest = service.shown(ctx).order_by(cases.Case.created.desc(), cases.Case.id).limit(MOST)
    features = [
        {
            "type": "Feature",
            "id": seen.case.id,
            "geometry": {"type": "Point", "coordinates": [seen.case.lon, seen.case.lat]},
            "properties": {
                "number": seen.case.number,
                "category": seen.case.category,
                "title": seen.case.title,
                "text": seen.public.text,
                "status": seen.case.status,
                "status_text": status_text(ctx, seen.case.status),
                "open": seen.case.open,
                "created": ctx.localize(seen.case.created),
                "updated": ctx.localize(seen.case.updated),
                "photos": [picture_address(ctx.city, picture) for picture in seen.pictures],
            },
        }
        for seen in await service.load(ctx, newest)
    ]
    document = {"type": "FeatureCollection", "features": features}
    return Reply(content=msgspec.json.encode(document), media_type="application/geo+json", max_age=60)
