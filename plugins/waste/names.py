"""Street names as people type them: without umlauts, with `Str.`, in capitals, with the house number behind."""

from __future__ import annotations

import re
from unicodedata import normalize

_SHORT = (
    (re.compile(r"str(?:\.|\b)"), "strasse"),
    (re.compile(r"pl(?:\.|\b)"), "platz"),
    (re.compile(r"\bst(?:\.|(?=[ -]))"), "sankt"),
    (re.compile(r"\bdr(?:\.|(?=[ -]))"), "doktor"),
    (re.compile(r"\bprof(?:\.|(?=[ -]))"), "professor"),
)
"""What street names are shortened by. A lone `St` stays: whoever types it may want to go on to `Steinweg`."""
_HOUSE = r"\d+\s*[a-zA-Z]?(?:\s*[-/–]\s*(?:\d+\s*[a-zA-Z]?|[a-zA-Z]))?"
_TOWN = r"(?:\s*,[^,\d]*|[\s,]+(?:[A-Z]{1,2}-)?\d{5}\s+\D*)?"
_ADDRESS = re.compile(
    rf"^(?P<street>.*?\D)(?<!\d)[\s,]*(?:(?:Haus-?)?(?:Nr\.?|Nummer)\s*)?(?P<house>{_HOUSE}){_TOWN}$", re.I
)


def fold(name: str) -> str:
    """The form in which names are compared: `Kölner Str.`, `Koelner Strasse`, `KÖLNER-STRASSE` → `kolnerstrasse`."""
    text = name.casefold().replace("ß", "ss")
    text = "".join(char for char in normalize("NFKD", text) if not "\u0300" <= char <= "\u036f")
    for short, whole in _SHORT:
        text = short.sub(whole, text)
    for pair, single in (("ae", "a"), ("oe", "o"), ("ue", "u")):
        text = text.replace(pair, single)
    return "".join(char for char in text if char.isalnum())


def split_address(address: str) -> tuple[str, str]:
    """`Marktstr.12 a, 12345 Adorf` → `("Marktstr.", "12 a")`; without a house number, that part is empty."""
    match = _ADDRESS.match(address.strip())
    return (match["street"].strip(" ,"), match["house"].strip()) if match else (address.strip(), "")
