"""DATEX II, part 6 (CEN/TS 16157-6): parking tables with the car parks, and parking status with the numbers.

Elements are found by their local names, so that the versions 2 and 3, which differ in namespaces, read alike. Both
publications may stand in one document; a status for a car park that the document does not describe is refused.
"""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from allmende import Batch, Context, FeedError, Payload
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from ..config import DatexSource
from .build import Record, build
from .values import number

RECORDS = ("parkingRecord", "parkingFacility")
STATUSES = ("parkingRecordStatus", "parkingFacilityStatus")


def read_datex(payload: Payload, source: DatexSource, ctx: Context[Any]) -> Batch:
    try:
        root = fromstring(payload.content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise FeedError(f"is no XML that can be read: {error}", place="the file") from error
    parts = list(root.iter())
    found = [part for part in parts if local(part) in RECORDS]
    statuses = {_reference(part): part for part in parts if local(part) in STATUSES}
    if not found and not statuses:
        raise FeedError("holds no parkingRecord, so it is no DATEX II parking publication", place=f"<{local(root)}>")
    places: dict[str, int] = {}
    records = []
    for part in found:
        key = part.get("id", "")
        places[key] = len(places)
        records.append(_record(part, statuses.get(key), f"parkingRecord {key}"))
    strangers = [Record(place=f"{local(part)} {key}", values={}) for key, part in statuses.items() if key not in places]
    return build([*records, *strangers], source, ctx)


def local(part: Element) -> str:
    """The name without its namespace."""
    return str(part.tag).rpartition("}")[2]


def _record(part: Element, status: Element | None, place: str) -> Record:
    values: dict[str, Any] = {
        "id": part.get("id"),
        "name": _text(part, "parkingName"),
        "type": _text(part, "parkingLayout"),
        "capacity": _text(part, "parkingNumberOfSpaces", "totalParkingCapacity"),
        "address": ", ".join(filter(None, (_text(part, "street"), _text(part, "city")))),
        "max_height": _text(part, "heightRestriction", "vehicleHeight"),
        "public_url": _text(part, "urlLinkAddress"),
    }
    if status is not None:
        values |= {
            "free": _text(status, "parkingNumberOfVacantSpaces"),
            "trend": {"increasing": "falling", "decreasing": "rising"}.get(_text(status, "parkingOccupancyTrend")),
            "status": _text(status, "parkingSiteOpeningStatus", "parkingFacilityStatus"),
            "updated": _text(status, "parkingStatusOriginTime", "parkingRecordStatusTime"),
        }
    lat, lon = number(_text(part, "latitude")), number(_text(part, "longitude"))
    return Record(place=place, values=values, lat=lat, lon=lon)


def _text(part: Element, *names: str) -> str:
    """The first text below an element of one of these names (names are in language-tagged `value` elements)."""
    for element in part.iter():
        if local(element) in names:
            found = next((inner.text.strip() for inner in element.iter() if inner.text and inner.text.strip()), "")
            if found:
                return found
    return ""


def _reference(status: Element) -> str:
    """The id of the car park that a status is about."""
    names = ("parkingRecordReference", "parkingFacilityReference")
    return next((part.get("id", "") for part in status.iter() if local(part) in names), status.get("id", ""))
