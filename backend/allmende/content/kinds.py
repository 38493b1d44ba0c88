"""The kinds of fields: how what was typed becomes a stored value, what can be wrong with it, what `write` is given.

Stored values are JSON: texts as typed, dates and instants in ISO 8601 (instants with the offset of the city's zone).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from allmende.content.markdown import rich
from allmende.contenttype import Field, Picture, Point
from allmende.context import Context

Form = Mapping[str, Sequence[str]]
"""What a browser sends: name of the input → values."""
LINE, TEXT, MAX_TAGS, TAG, MAX_DATES = 300, 20_000, 20, 80, 200
_NUMBER = re.compile(r"-?\d{1,3}(?:[.,]\d+)?")


class Fault(Struct, frozen=True, kw_only=True):
    """What is wrong with a field: a text of the desk (`fault.<code>`), and what fills its placeholders."""

    field: str
    code: str
    values: Mapping[str, Any] = {}
    language: str = ""


class Bad(Exception):
    """A value that cannot be used: code and values of a Fault."""

    def __init__(self, code: str, **values: Any) -> None:
        super().__init__(code)
        self.code, self.values = code, values


class Kind(Struct, frozen=True):
    """What the core knows of a kind of field."""

    parse: Callable[[Field, str, Form, Context[Any]], Any]
    """(field, name of the input, form, context) → stored value; what cannot be parsed is stored as typed."""
    typed: Callable[[Any, Field, Context[Any]], Any]
    """Stored value → what `write` is given. Raises Bad."""
    empty: Callable[[], Any] = str


def limit_of(field: Field) -> int:
    return field.limit or (LINE if field.kind == "line" else TEXT)


def _one(form: Form, name: str) -> str:
    values = form.get(name) or ("",)
    return values[0].replace("\r\n", "\n").replace("\x00", "").strip()


def _text(field: Field, name: str, form: Form, ctx: Context[Any]) -> str:
    text = _one(form, name)
    return " ".join(text.split()) if field.kind in ("line", "link", "choice") else text


def _checked(value: Any, field: Field, ctx: Context[Any]) -> str:
    text = str(value or "")
    if len(text) > limit_of(field):
        raise Bad("too_long", limit=limit_of(field), length=len(text))
    return text


def _link(value: Any, field: Field, ctx: Context[Any]) -> str:
    text = str(value or "")
    if text and (len(text) > 2000 or not is_address(text)):
        raise Bad("bad_link")
    return text


def is_address(text: str) -> bool:
    """Whether it is something for a browser to follow: http(s), with a host and no name or password in it."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    sound = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
    return sound and not set('<>"` \\') & set(text)


def _choice(value: Any, field: Field, ctx: Context[Any]) -> str:
    text = str(value or "")
    known = field.choices(ctx) if field.choices else {}
    if text and text not in known:
        raise Bad("bad_choice", value=text[:60])
    return text


def _moment(field: Field, name: str, form: Form, ctx: Context[Any]) -> str:
    text = _one(form, name)
    try:
        return ctx.localize(datetime.fromisoformat(text)).isoformat() if text else ""
    except (ValueError, OverflowError):
        return text


def _instant(value: Any, field: Field, ctx: Context[Any]) -> datetime | None:
    try:
        return ctx.localize(datetime.fromisoformat(value)) if value else None
    except (ValueError, OverflowError, TypeError) as error:
        raise Bad("bad_datetime", value=str(value)[:40]) from error


def _date(value: Any, field: Field, ctx: Context[Any]) -> date | None:
    try:
        return date.fromisoformat(value) if value else None
    except (ValueError, TypeError) as error:
        raise Bad("bad_date", value=str(value)[:40]) from error


def _lines(field: Field, name: str, form: Form, ctx: Context[Any]) -> list[str]:
    """Tags and dates: one per line, or separated by commas."""
    return list(dict.fromkeys(part.strip() for part in re.split(r"[\n,;]", _one(form, name)) if part.strip()))


