"""Whether a car park is open now: opening hours in OpenStreetMap syntax; other texts are shown, not understood."""

from __future__ import annotations

from typing import Any

from allmende import Context
from opening_hours import OpeningHours, State, validate


def open_now(hours: str, ctx: Context[Any]) -> bool | None:
    """Open or closed at this moment; None where the text is not in the syntax of OpenStreetMap."""
    if not hours or not validate(hours):
        return None
    state, _ = OpeningHours(hours, timezone=ctx.city.tz, country="DE").state(ctx.now)
    return None if state == State.UNKNOWN else bool(state == State.OPEN)
