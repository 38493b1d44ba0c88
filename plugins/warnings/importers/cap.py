"""CAP 1.2 as XML: one alert, several below one root, or a ZIP file of documents."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from allmende import Batch, Context, FeedError, Payload
from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from ..config import CapSource
from .alert import Alert, AlertInfo, Reading
from .area import make_area
from .build import build
from .values import end, language, moment, plain, references

MAX_FILES, MAX_SIZE = 5000, 20_000_000
"""Documents of a ZIP file, and bytes of all of them together."""


def read(payload: Payload, source: CapSource, ctx: Context[Any]) -> Batch:
    """The warnings of this city. All cities share one reading of a payload."""
    return build(parse(payload.content), source, ctx)


@lru_cache(maxsize=8)
def parse(content: bytes) -> Reading:
    """FeedError where no part of it can be read."""
    alerts: list[Alert] = []
    faults: list[tuple[str, str]] = []
    documents = 0
    for name, document in _documents(content):
        documents += 1
        try:
            root = fromstring(document, forbid_dtd=True)
        except (ParseError, DefusedXmlException, ValueError) as error:
            faults.append((name, f"is no XML that can be read: {error}"[:200]))
            continue
        found = [root] if _tag(root) == "alert" else [each for each in root.iter() if _tag(each) == "alert"]
        if not found and _tag(root) != "alerts":
            faults.append((name, f"has no <alert>; its root is <{_tag(root)[:40]}>"))
        for element in found:
            place = _text(element, "identifier") or name
            try:
                alerts.append(_alert(element, place))
            except ValueError as error:
                faults.append((place, str(error)))
    if documents and len(faults) >= documents and not alerts:
        raise FeedError(faults[0][1], place=faults[0][0])
    return Reading(alerts=alerts, faults=faults)


def _documents(content: bytes) -> Iterator[tuple[str, bytes]]:
    if not content.startswith(b"PK"):
        yield "the document", content
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = [entry for entry in archive.infolist() if entry.filename.lower().endswith(".xml")]
            if len(entries) > MAX_FILES or sum(entry.file_size for entry in entries) > MAX_SIZE:
                raise FeedError("holds more than can be meant", place="the ZIP file")
            for entry in entries:
                yield entry.filename, archive.read(entry)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError) as error:
        raise FeedError(f"cannot be unpacked: {error}", place="the ZIP file") from error


def _alert(element: Element, place: str) -> Alert:
    sent, identifier = moment(_text(element, "sent")), _text(element, "identifier")
    if sent is None or not identifier:
        raise ValueError("has no identifier or no time (sent) with an offset")
    if (status := _text(element, "status").lower()) != "actual":
        raise ValueError(f"is no real alert: its status is {status or 'missing'}")
    if (scope := _text(element, "scope").lower()) not in ("public", ""):
        raise ValueError(f"is not for the public: its scope is {scope}")
    return Alert(
        identifier=identifier,
        sender=_text(element, "sender"),
        sent=sent,
        kind=_text(element, "msgType").lower(),
        references=references(_text(element, "references")),
        codes=tuple(_texts(element, "code")),
        infos=tuple(_info(each, sent) for each in _all(element, "info")),
        place=place,
    )


def _info(element: Element, sent: Any) -> AlertInfo:
    areas = []
    for area in _all(element, "area"):
        codes = [(_text(code, "valueName"), _text(code, "value")) for code in _all(area, "geocode")]
        areas.append(make_area(_text(area, "areaDesc"), codes, _texts(area, "polygon"), _texts(area, "circle")))
    return AlertInfo(
        language=language(_text(element, "language")),
        event=plain(_text(element, "event")),
        headline=plain(_text(element, "headline")),
        description=plain(_text(element, "description")),
        instruction=plain(_text(element, "instruction")),
        categories=tuple(text.lower() for text in _texts(element, "category")),
        severity=_text(element, "severity").lower(),
        urgency=_text(element, "urgency").lower(),
        certainty=_text(element, "certainty").lower(),
        responses=tuple(text.lower() for text in _texts(element, "responseType")),
        starts=moment(_text(element, "onset")) or moment(_text(element, "effective")),
        expires=end(_text(element, "expires"), sent),
        sender=plain(_text(element, "senderName")),
        web=_text(element, "web"),
        contact=plain(_text(element, "contact")),
        areas=tuple(areas),
        parameters={_text(each, "valueName"): _text(each, "value") for each in _all(element, "parameter")},
    )


def _tag(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _all(element: Element, tag: str) -> list[Element]:
    return [child for child in element if _tag(child) == tag]


def _texts(element: Element, tag: str) -> list[str]:
    return [(child.text or "").strip() for child in _all(element, tag)]


def _text(element: Element, tag: str) -> str:
    return next(iter(_texts(element, tag)), "")
