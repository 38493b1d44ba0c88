"""`{city}` in a text becomes the name of the city that shows it, so that a text can be shared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from allmende.city.model import City

_HOLE = re.compile(r"\{([a-z_]{2,30})\}")


def placeholders(city: City) -> Mapping[str, str]:
    """What each placeholder stands for in this city; one of which the city has said nothing stands for nothing."""
    contact = city.contact
    return {
        "city": city.name,
        "town_hall": contact.name or city.official_name or city.name,
        "street": contact.street,
        "postal_code": contact.postal_code,
        "place": contact.place or city.name,
        "phone": contact.phone,
        "email": contact.email,
        "website": contact.website,
    }


def fill(text: str, city: City) -> str:
    """The text as this city shows it; what is no placeholder stays as it is."""
    known = placeholders(city)
    return _HOLE.sub(lambda match: known.get(match[1], match[0]), text)


def fill_all(value: Any, city: City) -> Any:
    """The same for all texts inside of a value."""
    if isinstance(value, str):
        return fill(value, city) if "{" in value else value
    if isinstance(value, Mapping):
        return {key: fill_all(inner, city) for key, inner in value.items()}
    if isinstance(value, list):
        return [fill_all(inner, city) for inner in value]
    return value


def unfilled(text: str, city: City) -> Iterator[str]:
    """The placeholders in a text that nobody knows, or of which the city has said nothing."""
    known = placeholders(city)
    for name in dict.fromkeys(_HOLE.findall(text)):
        if not known.get(name):
            yield name
