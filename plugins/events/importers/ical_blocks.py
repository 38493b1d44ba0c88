"""Cuts an iCalendar file into its VEVENTs with line numbers, so that one broken entry never costs the others."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from allmende import FeedError, Refusal
from icalendar import Component
from msgspec import Struct

Vevent = Any
"""An icalendar Component. Its properties are a union of thirty types, which only the property's name tells apart."""
_EDGE = re.compile(r"(BEGIN|END)\s*:\s*([\w-]+)\s*$", re.IGNORECASE)


class Block(Struct, frozen=True, kw_only=True):
    """A VEVENT or VTIMEZONE, as text."""

    kind: str
    line: int
    text: str
    zone: str
    """X-WR-TIMEZONE of the calendar around it."""


class Entry(Struct, frozen=True, kw_only=True):
    """A parsed VEVENT."""

    event: Vevent
    uid: str
    line: int
    zone: str

    @property
    def place(self) -> str:
        return f"UID {self.uid}" if self.uid else f"line {self.line}"


def read_entries(text: str, refused: list[Refusal]) -> list[Entry]:
    """All VEVENTs that can be parsed; the others, and broken lines inside, are added to `refused`."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not any(
        match and match[2].upper() in ("VCALENDAR", "VEVENT") for _, line in lines if (match := _EDGE.match(line))
    ):
        start = lines[0][1][:40] if lines else ""
        raise FeedError(f"this is not an iCalendar file; it begins with {start!r}", place="line 1")
    blocks = list(_blocks(lines, refused))
    for block in blocks:
        if block.kind == "VTIMEZONE":
            _parse(block, refused)  # icalendar remembers the zone, so that the events below it can use it
    entries = []
    for block in (block for block in blocks if block.kind == "VEVENT"):
        event = _parse(block, refused)
        if event is not None:
            uid = " ".join(str(event.get("UID", "")).split())
            entries.append(Entry(event=event, uid=uid, line=block.line, zone=block.zone))
    if not any(block.kind == "VEVENT" for block in blocks) and not refused:
        refused.append(Refusal(place="the file", reason="the calendar is empty: it holds no VEVENT"))
    return entries


def _parse(block: Block, refused: list[Refusal]) -> Vevent | None:
    try:
        parsed = Component.from_ical(block.text + "\r\n", multiple=True)
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        refused.append(Refusal(place=f"line {block.line}", reason=f"this {block.kind} cannot be read: {error}"))
        return None
    return parsed[0] if isinstance(parsed, list) and parsed else None


def _blocks(lines: list[tuple[int, str]], refused: list[Refusal]) -> Iterator[Block]:
    kind, begin, inside, zone = "", 0, list[str](), ""
    for number, line in lines:
        match = _EDGE.match(line)
        edge, name = (match[1].upper(), match[2].upper()) if match else ("", "")
        if edge == "BEGIN" and name in ("VEVENT", "VTIMEZONE", "VCALENDAR"):
            if kind:
                reason = f"BEGIN:{kind} without END:{kind} before line {number}"
                refused.append(Refusal(place=f"line {begin}", reason=reason))
            kind, begin, inside = ("", 0, []) if name == "VCALENDAR" else (name, number, [])
            zone = "" if name == "VCALENDAR" else zone
        if kind:
            inside.append(line)
        elif line.upper().startswith("X-WR-TIMEZONE:"):
            zone = line.partition(":")[2].strip()
        if edge == "END" and name == kind != "":
            yield Block(kind=kind, line=begin, text="\r\n".join(inside), zone=zone)
            kind = ""
    if kind:
        refused.append(Refusal(place=f"line {begin}", reason=f"BEGIN:{kind} without END:{kind}"))
