"""What differs between two versions, word by word, for people to read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher
from typing import Any

from msgspec import Struct

from allmende.contenttype import ContentType, Field

LONGEST = 3_000
"""Words of a text that are compared one by one; a longer one is shown as a whole."""
_PART = re.compile(r"\s+|[^\s\w]|\w+")


class Changed(Struct, frozen=True, kw_only=True):
    """One field (in one language) that is not the same."""

    field: Field
    language: str
    """Empty where the field is not translated."""
    before: str
    after: str
    parts: tuple[tuple[str, str], ...]
    """(same, removed or added; text), in order."""


def differences(type_: ContentType, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Changed]:
    """The fields that differ, in the order of the form."""
    return [changed for field in type_.fields for changed in _field(field, before, after)]


def _field(field: Field, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Changed]:
    old, new = before.get(field.name), after.get(field.name)
    if field.translated:
        old, new = old or {}, new or {}
        pairs = [(language, old.get(language), new.get(language)) for language in dict.fromkeys((*old, *new))]
    else:
        pairs = [("", old, new)]
    for language, left, right in pairs:
        first, second = readable(left), readable(right)
        if first != second:
            yield Changed(field=field, language=language, before=first, after=second, parts=words(first, second))


def readable(value: Any) -> str:
    """A stored value as one text: lists in lines, pictures by what they show."""
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "✓" if value else ""
    if isinstance(value, Mapping):
        return ", ".join(str(inner) for inner in value.values() if inner not in (None, ""))
    if isinstance(value, list):
        return "\n".join(readable(inner) for inner in value)
    return str(value)


def words(before: str, after: str) -> tuple[tuple[str, str], ...]:
    """The steps from one text to the other."""
    old, new = _PART.findall(before), _PART.findall(after)
    if max(len(old), len(new)) > LONGEST:
        return tuple(part for part in (("removed", before), ("added", after)) if part[1])
    parts: list[tuple[str, str]] = []
    for step, i, j, k, n in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if step == "equal":
            parts.append(("same", "".join(old[i:j])))
        else:
            parts += [part for part in (("removed", "".join(old[i:j])), ("added", "".join(new[k:n]))) if part[1]]
    return tuple(parts)
