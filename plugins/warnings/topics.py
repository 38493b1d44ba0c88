"""Who has asked for warnings is told of each version of a warning once, and of the all-clear as such."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from allmende import Applied, Context, Message, Parameter, Topic, tell
from sqlalchemy.ext.asyncio import AsyncSession

from .config import WarningsConfig
from .tables import SEVERITIES

OLD = timedelta(hours=24)
"""What was sent before that is no news when it is first seen: the module was just switched on."""
URGENCY: tuple[Literal["normal", "high", "urgent"], ...] = ("normal", "normal", "high", "urgent", "urgent")
"""By severity: from `severe` on it may break quiet hours."""
CATEGORIES = {
    "geo": {"de": "Erde (Erdbeben, Erdrutsch)", "en": "Ground (earthquake, landslide)"},
    "met": {"de": "Wetter und Hochwasser", "en": "Weather and floods"},
    "safety": {"de": "Allgemeine Gefahr", "en": "General danger"},
    "security": {"de": "Öffentliche Sicherheit", "en": "Public security"},
    "rescue": {"de": "Rettung und Suche", "en": "Rescue and search"},
    "fire": {"de": "Brand", "en": "Fire"},
    "health": {"de": "Gesundheit", "en": "Health"},
    "env": {"de": "Umwelt", "en": "Environment"},
    "transport": {"de": "Verkehr", "en": "Transport"},
    "infra": {"de": "Versorgung (Strom, Wasser, Notruf)", "en": "Utilities (power, water, emergency call)"},
    "cbrne": {"de": "Gefährliche Stoffe", "en": "Hazardous substances"},
    "other": {"de": "Sonstiges", "en": "Other"},
}
"""CAP 1.2's categories."""
ISSUED = Topic(
    name="issued",
    title={"de": "Amtliche Warnungen", "en": "Official warnings"},
    summary={
        "de": "Wenn vor Unwetter oder anderer Gefahr gewarnt wird, sich etwas daran ändert und wenn Entwarnung kommt.",
        "en": "When there is a warning of severe weather or another danger, when it changes, and when it is over.",
    },
    parameters=(
        Parameter(
            name="severity",
            title={"de": "Mindestens", "en": "At least"},
            values=SEVERITIES[1:],
            labels={
                "minor": {"de": "gering", "en": "minor"},
                "moderate": {"de": "mäßig", "en": "moderate"},
                "severe": {"de": "schwer", "en": "severe"},
                "extreme": {"de": "extrem", "en": "extreme"},
            },
            ordered=True,
        ),
        Parameter(
            name="category", title={"de": "Art", "en": "Kind"}, values=tuple(CATEGORIES), labels=dict(CATEGORIES)
        ),
    ),
    urgent=True,
)


async def tell_of_warnings(session: AsyncSession, ctx: Context[WarningsConfig], applied: Applied) -> None:
    """Of new and changed ones. An all-clear is only told where the warning was there before."""
    for row in applied.added:
        if not row["over"] and ctx.now - row["sent"] < OLD:
            await _tell(session, ctx, row, "issued")
    for row in applied.changed:
        await _tell(session, ctx, row, "over" if row["over"] else "updated")


async def _tell(session: AsyncSession, ctx: Context[WarningsConfig], row: Mapping[str, Any], what: str) -> None:
    expires = row["expires"]
    if row["silent"] or (expires is not None and expires <= ctx.now and what != "over"):
        return
    severity = SEVERITIES[max(1, row["severity"])]
    categories = [category for category in row["categories"] if category in CATEGORIES]
    message = Message(
        # By what it says, not by its id: one that was gone from the feed for a moment comes back under another id.
        key=row["version"] if expires is not None else f"{row['version']} {row['first_sent'].date()}",
        title={language: _title(ctx, row, language, what) for language in ctx.city.languages},
        body={language: words(row["texts"], language)["description"] for language in ctx.city.languages},
        link=f"warnings/{row['id']}",
        urgency="normal" if what == "over" else URGENCY[row["severity"]],
        thread=row["id"],
        expires=expires if expires is not None and what != "over" else ctx.now + timedelta(days=1),
    )
    await tell(session, ctx, ISSUED, message, {"severity": severity, "category": categories})


def _title(ctx: Context[WarningsConfig], row: Mapping[str, Any], language: str, what: str) -> str:
    headline = words(row["texts"], language)["headline"] or row["headline"]
    return headline if what == "issued" else ctx.in_language(language).text(f"{what}.title", headline=headline)


def words(texts: Mapping[str, Any], language: str, fallback: str = "de") -> Mapping[str, str]:
    """What the warning says in this language, else in the city's, in English, in any."""
    for tag in (language.partition("-")[0], fallback.partition("-")[0], "en"):
        if tag in texts:
            found: Mapping[str, str] = texts[tag]
            return found
    return next(iter(texts.values()))