def _dates(value: Any, field: Field, ctx: Context[Any]) -> list[date]:
    if len(value or ()) > MAX_DATES:
        raise Bad("too_many", limit=MAX_DATES)
    return sorted({found for part in value or () if (found := _date(_iso(part), field, ctx))})


def _iso(text: str) -> str:
    """`24.12.2026` is how Germans write it."""
    match = re.fullmatch(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})", text)
    return f"{match[3]}-{int(match[2]):02}-{int(match[1]):02}" if match else text


def _tags(value: Any, field: Field, ctx: Context[Any]) -> list[str]:
    if len(value or ()) > MAX_TAGS:
        raise Bad("too_many", limit=MAX_TAGS)
    for tag in value or ():
        if len(tag) > TAG:
            raise Bad("too_long", limit=TAG, length=len(tag))
    return list(value or ())


def _place(field: Field, name: str, form: Form, ctx: Context[Any]) -> dict[str, Any]:
    given = {axis: _one(form, f"{name}.{axis}") for axis in ("lat", "lon")}
    if "," in given["lat"] and not given["lon"] and given["lat"].count(",") == 1 and "." in given["lat"]:
        given["lat"], given["lon"] = (part.strip() for part in given["lat"].split(","))  # copied from a map
    return {axis: _number(text) for axis, text in given.items()} if any(given.values()) else {}


def _number(text: str) -> float | str:
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else text


def _point(value: Any, field: Field, ctx: Context[Any]) -> Point | None:
    if not value:
        return None
    lat, lon = value.get("lat"), value.get("lon")
    if not isinstance(lat, float) or not isinstance(lon, float):
        raise Bad("bad_position")
    if not ctx.city.area.bbox.contains(lat, lon):
        raise Bad("swapped" if ctx.city.area.bbox.contains(lon, lat) else "outside", city=ctx.city.name)
    return Point(lat=lat, lon=lon)


def _pictures(field: Field, name: str, form: Form, ctx: Context[Any]) -> list[dict[str, Any]]:
    found = []
    for number in range(field.most):
        one = {part: _one(form, f"{name}.{number}.{part}") for part in ("url", "alt", "credit")}
        focus = {part: _share(_one(form, f"{name}.{number}.{part}")) for part in ("x", "y")}
        if one["url"]:
            found.append({**one, **focus})
    return found


def _share(text: str) -> float:
    try:
        return round(min(1.0, max(0.0, float(text.replace(",", ".")) / 100)), 3)
    except ValueError:
        return 0.5


def _images(value: Any, field: Field, ctx: Context[Any]) -> list[Picture]:
    pictures = []
    for one in value or ():
        if not is_address(one["url"]) and not re.fullmatch(rf"/{ctx.city.slug}/files/[\w./-]+", one["url"]):
            raise Bad("bad_picture")
        if not one["alt"].strip():
            raise Bad("no_alt")
        if len(one["alt"]) > LINE or len(one.get("credit", "")) > LINE:
            raise Bad("too_long", limit=LINE, length=max(len(one["alt"]), len(one.get("credit", ""))))
        pictures.append(Picture(**one))
    return pictures


def _flag(field: Field, name: str, form: Form, ctx: Context[Any]) -> bool:
    return _one(form, name) not in ("", "false", "0")


KINDS: Mapping[str, Kind] = {
    "line": Kind(_text, _checked),
    "text": Kind(_text, _checked),
    "rich": Kind(_text, lambda value, field, ctx: rich(_checked(value, field, ctx))),
    "date": Kind(lambda field, name, form, ctx: _iso(_one(form, name)), _date),
    "datetime": Kind(_moment, _instant),
    "dates": Kind(lambda *given: [_iso(part) for part in _lines(*given)], _dates, list),
    "choice": Kind(_text, _choice),
    "tags": Kind(_lines, _tags, list),
    "position": Kind(_place, _point, dict),
    "images": Kind(_pictures, _images, list),
    "link": Kind(_text, _link),
    "boolean": Kind(_flag, lambda value, field, ctx: bool(value), bool),
}
