"""Dates as feeds write them: RFC 822 (RSS), RFC 3339 (Atom, JSON Feed), and what people write instead."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from time import struct_time
from typing import Any

from allmende import Context

EARLIEST = 1990
"""Before that there was no web: an item of 1970 has no date, but a zero."""
FAR = timedelta(days=366)
_GERMAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s+Uhr)?)?$")

_MONTH = re.compile(r"(\d{1,2})(\.?)\s+([A-Za-zäÄ]{3,9})\.?\s+(\d{4})\b")
_MONTHS = ("jan", "feb", "mär", "apr", "mai", "jun", "jul", "aug", "sep", "okt", "nov", "dez")
_ENGLISH = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ALSO = {"jän": "jan", "mrz": "mär", "mae": "mär"}


def read_date(text: str | None, ctx: Context[Any], parsed: struct_time | None = None) -> datetime | None:
    """The instant, in UTC; a time without an offset is the city's. None where there is none that could be true.

    `parsed` is what feedparser made of it, which knows the long tail (other languages, asctime).
    """
    text = _MONTH.sub(_named, (text or "").strip())
    found = _iso(text) or _rfc822(text) or _german(text) or _utc(parsed)
    if found is None:
        return None
    try:
        moment = ctx.localize(found).astimezone(UTC)
    except (OverflowError, ValueError):
        return None
    return moment if moment.year >= EARLIEST and moment <= ctx.now + FAR else None


def _named(match: re.Match[str]) -> str:
    """`15 Okt 2026` as RFC 822 has it, `15. Oktober 2026` as a German date; other months stay as they are."""
    day, point, name, year = match.groups()
    short = name[:3].lower()
    short = _ALSO.get(short, short)
    if short not in _MONTHS:
        return match[0]
    month = _MONTHS.index(short)
    return f"{day}.{month + 1}.{year}" if point else f"{day} {_ENGLISH[month]} {year}"


def _iso(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def _rfc822(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _german(text: str) -> datetime | None:
    match = _GERMAN.search(text)
    if match is None:
        return None
    day, month, year, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - wall-clock time, localized by the caller
    except ValueError:
        return None


def _utc(parsed: struct_time | None) -> datetime | None:
    try:
        return datetime(*parsed[:6], tzinfo=UTC) if parsed else None
    except (ValueError, TypeError, OverflowError):
        return None
