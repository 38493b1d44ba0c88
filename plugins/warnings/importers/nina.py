"""CAP as JSON, as NINA has it: a list of alerts, alerts by identifier, one alert, or the dashboard of an area."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from allmende import Batch, Context, FeedError, Payload

from ..config import NinaSource
from .alert import Alert, AlertInfo, Reading
from .area import make_area
from .build import build
from .values import end, language, moment, plain, references


def read(payload: Payload, source: NinaSource, ctx: Context[Any]) -> Batch:
    """The warnings of this city. All cities share one reading of a payload."""
    return build(parse(payload.content), source, ctx)


@lru_cache(maxsize=8)
def parse(content: bytes) -> Reading:
    """FeedError where it is no JSON of alerts."""
    try:
        decoded = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise FeedError(f"is no JSON: {error}", place="the document") from error
    alerts, faults = [], []
    for place, item in _items(decoded):
        try:
            if not isinstance(item, Mapping):
                raise ValueError("is no object")
            alerts.append(_listed(item, place) if "payload" in item else _alert(item, place))
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            reason = str(error) if type(error) is ValueError else f"cannot be read ({type(error).__name__}: {error})"
            faults.append((place, reason[:200]))
    return Reading(alerts=alerts, faults=faults)


def _items(decoded: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(decoded, list):
        for index, item in enumerate(decoded):
            named = item.get("identifier") or item.get("id") if isinstance(item, Mapping) else None
            yield str(named or f"[{index}]"), item
    elif isinstance(decoded, Mapping) and "identifier" in decoded:
        yield str(decoded["identifier"]), decoded
    elif isinstance(decoded, Mapping):
        yield from ((str(key), item) for key, item in decoded.items())
    else:
        raise FeedError("is neither an alert nor a list of alerts", place="the document")


def _alert(item: Mapping[str, Any], place: str) -> Alert:
    sent, identifier = moment(item.get("sent")), str(item.get("identifier") or "")
    if sent is None or not identifier:
        raise ValueError("has no identifier or no time (sent) with an offset")
    if (status := str(item.get("status", "")).lower()) != "actual":
        raise ValueError(f"is no real alert: its status is {status or 'missing'}")
    if (scope := str(item.get("scope") or "public").lower()) != "public":
        raise ValueError(f"is not for the public: its scope is {scope}")
    return Alert(
        identifier=identifier,
        sender=str(item.get("sender") or ""),
        sent=sent,
        kind=str(item.get("msgType") or "alert").lower(),
        references=references(item.get("references")),
        codes=tuple(map(str, _many(item.get("code")))),
        infos=tuple(_info(each, sent) for each in _many(item.get("info"))),
        place=place,
    )


def _info(item: Mapping[str, Any], sent: datetime) -> AlertInfo:
    parameters = {str(each.get("valueName")): str(each.get("value")) for each in _many(item.get("parameter"))}
    listed = [("warnVerwaltungsbereiche", parameters.get("warnVerwaltungsbereiche", ""))]
    areas = []
    for area in _many(item.get("area")):
        codes = [(str(code.get("valueName")), str(code.get("value"))) for code in _many(area.get("geocode"))]
        polygons, circles = _many(area.get("polygon")), _many(area.get("circle"))
        areas.append(make_area(plain(area.get("areaDesc")), codes + listed, map(str, polygons), map(str, circles)))
    return AlertInfo(
        language=language(item.get("language")),
        event=_event(plain(item.get("event"))),
        headline=plain(item.get("headline")),
        description=plain(item.get("description")),
        instruction=plain(item.get("instruction")),
        categories=tuple(str(each).lower() for each in _many(item.get("category"))),
        severity=str(item.get("severity") or "").lower(),
        urgency=str(item.get("urgency") or "").lower(),
        certainty=str(item.get("certainty") or "").lower(),
        responses=tuple(str(each).lower() for each in _many(item.get("responseType"))),
        starts=moment(item.get("onset")) or moment(item.get("effective")),
        expires=end(item.get("expires"), sent),
        sender=plain(item.get("senderName") or parameters.get("sender_langname")),
        web=str(item.get("web") or ""),
        contact=plain(item.get("contact")),
        areas=tuple(areas),
        parameters=parameters,
    )


def _listed(item: Mapping[str, Any], place: str) -> Alert:
    """An entry of the dashboard of an area: it has no text besides the headline, and its area is the dashboard's."""
    payload = item["payload"]
    data, sent = payload["data"], moment(item.get("sent"))
    if sent is None:
        raise ValueError("has no time (sent) with an offset")
    titles = item.get("i18nTitle") or {"de": data["headline"]}
    infos = tuple(
        AlertInfo(
            language=language(tag),
            event="",
            headline=plain(title),
            description="",
            instruction="",
            categories=(),
            severity=str(data.get("severity") or "").lower(),
            urgency=str(data.get("urgency") or "").lower(),
            certainty="",
            responses=(),
            starts=moment(item.get("onset") or item.get("effective")),
            expires=end(item.get("expires"), sent),
            sender=str(data.get("provider") or ""),
            web="",
            contact="",
            areas=(),
            parameters={},
        )
        for tag, title in titles.items()
    )
    kind = str(data.get("msgType") or payload.get("type") or "alert").lower()
    return Alert(
        identifier=str(item["id"]), sender="", sent=sent, kind=kind, references=(), codes=(), infos=infos, place=place
    )


def _event(text: str) -> str:
    """Some senders give a number of a list of their own."""
    return "" if text.isdecimal() else text


def _many(value: Any) -> list[Any]:
    """JSON has a list, one thing, or nothing, where XML repeats an element."""
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
