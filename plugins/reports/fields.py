"""Checks what somebody answered to a category's own fields, and splits it into what is public and what is not."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite

from allmende import InputError

from .config import Category, Field
from .kind import Value

LONGEST = 500
YES, NO = ("true", "1", "yes", "ja"), ("false", "0", "no", "nein")


def check_fields(category: Category, given: Mapping[str, str]) -> tuple[dict[str, Value], dict[str, Value]]:
    """(public, private) values by field id. InputError names the field and what it expects."""
    known = {field.id: field for field in category.fields}
    for id in given:
        if id not in known:
            there = ", ".join(known) or "it has none"
            raise InputError(f"fields.{id[:40]}: the category {category.id} has no such field ({there})")
    public: dict[str, Value] = {}
    private: dict[str, Value] = {}
    for id, field in known.items():
        text = given.get(id, "").strip()
        if not text:
            if field.required:
                raise InputError(f"fields.{id}: is needed for {category.id}")
            continue
        (public if field.public else private)[id] = _value(field, text)
    return public, private


def _value(field: Field, text: str) -> Value:
    if len(text) > LONGEST:
        raise InputError(f"fields.{field.id}: at most {LONGEST} characters are possible", code="TOO_LONG")
    if field.kind == "number":
        return _number(field, text)
    if field.kind == "boolean":
        if text.lower() not in (*YES, *NO):
            raise InputError(f"fields.{field.id}: {text[:40]!r} is neither true nor false")
        return text.lower() in YES
    if field.kind == "choice" and text not in (ids := [choice.id for choice in field.choices]):
        raise InputError(f"fields.{field.id}: {text[:40]!r} is none of {', '.join(ids)}")
    return text


def _number(field: Field, text: str) -> float:
    try:
        number = float(text.replace(",", "."))
    except ValueError:
        number = float("nan")
    if not isfinite(number):
        raise InputError(f"fields.{field.id}: {text[:40]!r} is no number")
    return number
