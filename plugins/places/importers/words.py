"""How the words of feeds are made fit to show: names, yes and no, addresses of web pages, opening hours."""

from __future__ import annotations

import re

from ..config import NameCleanup

_YES = frozenset({"yes", "ja", "j", "y", "true", "t", "1", "designated", "vollständig", "barrierefrei"})
_NO = frozenset({"no", "nein", "n", "false", "f", "0", "nicht barrierefrei"})
_LIMITED = frozenset({"limited", "teilweise", "eingeschränkt", "bedingt"})
_SMALL = frozenset(["am", "an", "auf", "bei", "beim", "das", "dem", "den", "der", "des", "die", "im", "in"])
_SMALL |= {"und", "vom", "von", "zu", "zum", "zur"}
_WORD = re.compile(r"[^\W\d_]+")
_HOST = re.compile(r"(?i)^(www\.)?[a-z0-9-]+(\.[a-z0-9-]+)*\.[a-z]{2,}(/\S*)?$")


def clean_name(name: str, how: NameCleanup) -> str:
    """The name on one line, without the declared prefixes, not shouted."""
    name = " ".join(name.split())
    for prefix in how.prefixes:
        name = name.removeprefix(prefix).strip()
    if how.title_case and name == name.upper():
        name = _WORD.sub(lambda word: _cased(word[0], first=word.start() == 0), name)
    return name


def _cased(word: str, *, first: bool) -> str:
    low = word.lower()
    return low if low in _SMALL and not first else low[:1].upper() + low[1:]


def yes_or_no(text: str) -> str:
    """yes, limited, no, or unknown."""
    low = text.lower()
    return "yes" if low in _YES else "no" if low in _NO else "limited" if low in _LIMITED else "unknown"


def web_address(text: str) -> str:
    """An http(s) address, or nothing: what a feed says is shown as a link."""
    text = text.split()[0] if text.split() else ""
    if text.lower().startswith(("https://", "http://")):
        return text[:2000]
    return f"https://{text}"[:2000] if _HOST.match(text) else ""
