"""Under which names feeds usually keep what a place needs, for sources that say nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from ..config import Fields

USUAL = {
    "name": ("name", "title", "titel", "bezeichnung", "bez", "objekt", "objektname", "standort"),
    "lat": ("lat", "latitude", "breitengrad", "breite", "y-koord", "y"),
    "lon": ("lon", "lng", "long", "longitude", "laengengrad", "längengrad", "länge", "x-koord", "x"),
    "geometry": ("wkt", "geom", "the_geom", "geometry"),
    "text": ("description", "beschreibung", "info"),
    "address": ("address", "adresse", "anschrift"),
    "opening_hours": ("opening_hours",),
    "phone": ("phone", "contact:phone", "telefon"),
    "website": ("website", "contact:website", "url", "public_url", "internet"),
    "wheelchair": ("wheelchair",),
    "image": ("image",),
}
OSM_ADDRESS = "{addr:street} {addr:housenumber}, {addr:postcode} {addr:city}"
ACCESSIBILITY = (
    "wheelchair:description",
    "toilets:wheelchair",
    "tactile_paving",
    "hearing_loop",
    "ramp:wheelchair",
    "automatic_door",
    "elevator",
    "blind:description",
    "deaf:description",
)
"""OSM tags that a feed in OSM's own words needs no mapping for."""


def complete(fields: Fields, names: Iterable[str]) -> Fields:
    """The mapping with what it leaves open filled in from the columns that the feed has."""
    known = {name.lower(): name for name in reversed(list(names))}
    found: dict[str, str] = {}
    for field, candidates in USUAL.items():
        columns = [known[candidate] for candidate in candidates if candidate in known]
        if columns and not getattr(fields, field):
            found[field] = "{" + "|".join(columns) + "}"
    if "addr:street" in known and not fields.address:
        found["address"] = OSM_ADDRESS
    if fields.lat and fields.lon:
        found.pop("geometry", None)
    return msgspec.structs.replace(fields, **found)
