"""Single values of CAP, as its senders really write them."""

from __future__ import annotations

import html
import re
from datetime import datetime, timedelta

FAR = timedelta(days=3653)
"""An end that is further off than this cannot be meant."""
_BREAK = re.compile(r"<\s*(br|/p|/div|/li)\s*/?\s*>", re.I)
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
"""Not `<90 km/h`."""
_LANGUAGE = re.compile(r"[a-zA-Z]{2,3}")


def plain(text: str | None) -> str:
    """Text without the HTML that some senders put into plain fields; lines are kept, at most one empty between them."""
    text = html.unescape(_TAG.sub("", _BREAK.sub("\n", text or ""))).replace("\xa0", " ")
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def moment(text: str | None) -> datetime | None:
    """An instant; None where there is none, or none that can be read. CAP demands an offset."""
    try:
        found = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return found if found.tzinfo else None


def end(text: str | None, sent: datetime) -> datetime | None:
    """When the warning ends; the year 3021 is no end."""
    found = moment(text)
    return found if found and found - sent <= FAR else None


def language(text: str | None) -> str:
    """`DE`, `de-DE` → `de`; CAP's default is English, but whoever leaves it out here writes German."""
    found = _LANGUAGE.match((text or "").strip())
    return found[0].lower() if found else "de"


def references(text: str | None) -> tuple[str, ...]:
    """Identifiers of `sender,identifier,sent` triples. MoWaS writes one triple with all identifiers in its middle."""
    found: dict[str, None] = {}
    rest = (text or "").strip()
    for triple in re.findall(r"[^,]*,([^,]*),[^,\s]*", rest):
        found |= dict.fromkeys(triple.split())
    return tuple(list(found)[:100])
