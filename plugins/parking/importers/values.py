"""What feeds write for numbers, moments and trends."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from allmende import Context

NOTHING = {"", "-", "n/a", "null", "none", "keine angabe"}
MORE, FEWER, SAME = {"1", "rising", "increasing", "steigend"}, {"-1", "falling", "decreasing", "fallend"}, {"0"}
_DB2 = re.compile(r"(\d{4}-\d\d-\d\d)-(\d\d)\.(\d\d)\.(\d\d)(\.\d+)?")
_NUMBER = re.compile(
    r"-?\d{1,3}(?:[ \u00a0]\d{3})+(?!\d)(?:,\d+)?"  # 90 164
    r"|-?\d{1,3}(?:\.\d{3})+,\d+|-?\d{1,3}(?:\.\d{3}){2,}(?!\d)"  # 1.200,5 and 1.200.000, but 47.652 is a decimal
    r"|-?\d+(?:[.,]\d+)?"
)


def text(value: Any) -> str:
    """Plain text without needless blanks; empty for the ways in which feeds say nothing."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    folded = " ".join(str(value).split()) if value is not None else ""
    return "" if folded.lower() in NOTHING else folded


def number(value: Any) -> float | None:
    """`383`, `"383"`, `1 200`, `2,05`, `1,90 m`; None where there is no number."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    found = _NUMBER.match(text(value))
    if not found:
        return None
    digits = re.sub(r"[ \u00a0]", "", found[0])
    if "," in digits:
        digits = digits.replace(".", "").replace(",", ".")
    return float(digits.replace(".", "") if digits.count(".") > 1 else digits)


def trend(value: Any) -> int | None:
    """1 where more spaces become free, -1 where fewer, 0 where as many; None where it is not said."""
    word = text(value).lower()
    return 1 if word in MORE else -1 if word in FEWER else 0 if word in SAME or word in ("constant", "steady") else None


def moment(value: Any, ctx: Context[Any]) -> datetime | None:
    """ISO 8601 (without an offset: the city's wall clock), epoch milliseconds, `2026-02-06-08.35.00.000000`."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return datetime.fromtimestamp(value / 1000, UTC) if 1e11 < value < 1e13 else None
    word = _DB2.sub(r"\1T\2:\3:\4", text(value))
    try:
        return ctx.localize(datetime.fromisoformat(word)) if word else None
    except ValueError:
        return None
