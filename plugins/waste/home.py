"""The waste calendar's part of a city's home screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allmende import Context, Home

from . import addresses, service

SELECTION = """
    pickups(street: $waste_street, district: $waste_district, days: 14) {
        id date note shifted shiftedFrom fraction { id name colour textColour icon }
    }
    address(street: $waste_street, district: $waste_district) { label }
    streets(first: 200) { title }
    calendarUntil(street: $waste_street, district: $waste_district)
    notices(street: $waste_street, district: $waste_district) { code text }
"""


async def defaults(ctx: Context[Any]) -> Mapping[str, Any]:
    """The first street; where a city has no streets, its first district."""
    address = await addresses.first_address(ctx)
    if address is not None:
        return {"waste_street": address}
    return {"waste_district": next(iter(await service.find_districts(ctx)), None)}


HOME = Home(selection=SELECTION, variables={"waste_street": "String", "waste_district": "String"}, defaults=defaults)
