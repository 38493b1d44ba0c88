"""What somebody wants to submit, checked as far as every kind of case is alike."""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

import msgspec
from msgspec import Struct

from allmende.casekind import CaseKind, NoFields
from allmende.errors import InputError
from allmende.search.fold import words

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_BREAK = re.compile("[\n\r\t]")
APART = "\n"
"""Between texts that are folded in one go: no word, and nothing of one, goes over it."""
MAX_FILES = 8
MAX_TEXT = 5_000
"""Characters of a message, or of a text in a field."""
MAX_FIELDS = 50_000
"""Characters of all fields together."""


class Draft(Struct, frozen=True, kw_only=True):
    """A case before it is one. `public` and `private` are of the types that its kind declares."""

    title: str
    """One line; everybody sees it once the case is published."""
    public: Struct = NoFields()
    private: Struct = NoFields()
    category: str = ""
    lat: float | None = None
    lon: float | None = None
    address: str = ""
    files: tuple[str, ...] = ()
    """Ids of uploads; nobody else can use them from then on."""
    parent: str = ""
    """Id of the case that this one is a part of."""
    language: str = ""
    """In which the submitter is written to; the reader's, if empty."""
    published: bool = False
    """Whether everybody may see it at once, without moderation."""

    @property
    def position(self) -> tuple[float, float] | None:
        return None if self.lat is None or self.lon is None else (self.lat, self.lon)


def check(kind: CaseKind, draft: Draft) -> None:
    """Raises InputError for what cannot be stored; TypeError where the plugin has made something else than it said."""
    check_parts(kind, draft.public, draft.private)
    check_line("title", draft.title, 200)
    check_line("address", draft.address, 300, empty=True)
    check_line("category", draft.category, 80, empty=True)
    check_position(draft.lat, draft.lon)
    if len(draft.files) > MAX_FILES or len(set(draft.files)) != len(draft.files):
        raise InputError(f"files: at most {MAX_FILES}, each once")


def check_parts(kind: CaseKind, public: Struct, private: Struct) -> None:
    """The same for the kind's own fields alone."""
    size = 0
    for part, given, declared in (("public", public, kind.public), ("private", private, kind.private)):
        if type(given) is not declared:
            raise TypeError(f"{part} is a {type(given).__name__}, and {kind.name} declares {declared.__name__}")
        for place, text in _texts(part, given):
            check_text(place, text, empty=True)
            size += len(text)
    if size > MAX_FIELDS:
        raise InputError(f"the fields have more than {MAX_FIELDS} characters together", code="TOO_LONG")


def check_position(lat: float | None, lon: float | None) -> None:
    """InputError for what is no place on the globe, and for half a position."""
    if (lat is None) != (lon is None):
        raise InputError("position: needs both lat and lon")
    if (
        lat is not None
        and lon is not None
        and not (isfinite(lat) and isfinite(lon) and abs(lat) <= 90 and abs(lon) <= 180)
    ):
        raise InputError("position: lat is between -90 and 90, lon between -180 and 180")


def check_line(name: str, text: str, longest: int, *, empty: bool = False) -> None:
    """A text of one line."""
    check_text(name, text, longest, empty=empty)
    if _BREAK.search(text):
        raise InputError(f"{name}: one line is needed")


def check_text(name: str, text: str, longest: int = MAX_TEXT, *, empty: bool = False) -> None:
    """InputError for a text in which nothing is to be seen, that is too long, or holds what no text holds."""
    if not empty and not any(one.isprintable() and not one.isspace() for one in text):
        raise InputError(f"{name}: is empty")
    if len(text) > longest:
        raise InputError(f"{name}: has {len(text)} characters; at most {longest} are possible", code="TOO_LONG")
    if _CONTROL.search(text):
        raise InputError(f"{name}: holds control characters; plain text is needed")


def searchable(number: str, draft: Draft) -> str:
    """The folded words that the town hall finds a case by, each between blanks."""
    texts = [number, draft.title, draft.category, draft.address]
    for part, given in (("public", draft.public), ("private", draft.private)):
        texts += [text for _, text in _texts(part, given)]
    return f" {' '.join(dict.fromkeys(words(APART.join(texts))))} "


def _texts(part: str, given: Struct) -> list[tuple[str, str]]:
    """Where each text is that is not empty, and the text."""
    found: list[tuple[str, str]] = []
    _gather(part, msgspec.to_builtins(given), found)
    return found


def _gather(place: str, value: Any, found: list[tuple[str, str]]) -> None:
    if isinstance(value, str):
        if value:
            found.append((place, value))
    elif isinstance(value, dict):
        for key, inner in value.items():
            if inner:
                _gather(f"{place}.{key}", inner, found)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            _gather(f"{place}[{number}]", inner, found)
