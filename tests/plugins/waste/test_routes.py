"""The subscribable calendar: valid all-day events with stable UIDs, read back by another reader."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from allmende import InputError
from allmende.db.engine import Database
from icalendar import Calendar

from plugins.waste.config import DatesSource, RulesSource, StreetsSource
from plugins.waste.routes import calendar
from tests.standstill import largest_stretch


async def test_calendar_is_rfc_5545_with_stable_uids_and_reminders(
    database: Database, context: Callable[..., Any], store: Callable[..., Any]
) -> None:
    ctx = context(database)
    await store(ctx, StreetsSource(id="s", file="f"), "Straße;Bezirk\nÖlweg;1\n")
    rules = '[[tours]]\nfraction="rest"\ndistricts=["1"]\nweekday="fr"\nanchor=2026-01-07\nevery=2\n'
    await store(ctx, RulesSource(id="r", file="f"), rules)
    reply = await calendar(ctx, {}, {"street": "Oelweg", "house": "3", "reminder": "18"})
    assert (reply.media_type, reply.filename) == ("text/calendar", "abfall.ics")
    assert isinstance(reply.content, bytes)
    assert all(len(line) <= 75 for line in reply.content.split(b"\r\n"))
    parsed = Calendar.from_ical(reply.content)
    assert str(parsed["X-WR-CALNAME"]) == "Abfallkalender Teststadt Ölweg 3"
    events = parsed.walk("VEVENT")
    christmas = next(event for event in events if event["DTSTART"].dt == date(2026, 12, 28))
    assert christmas["DTEND"].dt == date(2026, 12, 29)
    assert str(christmas["SUMMARY"]) == "🗑 Restmüll"
    assert str(christmas["DESCRIPTION"]) == "Verschoben wegen eines Feiertags, sonst am 25.12.2026."
    assert christmas.walk("VALARM")[0]["TRIGGER"].dt == timedelta(hours=-6)
    assert len({str(event["UID"]) for event in events}) == len(events) > 20
    await store(ctx, RulesSource(id="r", file="f"), rules)
    again = await calendar(ctx, {}, {"street": "Oelweg", "house": "3", "reminder": "18"})
    assert again.content == reply.content


async def test_calendar_of_very_many_dates_lets_others_be_answered_meanwhile(
    database: Database, context: Callable[..., Any], store: Callable[..., Any]
) -> None:
    ctx = context(database)
    tour = '[[tours]]\nfraction="{}"\nweekday="{}"\nanchor=2026-01-07\n'
    tours = [tour.format(*pair) for pair in product(["rest", "bio", "paper", "glass"], ["mo", "we", "fr"])]
    await store(ctx, RulesSource(id="r", file="f"), "".join(tours))
    assert await largest_stretch(calendar(ctx, {}, {"reminder": "18"})) < 0.4
    assert (await calendar(ctx, {}, {})).content.count(b"BEGIN:VEVENT") > 700


async def test_calendar_of_a_district_and_fraction(
    database: Database, context: Callable[..., Any], store: Callable[..., Any]
) -> None:
    ctx = context(database)
    source = DatesSource(id="t", file="f", date="Datum", district="Bezirk", fraction="Abfall")
    await store(ctx, source, "Datum;Bezirk;Abfall\n1.12.2026;Süd;Bio\n2.12.2026;Süd;Papier\n3.12.2026;Nord;Papier\n")
    reply = await calendar(ctx, {}, {"district": "Süd", "fractions": "paper"})
    events = Calendar.from_ical(reply.content).walk("VEVENT")
    assert [(event["DTSTART"].dt, len(event.walk("VALARM"))) for event in events] == [(date(2026, 12, 2), 0)]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"reminder": "abends"}, "reminder: 'abends' is not an hour"),
        ({"reminder": "24"}, "reminder: '24' is not an hour"),
        ({"fractions": "lava"}, "fractions: 'lava' is unknown"),
    ],
)
async def test_bad_query_is_explained(context: Callable[..., Any], query: dict[str, str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        await calendar(context(), {}, query)
    assert caught.value.message.startswith(message)
