"""Makes a city's warnings out of alerts: those that are for it, each chain of messages as one warning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from hashlib import blake2b
from typing import Any

import msgspec
from allmende import Batch, Context, Refusal

from ..config import CapSource, NinaSource
from ..tables import SEVERITIES, CityWarning
from .alert import Alert, AlertInfo, Reading
from .area import meets, rings
from .chain import chains

KEPT = timedelta(hours=72)
"""An expired warning is of no interest after that."""
_SILENT = "noPush"


def build(reading: Reading, source: CapSource | NinaSource, ctx: Context[Any]) -> Batch:
    """The feed is complete: what is no longer in it is over. Alerts for other places are not refusals."""
    refused = [Refusal(place=place, reason=reason) for place, reason in reading.faults]
    rows: list[CityWarning] = []
    for chain in chains(reading.alerts):
        latest = chain[-1]
        infos = _infos(chain, source, ctx)
        if infos is None:
            refused.append(Refusal(place=latest.place, reason="says nothing: it has no info"))
        elif infos:
            row = _row(chain, infos, source, ctx)
            if row.expires is not None and row.expires < ctx.now - KEPT:
                refused.append(Refusal(place=latest.place, reason=f"has expired ({row.expires.date().isoformat()})"))
            else:
                rows.append(row)
    return Batch(rows=rows, refused=refused)


def _infos(chain: Sequence[Alert], source: CapSource | NinaSource, ctx: Context[Any]) -> list[AlertInfo] | None:
    """What the newest message that says anything says here; a cancellation may be silent. None where none does."""
    speaking = next((alert for alert in reversed(chain) if alert.infos), None)
    if speaking is None:
        return None
    # A dashboard's entries have no areas: whoever asked for it named the area.
    return [info for info in speaking.infos if source.areas == "feed" or not info.areas or meets(info.areas, ctx.city)]


def _row(
    chain: Sequence[Alert], infos: Sequence[AlertInfo], source: CapSource | NinaSource, ctx: Context[Any]
) -> CityWarning:
    latest = chain[-1]
    texts: dict[str, dict[str, str]] = {}
    for info in infos:
        texts.setdefault(
            info.language,
            {
                "event": info.event,
                "headline": info.headline or info.event,
                "description": info.description,
                "instruction": info.instruction,
            },
        )
    main = next((info for info in infos if info.language == ctx.city.language), infos[0])
    words = texts[main.language]
    severity = max(_severity(info) for info in infos)
    over = latest.kind == "cancel" or all("allclear" in info.responses for info in infos)
    outlines, (lat, lon) = rings(main.areas, ctx.city)
    ends = [info.expires for info in infos if info.expires]
    facts = (over, severity, texts, main.starts, main.expires)
    return CityWarning(
        key=chain[0].identifier,
        headline=words["headline"][:500] or ctx.text("nameless"),
        text="\n\n".join(part for part in (words["description"], words["instruction"]) if part),
        texts=texts,
        severity=severity,
        urgency=main.urgency[:16],
        certainty=main.certainty[:16],
        categories=sorted({category for info in infos for category in info.categories}),
        over=over,
        silent=any(_SILENT in code for code in latest.codes),
        sent=latest.sent,
        first_sent=chain[0].sent,
        starts=main.starts,
        expires=max(ends) if len(ends) == len(infos) else None,
        sender=(main.sender or ctx.pick(source.title) or latest.sender)[:300],
        web=main.web[:2048] if main.web.startswith(("https://", "http://")) else "",
        contact=main.contact[:1000],
        areas=list(dict.fromkeys(name for area in main.areas for name in area.names))[:50],
        polygons=outlines,
        lat=lat,
        lon=lon,
        messages=_messages(chain),
        version=blake2b(msgspec.json.encode(facts, order="deterministic"), digest_size=16).hexdigest(),
    )


def _severity(info: AlertInfo) -> int:
    return SEVERITIES.index(info.severity) if info.severity in SEVERITIES else 0


def _messages(chain: Sequence[Alert]) -> list[str]:
    """Newest first, since those are what the next message refers to."""
    found: dict[str, None] = {}
    for alert in reversed(chain):
        found |= dict.fromkeys((alert.identifier, *alert.references))
    return list(found)[:100]
