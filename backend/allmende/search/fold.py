"""How words become index terms: the same in Python for both databases, so that both find the same.

`Müll`, `Muell` and `MULL` are one term, `Straße` and `Strasse` are one, and `Spielplätze` finds `Spielplatz`.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from allmende.later import lazily

if TYPE_CHECKING:
    import snowballstemmer
else:
    snowballstemmer = lazily("snowballstemmer")

MAX_WORD = 48
MAX_QUERY = 200
"""Characters of a search text that count; nobody types more."""
MAX_WORDS = 8

_COMBINING = "\u0300"
"""No character before it combines with another one."""
_WORD = re.compile(r"[^\W_]+")
_BLANKS = "".join([sign if (sign := chr(code)).isalnum() else " " for code in range(128)])
"""What stands for each sign of ASCII where only its words are wanted."""
_GERMAN = (*zip("äöüÄÖÜ", "aouaou", strict=True), ("ß", "ss"))
"""What German has besides ASCII, and what it is found by."""
_DIGRAPH = re.compile(r"(?<=[aou])(?<!q[aou])e")
"""The e of ae, oe and ue; not of what a q begins (Quelle)."""


@cache
def _german() -> Any:
    return snowballstemmer.stemmer("german")


def words(text: str) -> list[str]:
    """The folded words of a text, in order: lower case, no diacritics, ß as ss, ä/ae as a, ö/oe as o, ü/ue as u."""
    plain = text
    for sign, letter in _GERMAN:  # one after the other: that of ASCII alone is folded in a tenth of the time
        plain = plain.replace(sign, letter)
    if plain.isascii():
        plain = plain.lower()
    else:  # more than German needs
        plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
        plain = "".join([c for c in plain if c < _COMBINING or not unicodedata.combining(c)])
    # Without a q, replacing is the same in a tenth of the time.
    plain = _DIGRAPH.sub("", plain) if "q" in plain else plain.replace("ae", "a").replace("oe", "o").replace("ue", "u")
    found = plain.translate(_BLANKS).split() if plain.isascii() else _WORD.findall(plain)
    if max(map(len, found), default=0) <= MAX_WORD:
        return found
    return [word[:MAX_WORD] for word in found]


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """The stem of a folded word (Snowball, German); words with digits stay as they are."""
    return word if not word.isalpha() else str(_german().stemWord(word))


def terms(text: str) -> set[str]:
    """What a text is found by: each word, and its stem."""
    found = set(words(text))
    return found | {stem(word) for word in found}


def query(text: str) -> list[tuple[str, str]]:
    """The words of a search text as (word, stem), bounded; empty where nothing can be searched for."""
    seen = dict.fromkeys(words(text[:MAX_QUERY]))
    return [(word, stem(word)) for word in list(seen)[:MAX_WORDS]]
