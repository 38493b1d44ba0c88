"""The parts of a schema.org Event that come in many shapes: place, price, picture, names."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import Any

from allmende import BBox
from msgspec import Struct

from .prose import one_line, web_address


class Place(Struct, frozen=True, kw_only=True):
    name: str | None = None
    address: str | None = None
    lat: float | None = None
    lon: float | None = None
    swapped: bool = False


def values_of(value: Any) -> list[Any]:
    """schema.org lets every property be missing, single or a list."""
    if value is None or value == "":
        return []
    return value if isinstance(value, list) else [value]


def spoken(value: Any, language: str, depth: int = 0) -> Any:
    """JSON-LD's texts with a language (`{"@value": …, "@language": "de"}`) as texts; of several, this language's."""
    if depth > 8:
        return value
    if isinstance(value, dict):
        return value["@value"] if "@value" in value else {k: spoken(v, language, depth + 1) for k, v in value.items()}
    if not isinstance(value, list):
        return value
    said = [each for each in value if isinstance(each, dict) and "@value" in each]
    if said and len(said) == len(value) and all("@language" in each for each in said):
        mine = (each for each in said if str(each["@language"]).partition("-")[0].lower() == language)
        return next(mine, said[0])["@value"]
    return [spoken(each, language, depth + 1) for each in value]


def text_of(value: Any) -> str:
    """The first text; empty where there is none."""
    return next((str(each) for each in values_of(value) if isinstance(each, str | int | float)), "")


def name_of(value: Any) -> str | None:
    name = value.get("name") if isinstance(value, dict) else value
    return one_line(text_of(name)) or None


def venue_of(item: dict[str, Any], bbox: BBox) -> Place:
    """The first real place (a VirtualLocation has none); NGSI keeps name, address and GeoJSON point apart."""
    places = values_of(item.get("location"))
    real = [place for place in places if not (isinstance(place, dict) and "Virtual" in str(place.get("@type", "")))]
    place = real[0] if real else None
    if isinstance(place, str):
        return Place(name=one_line(place), address=_address(item.get("address")))
    place = place if isinstance(place, dict) else {}
    name = name_of(place) or one_line(item.get("locationName") or "") or None
    lat, lon = _point(place)
    address = _address(place.get("address") or item.get("address"))
    if lat is None or lon is None:
        return Place(name=name, address=address)
    if bbox.contains(lon, lat) and not bbox.contains(lat, lon):
        return Place(name=name, address=address, lat=lon, lon=lat, swapped=True)
    return Place(name=name, address=address, lat=lat, lon=lon)


def _point(place: dict[str, Any]) -> tuple[float | None, float | None]:
    geo = place.get("geo") if isinstance(place.get("geo"), dict) else place
    assert isinstance(geo, dict)
    try:
        if "coordinates" in geo:
            lon, lat = (float(number) for number in geo["coordinates"][:2])
        else:
            lat, lon = float(geo["latitude"]), float(geo["longitude"])
    except (KeyError, TypeError, ValueError):
        return None, None
    return (lat, lon) if abs(lat) <= 90 and abs(lon) <= 180 else (None, None)


def _address(value: Any) -> str | None:
    if isinstance(value, dict):
        town = " ".join(str(value[key]) for key in ("postalCode", "addressLocality") if value.get(key))
        return ", ".join(part for part in (one_line(value.get("streetAddress") or ""), one_line(town)) if part) or None
    return one_line(value) or None if isinstance(value, str) else None


def is_free(item: dict[str, Any]) -> bool | None:
    """What the event says of itself, else whether all offers cost nothing; None where nothing is said."""
    said = item.get("isAccessibleForFree")
    if said is not None:
        return str(said).rsplit("/", 1)[-1].lower() == "true"
    prices = _prices(item)
    return all(price == 0 for price in prices) if prices else None


def price_of(item: dict[str, Any]) -> str | None:
    """`5 €`, or `10.95–19.50 €` for several prices; None where it is free or not said."""
    prices = [price for price in _prices(item) if price > 0]
    if not prices:
        return None
    offers = [offer for offer in values_of(item.get("offers")) if isinstance(offer, dict)]
    currency = next((str(offer["priceCurrency"]) for offer in offers if offer.get("priceCurrency")), "EUR")
    span = dict.fromkeys((min(prices), max(prices)))
    return "–".join(f"{price:.2f}".removesuffix(".00") for price in span) + " " + {"EUR": "€"}.get(currency, currency)


def _prices(item: dict[str, Any]) -> list[Decimal]:
    offers = [offer for offer in values_of(item.get("offers")) if isinstance(offer, dict)]
    raw = [offer.get(key) for offer in offers for key in ("price", "lowPrice", "highPrice")]
    raw += [item.get("eventPriceFrom"), item.get("eventPriceTo")]
    return [price for value in raw if value is not None and (price := _decimal(value)) is not None]


def _decimal(value: Any) -> Decimal | None:
    match = re.search(r"\d+(?:[.,]\d+)?", str(value))
    try:
        return Decimal(match[0].replace(",", ".")) if match else None
    except InvalidOperation:
        return None


def picture(value: Any) -> dict[str, Any] | None:
    """The first picture, as `Image` of the API; its description or caption is the text for the blind."""
    for image in values_of(value):
        address = web_address(image.get("contentUrl") or image.get("url") if isinstance(image, dict) else image)
        if address:
            about = image if isinstance(image, dict) else {}
            credit = about.get("creditText") or name_of(about.get("copyrightHolder")) or None
            caption = one_line(about.get("caption") or "")
            return {
                "url": address,
                "alt": one_line(about.get("description") or about.get("abstract") or caption),
                "caption": caption or None,
                "credit": one_line(credit) if credit else None,
            }
    return None
