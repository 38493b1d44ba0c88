"""Reads what GeoReport v2 servers answer, as they really write it: XML or JSON, and as NGSI entities.

What cannot be used is refused with its place; a document that is none of the standard's raises FeedError.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from xml.etree.ElementTree import Element, ParseError

import msgspec
from allmende import FeedError, Refusal
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from msgspec import Struct

Kind = Literal["services", "definition", "requests", "errors"]
Row = Mapping[str, Any]
ROOTS: Mapping[str, Kind] = {
    "services": "services", "service_definition": "definition", "service_requests": "requests", "errors": "errors",
}  # fmt: skip
NEEDED: Mapping[Kind, tuple[tuple[str, ...], ...]] = {
    "services": (("service_code",), ("service_name",)),
    "definition": (("service_code",),),
    "requests": (("service_request_id", "token"),),
    "errors": (("code", "description"),),
}
"""Kind → fields of each item, of each group of which one must be there."""


class Document(Struct, frozen=True, kw_only=True):
    """One answer of a server: what it is, its usable items, and what is wrong with the others."""

    kind: Kind
    items: Sequence[Row]
    refused: Sequence[Refusal] = ()


def read(content: bytes) -> Document:
    """The document. FeedError (with its place) for what is none of the standard's."""
    kind, rows = _xml(content) if content.lstrip()[:1] == b"<" else _json(content)
    items: list[Row] = []
    refused: list[Refusal] = []
    for number, row in enumerate(rows):
        missing = next((names for names in NEEDED[kind] if not any(row.get(name) for name in names)), None)
        status = str(row.get("status") or "").lower()
        if missing:
            refused.append(Refusal(place=f"{kind}[{number}]", reason=f"has no {' and no '.join(missing)}"))
        elif kind == "requests" and status not in ("", "open", "closed"):
            reason = f"status {status[:20]!r} is neither open nor closed"
            refused.append(Refusal(place=f"{kind}[{number}]", reason=reason))
        else:
            items.append(row)
    return Document(kind=kind, items=items, refused=refused)


def photos_of(item: Row) -> list[str]:
    """The addresses of a request's photos: one, as the standard has it, or several, as some servers write them."""
    said = item.get("media_url") or ()
    found = [str(one).strip() for one in (said if isinstance(said, list) else [said])]
    return [url for url in found if url.startswith(("https://", "http://")) and len(url) <= 1000]


def _xml(content: bytes) -> tuple[Kind, Sequence[Row]]:
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise FeedError(f"is no XML that can be read ({error})", place="the document") from error
    kind = ROOTS.get(_name(root))
    if kind is None:
        raise FeedError(f"<{_name(root)[:40]}> is none of {', '.join(ROOTS)}", place="the root element")
    return kind, [_definition(root)] if kind == "definition" else [_row(child) for child in root]


def _definition(root: Element) -> dict[str, Any]:
    """Some servers write the attributes without an element around them."""
    bare = [_value(child) for child in root if _name(child) == "attribute"]
    return {**_row(root), "attributes": bare} if bare else _row(root)


def _row(element: Element) -> dict[str, Any]:
    row = {_name(child): _value(child) for child in element}
    photos = [_value(child) for child in element if _name(child) == "media_url"]
    return {**row, "media_url": photos} if len(photos) > 1 else row


def _value(element: Element) -> Any:
    """A text, or the items of a list (`attributes`, `values`), or what is below."""
    if not len(element):
        return (element.text or "").strip()
    names = {_name(child) for child in element}
    if len(names) == 1 and _name(element) == next(iter(names)) + "s":
        return [_value(child) for child in element]
    return _row(element)


def _name(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _json(content: bytes) -> tuple[Kind, Sequence[Row]]:
    try:
        data = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FeedError(f"is neither XML nor JSON ({error})", place="the document") from error
    given = data if isinstance(data, list) else [data]
    if not all(isinstance(row, dict) for row in given):
        raise FeedError("holds what is no object", place="the document")
    rows = [_plain(row) for row in given]
    kinds = list(dict.fromkeys(_kinds(rows)))
    if len(kinds) > 1:
        raise FeedError(f"holds {' and '.join(kinds)} at once", place="the document")
    return (kinds[0] if kinds else "requests"), rows


def _kinds(rows: Sequence[Row]) -> Iterator[Kind]:
    for number, row in enumerate(rows):
        entity = str(row.get("type") or "")
        if "service_request_id" in row or "token" in row:
            yield "requests"
        elif "service_code" in row and "attributes" in row and "service_name" not in row:
            yield "definition"
        elif "service_code" in row or "service_name" in row:
            yield "services"
        elif "code" in row and "description" in row:
            yield "errors"
        else:
            what = f"type {entity[:40]!r}" if entity else f"an object with {', '.join(sorted(row))[:80] or 'nothing'}"
            raise FeedError(f"{what} is none of the standard's", place=f"[{number}]")


def _plain(row: Row) -> dict[str, Any]:
    """Texts are texts, whatever the server sends; an NGSI entity as the request or service that it stands for."""
    plain = {name: _unwrapped(value) for name, value in row.items()}
    if "open311:type" in plain:
        plain["type"] = plain.pop("open311:type")
    if "address_string" in plain:
        plain.setdefault("address", plain.pop("address_string"))
    location = plain.pop("location", None)
    if isinstance(location, dict) and isinstance(point := location.get("coordinates"), list) and len(point) >= 2:
        plain["long"], plain["lat"] = point[0], point[1]
    for name in ("service_request_id", "service_code", "token"):
        if plain.get(name) is not None:
            plain[name] = str(plain[name]).strip()
    return plain


def _unwrapped(value: Any) -> Any:
    """The value of a normalised NGSI attribute, `{"type": "Text", "value": …}`."""
    return value["value"] if isinstance(value, dict) and set(value) == {"type", "value"} else value
