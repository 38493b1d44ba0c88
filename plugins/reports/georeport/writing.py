"""Documents of GeoReport v2 as JSON and as XML, from the same plain structures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

import msgspec
from allmende import InputError, Reply

MEDIA = {"json": "application/json; charset=utf-8", "xml": "text/xml"}
ITEMS = {"attributes": "attribute", "values": "value", "endpoints": "endpoint", "formats": "format"}
"""Name of a list in XML → name of its items."""
Row = Mapping[str, Any]


def check_format(path: Mapping[str, str]) -> str:
    """The format that the address ends with; InputError for one that is not spoken here."""
    if path["format"] not in MEDIA:
        raise InputError(f"format: {path['format'][:20]!r} is neither json nor xml")
    return path["format"]


def listed(format: str, root: str, item: str, rows: Sequence[Row], *, status: int = 200) -> Reply:
    """`[{…}]`, or `<services><service>…`."""
    if format == "json":
        return _reply(format, msgspec.json.encode(rows), status)
    top = Element(root)
    for row in rows:
        _fill(SubElement(top, item), row)
    return _reply(format, tostring(top, "utf-8", xml_declaration=True), status)


def single(format: str, root: str, row: Row) -> Reply:
    """`{…}`, or `<discovery>…`."""
    if format == "json":
        return _reply(format, msgspec.json.encode(row), 200)
    top = Element(root)
    _fill(top, row)
    return _reply(format, tostring(top, "utf-8", xml_declaration=True), 200)


def fault(path: Mapping[str, str], status: int, message: str) -> Reply:
    """An error as the standard tells it; a missing or wrong key is 403 there, not 401."""
    code = 403 if status == 401 else status
    format = path.get("format", "json")
    rows = [{"code": code, "description": message}]
    return listed(format if format in MEDIA else "json", "errors", "error", rows, status=code)


def _reply(format: str, content: bytes, status: int) -> Reply:
    return Reply(content=content, media_type=MEDIA[format], max_age=60, status=status)


def _fill(parent: Element, row: Row) -> None:
    for name, value in row.items():
        child = SubElement(parent, name)
        if isinstance(value, Mapping):
            _fill(child, value)
        elif isinstance(value, list | tuple):
            for one in value:
                item = SubElement(child, ITEMS.get(name, "item"))
                if isinstance(one, Mapping):
                    _fill(item, one)
                else:
                    item.text = _text(one)
        else:
            child.text = _text(value)


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    return str(value).lower() if isinstance(value, bool) else str(value)
