"""An alert as CAP 1.2 has it, whatever it was written in. Read once for all cities, then picked from by each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct


class AlertArea(Struct, frozen=True, kw_only=True):
    names: tuple[str, ...] = ()
    codes: frozenset[str] = frozenset()
    """Beginnings of Regionalschlüssel (ARS) that lie in it: `05` is a Land, twelve digits are a town."""
    communes: frozenset[str] = frozenset()
    """AGS with 8 digits, or 5 of a Kreis."""
    shapes: tuple[Any, ...] = ()
    """shapely polygons, x is the longitude."""


class AlertInfo(Struct, frozen=True, kw_only=True):
    """What an alert says in one language."""

    language: str
    event: str
    headline: str
    description: str
    instruction: str
    categories: tuple[str, ...]
    severity: str
    urgency: str
    certainty: str
    responses: tuple[str, ...]
    starts: datetime | None
    expires: datetime | None
    sender: str
    web: str
    contact: str
    areas: tuple[AlertArea, ...]
    parameters: Mapping[str, str]


class Alert(Struct, frozen=True, kw_only=True):
    identifier: str
    sender: str
    sent: datetime
    kind: str
    """`alert`, `update`, `cancel` (CAP's msgType, in small letters)."""
    references: tuple[str, ...]
    """Identifiers of earlier messages, which may be unknown here."""
    codes: tuple[str, ...]
    infos: tuple[AlertInfo, ...]
    place: str
    """Where in the feed it stands."""


class Reading(Struct, frozen=True, kw_only=True):
    """All alerts of a payload, and what could not be read of it: (place, reason)."""

    alerts: Sequence[Alert]
    faults: Sequence[tuple[str, str]]
