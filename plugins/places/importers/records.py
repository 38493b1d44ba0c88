"""What all kinds of feeds are taken apart into, and how their values are looked up and read."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import nh3
from allmende import FeedError, Payload
from msgspec import Struct

EMPTY = frozenset({"", "-", "–", "n/a", "null", "none", "nan"})
"""How feeds write that they have no value (in lower case)."""
_COLUMN = re.compile(r"\{([^{}]+)\}")
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")


class Record(Struct, frozen=True, kw_only=True):
    """One entry of a feed, before anything is made of it."""

    place: str
    """Where in the feed it stands: `line 12`, `features[7]`."""
    values: Mapping[str, Any]
    position: tuple[float, float] | None = None
    """x and y in the feed's coordinate system, where the kind of feed has a geometry of its own."""
    problem: str = ""
    """Why there is no position, where the kind of feed should have one."""
    key: str = ""
    """An id that is stable by the kind of feed."""


def load_json(payload: Payload) -> Any:
    """The document, or a FeedError with the line at which it is broken."""
    text = payload.text()
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        start = text.lstrip()[:1]
        what = "XML or HTML, not JSON" if start == "<" else f"not JSON ({error.msg})"
        raise FeedError(what, place=f"line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise FeedError("nested too deeply", place="the document") from error


def columns(template: str) -> list[str]:
    """The columns that a template names."""
    return [name for part in _COLUMN.findall(template) for name in part.split("|")]


def lookup(values: Mapping[str, Any], name: str) -> Any:
    """The value of a column: by its exact name, else as a path (`inf.0`, `address.city`)."""
    if name in values:
        return values[name]
    found: Any = values
    for step in name.split("."):
        if isinstance(found, Mapping):
            found = found.get(step)
        elif isinstance(found, Sequence) and not isinstance(found, str) and step.isdigit() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def plain(value: Any) -> str:
    """A value as plain text: without markup, without what means nothing, `3040` for 3040.0."""
    if value is None or isinstance(value, Mapping):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(filter(None, map(plain, value)))
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    text = str(value).replace("\xa0", " ").replace("\x00", "").strip()
    if "<" in text and re.search(r"</?[a-zA-Z]", text):
        text = html.unescape(nh3.clean(re.sub(r"(?i)<br\s*/?>|</p>", "\n", text), tags=set())).strip()
    return "" if text.lower() in EMPTY else text


def render(template: str, values: Mapping[str, Any], *, whole: bool = False) -> str:
    """The template filled in, without stray commas; empty where all (with `whole`: any) of its columns are empty."""
    filled: list[str] = []

    def put(match: re.Match[str]) -> str:
        text = next(filter(None, (plain(lookup(values, name)) for name in match[1].split("|"))), "")
        filled.append(text)
        return text

    text = _COLUMN.sub(put, template)
    if filled and (not any(filled) or (whole and not all(filled))):
        return ""
    if len(filled) == 1 and text == filled[0]:
        return text
    text = re.sub(r"\(\s*\)", "", text)
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r" ?,(\s*,)+", ",", text)
    return text.strip(" \t\n,;/–").replace(" ,", ",")


def number(value: Any) -> float | None:
    """A coordinate: a number, or text with decimal point or comma; None where it is neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value) if abs(value) < 1e12 else None
    text = str(value).strip().rstrip("°").strip()
    if text.count(",") == 1 and "." not in text:
        text = text.replace(",", ".")
    return float(text) if _NUMBER.fullmatch(text) and abs(float(text)) < 1e12 else None
