"""Weekly markets: the days on which they open, and do not, in what OpenStreetMap's syntax says about it."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from allmende.testing import NOON, make_city, make_context, make_payload

from plugins.events.config import EventsConfig, MarketsSource
from plugins.events.importers import markets
from plugins.events.tables import Occurrence

FRONLEICHNAM, CHRISTMAS, SATURDAY = date(2027, 5, 27), date(2026, 12, 25), date(2026, 12, 5)


def days_of(hours: str, land: str = "DE-NW") -> dict[date, str]:
    """Day → from when till when, on the city's clock."""
    point = {"type": "Point", "coordinates": [7.63, 51.96]}
    feature = {"type": "Feature", "geometry": point, "properties": {"title": "Markt", "opening_hours": hours}}
    ctx = make_context("events", EventsConfig(), city=make_city(subdivision=land), now=NOON)
    payload = make_payload(msgspec.json.encode({"type": "FeatureCollection", "features": [feature]}))
    batch = markets.read(payload, MarketsSource(id="m", file="m.geojson"), ctx)
    assert batch.refused == []
    found = [row for row in batch.rows if isinstance(row, Occurrence)]
    spans = [(ctx.localize(row.start), ctx.localize(row.end)) for row in found if row.end]
    assert len(spans) == len(found)
    return {start.date(): f"{start:%H:%M}-{end:%H:%M}" for start, end in spans}


@pytest.mark.parametrize(
    "hours",
    [
        "Mo-Sa 07:00-13:00; PH off",
        "Mo-Sa 07:00-13:00; Su,PH off",
        "Mo-Sa 07:00-13:00; PH,Su closed",
        "Mo-Sa 07:00-13:00, PH off",
    ],
)
def test_markets_that_close_on_public_holidays_follow_those_of_the_land(hours: str) -> None:
    assert not {FRONLEICHNAM, CHRISTMAS} & days_of(hours).keys()
    assert days_of(hours)[SATURDAY] == "07:00-13:00"
    assert FRONLEICHNAM in days_of(hours, "DE-BE")


def test_markets_that_say_nothing_of_holidays_open_on_them() -> None:
    assert {FRONLEICHNAM, CHRISTMAS} <= days_of("Mo-Sa 07:00-13:00").keys()


def test_markets_on_holidays_seasons_nights_and_the_first_saturday() -> None:
    assert days_of("PH 10:00-14:00")[CHRISTMAS] == "10:00-14:00"
    assert days_of("Fr 20:00-02:00")[date(2026, 12, 4)] == "20:00-02:00"
    first = days_of("Sa[1] 09:00-14:00")
    assert (SATURDAY in first, date(2026, 12, 12) in first) == (True, False)
    season = days_of("Apr-Oct Sa 07:00-13:00; Nov-Mar Sa 08:00-13:00; Dec 24-Jan 01 off")
    assert (season[SATURDAY], season[date(2027, 4, 3)], date(2026, 12, 26) in season) == (
        "08:00-13:00",
        "07:00-13:00",
        False,
    )
