"""Street names as people type them: without umlauts, with `Str.`, in capitals, with the house number behind."""

from __future__ import annotations

import re
from unicodedata import normalize

_STREET = re.compile(r"str(?:\.|\b)")
_ADDRESS = re.compile(r"^(?P<street>.*?\D)[\s,]+(?P<house>\d+\s*[a-zA-Z]?(?:\s*[-/]\s*\d+\s*[a-zA-Z]?)?)$")


def fold(name: str) -> str:
    """The form in which names are compared: `Kölner Str.`, `Koelner Strasse`, `KÖLNER-STRASSE` → `kolnerstrasse`."""
    text = name.casefold().replace("ß", "ss")
    text = "".join(char for char in normalize("NFKD", text) if not "\u0300" <= char <= "\u036f")
    text = _STREET.sub("strasse", text)
    for pair, single in (("ae", "a"), ("oe", "o"), ("ue", "u")):
        text = text.replace(pair, single)
    return "".join(char for char in text if char.isalnum())


def split_address(address: str) -> tuple[str, str]:
    """`Marktstraße 12 a` → `("Marktstraße", "12 a")`; without a house number, that part is empty."""
    match = _ADDRESS.match(address.strip())
    return (match["street"].strip(" ,"), match["house"].strip()) if match else (address.strip(), "")
