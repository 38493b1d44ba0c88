"""What somebody wants to submit, checked as far as every kind of case is alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

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


class Parts(NamedTuple):
    """A draft's own fields as they are stored, and all that it says."""

    public: dict[str, Any]
    private: dict[str, Any]
    texts: list[str]
    """That are not empty."""


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


def check(kind: CaseKind, draft: Draft) -> Parts:
    """Raises InputError for what cannot be stored; TypeError where the plugin has made something else than it said."""
    parts = check_parts(kind, draft.public, draft.private)
    check_line("title", draft.title, 200)
    check_line("address", draft.address, 300, empty=True)
    check_line("category", draft.category, 80, empty=True)
    check_position(draft.lat, draft.lon)
    if len(draft.files) > MAX_FILES or len(set(draft.files)) != len(draft.files):
        raise InputError(f"files: at most {MAX_FILES}, each once")
    return parts


def check_parts(kind: CaseKind, public: Struct, private: Struct) -> Parts:
    """The same for the kind's own fields alone."""
    if type(public) is not kind.public or type(private) is not kind.private:
        given = f"{type(public).__name__} and {type(private).__name__}"
        raise TypeError(f"{given}: {kind.name} declares {kind.public.__name__} and {kind.private.__name__}")
    seen, hidden = msgspec.to_builtins(public), msgspec.to_builtins(private)
    texts: list[str] = []
    _gather(seen.values(), texts)
    _gather(hidden.values(), texts)
    whole = "".join(texts)
    if len(whole) > MAX_TEXT or not whole.isprintable():
        _check_each("public", seen)
        _check_each("private", hidden)
        if len(whole) > MAX_FIELDS:
            raise InputError(f"the fields have more than {MAX_FIELDS} characters together", code="TOO_LONG")
    return Parts(seen, hidden, texts)


def check_position(lat: float | None, lon: float | None) -> None:
    """InputError for what is no place on the globe, and for half a position."""
    if lat is None or lon is None:
        if lat is not lon:
            raise InputError("position: needs both lat and lon")
    elif not (-90 <= lat <= 90 and -180 <= lon <= 180):  # nor is NaN
        raise InputError("position: lat is between -90 and 90, lon between -180 and 180")


def check_line(name: str, text: str, longest: int, *, empty: bool = False) -> None:
    """A text of one line."""
    if text.isprintable() and len(text) <= longest and (empty or text.strip()):
        return
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


def searchable(number: str, draft: Draft, texts: Iterable[str]) -> str:
    """The folded words that the town hall finds a case by, each between blanks; `texts` are those of its fields."""
    found = words(APART.join((number, draft.title, draft.category, draft.address, *texts)))
    return f" {' '.join(dict.fromkeys(found))} "


def _gather(values: Iterable[Any], found: list[str]) -> None:
    """All texts that are not empty."""
    for value in values:
        if not value:
            continue
        if type(value) is str:
            found.append(value)
        elif isinstance(value, dict):
            _gather(value.values(), found)
        elif isinstance(value, list | tuple):
            _gather(value, found)


def _check_each(place: str, value: Any) -> None:
    """One text after the other, to name the place of the first that cannot be stored."""
    if isinstance(value, str):
        check_text(place, value, empty=True)
    elif isinstance(value, dict):
        for key, inner in value.items():
            _check_each(f"{place}.{key}", inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            _check_each(f"{place}[{number}]", inner)
