"""From one record of any feed (property → value) to a car park, or to what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import isfinite
from typing import Any

from allmende import Batch, Context, Refusal
from msgspec import Struct

from ..config import ParkingSource
from ..tables import CarPark
from .values import moment, number, text, trend

LARGEST = 100_000
"""Spaces; no car park is larger, so a larger number is something else."""


class Record(Struct, frozen=True, kw_only=True):
    """One entry of a feed, before anybody has looked at what its values mean."""

    place: str
    values: Mapping[str, Any]
    lat: float | None = None
    lon: float | None = None


class Unusable(Exception):
    """Why a record is no car park."""


def build(records: Iterable[Record], source: ParkingSource, ctx: Context[Any]) -> Batch:
    """All records as rows or refusals; entries that stand for something else (`skip_kinds`) are refused, too."""
    rows: list[CarPark] = []
    refused: list[Refusal] = []
    for record in records:
        try:
            rows.append(_car_park(record, source, ctx))
        except Unusable as error:
            refused.append(Refusal(place=record.place, reason=str(error)))
    return Batch(rows=rows, refused=refused)


def _car_park(record: Record, source: ParkingSource, ctx: Context[Any]) -> CarPark:
    def value(names: str) -> Any:
        found = (record.values.get(name.strip()) for name in names.split("|") if name.strip())
        return next((each for each in found if each is not None and text(each)), None)

    fields = source.fields
    name, kind = text(value(fields.name)), text(value(fields.kind))
    if not name:
        raise Unusable(f"has no name (looked for {fields.name})")
    if kind.lower() in source.skip_kinds:
        raise Unusable(f"{name!r} is of the kind {kind!r}, which is no car park")
    _check_position(record, name, source, ctx)
    capacity, free = _spaces(value(fields.capacity), "capacity"), _spaces(value(fields.free), "free spaces")
    if capacity is not None and free is not None and free > capacity:
        free = capacity  # counters drift: more free than there are spaces means that all are free
    status = value(fields.status)
    updated = moment(value(fields.updated), ctx)
    if updated is not None and updated > ctx.now.replace(year=ctx.now.year + 1):
        raise Unusable(f"{name!r} says that it was measured at {updated.isoformat()}, which is in the future")
    return CarPark(
        key=text(value(fields.id)) or name,
        name=name,
        kind=kind,
        address=text(value(fields.address)),
        lat=record.lat,
        lon=record.lon,
        capacity=capacity,
        free=free,
        trend=trend(value(fields.trend)),
        closed=text(status).lower() in source.closed,
        broken=text(status).lower() in source.broken,
        updated_at=updated or (ctx.now if free is not None else None),
        hours=text(value(fields.hours)),
        height=number(value(fields.height)) or None,
        url=_link(text(value(fields.url))),
    )


def _check_position(record: Record, name: str, source: ParkingSource, ctx: Context[Any]) -> None:
    """A car park without a position is still worth its free spaces; one elsewhere is not this city's."""
    if record.lat is None or record.lon is None:
        return
    if not (isfinite(record.lat) and isfinite(record.lon)):
        raise Unusable(f"{name!r} has a position that is no number")
    if not source.everywhere and not ctx.city.area.bbox.contains(record.lat, record.lon):
        raise Unusable(f"{name!r} at {record.lat:.5f}, {record.lon:.5f} is outside the city's box")


def _spaces(value: Any, what: str) -> int | None:
    amount = number(value)
    if amount is None or amount < 0:
        return None  # -1 is what some systems say for "not known"
    if amount > LARGEST:
        raise Unusable(f"{what}: {text(value)} is more than any car park has")
    return int(amount)


def _link(address: str) -> str:
    return address if address.startswith(("https://", "http://")) else ""
