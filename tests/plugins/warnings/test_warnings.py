"""A warning's life in a city: issued, changed, lifted; shown in the reader's language, told once for each version."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from allmende.testing import NOON, Town

from plugins.warnings.importers import cap

SHARE = """
[[sources]]
id = "dwd"
kind = "cap"
file = "data/alert.xml"
areas = "feed"
"""
ACTIVE = (
    "warnings { active { id title state severity language languages sent firstSent expires } allClear { id title } }"
)
INFO = """<info><language>{language}</language><category>Met</category><event>STURM</event><urgency>Immediate</urgency>
<severity>{severity}</severity><certainty>Likely</certainty><expires>{expires}</expires>
<senderName>Wetterdienst</senderName><headline>{headline}</headline><description>{text}</description>
<area><areaDesc>hier</areaDesc></area></info>"""


def alert(
    number: int,
    *references: int,
    at: datetime = NOON,
    kind: str = "Alert",
    severity: str = "Moderate",
    text: str = "Es stürmt.",
    until: datetime = NOON + timedelta(hours=6),
    silent: bool = False,
) -> str:
    """One message of a chain, in German and English."""
    infos = "".join(
        INFO.format(language=language, severity=severity, expires=until.isoformat(), headline=headline, text=words)
        for language, headline, words in (("de-DE", "Sturm", text), ("en", "Gale", "It is stormy."))
    )
    refers = " ".join(f"a@b.example,message-{one},{NOON.isoformat()}" for one in references)
    code = "<code>Materna:noPush</code>" if silent else ""
    return (
        f'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>message-{number}</identifier>'
        f"<sender>a@b.example</sender><sent>{at.isoformat()}</sent><status>Actual</status><msgType>{kind}</msgType>"
        f"<scope>Public</scope>{code}<references>{refers}</references>{infos}</alert>"
    )


@pytest.fixture
def stormy(town: Town) -> Town:
    town.write("data/alert.xml", alert(1))
    town.switch_on("warnings", SHARE)
    return town


async def load(town: Town, *alerts: str) -> Any:
    town.write("data/alert.xml", f"<alerts>{''.join(alerts)}</alerts>")
    run = (await town.load("warnings"))["dwd"]
    assert run.status == "fresh", run.reason
    return (await town.ask(ACTIVE))["warnings"]


async def told(town: Town) -> list[tuple[str, str]]:
    return [(one["texts"]["de"]["title"], one["urgency"]) for one in await town.told("warnings.issued")]


async def test_chain_of_messages_is_one_warning_until_it_is_lifted(stormy: Town) -> None:
    (first,) = (await load(stormy, alert(1)))["active"]
    assert (first["title"], first["severity"], first["languages"]) == ("Sturm", "MODERATE", ["de", "en"])
    stormy.wait(minutes=10)
    (second,) = (await load(stormy, alert(2, 1, at=stormy.now, severity="Severe")))["active"]
    stormy.wait(minutes=10)
    (third,) = (await load(stormy, alert(3, 2, at=stormy.now, severity="Severe", text="Noch mehr.")))["active"]
    assert {first["id"], second["id"], third["id"]} == {first["id"]}
    assert (third["severity"], third["firstSent"], third["sent"]) == (
        "SEVERE", "2026-11-23T12:00:00+01:00", "2026-11-23T12:20:00+01:00",
    )  # fmt: skip
    stormy.wait(minutes=10)
    over = await load(stormy, alert(4, 3, at=stormy.now, kind="Cancel", severity="Severe", text="Noch mehr."))
    assert over == {"active": [], "allClear": [{"id": first["id"], "title": "Entwarnung: Sturm"}]}
    assert await told(stormy) == [
        ("Sturm", "high"),
        ("Geändert: Sturm", "urgent"),
        ("Geändert: Sturm", "urgent"),
        ("Entwarnung: Sturm", "normal"),
    ]
    assert len({one["thread"] for one in await stormy.told()}) == 1
    stormy.wait(hours=13)
    assert (await stormy.ask(ACTIVE))["warnings"] == {"active": [], "allClear": []}


async def test_each_version_is_told_once_however_often_it_is_imported(stormy: Town) -> None:
    await load(stormy, alert(1))
    await load(stormy, alert(1))
    stormy.wait(minutes=10)
    await load(stormy, alert(2, 1, at=stormy.now))  # says the same
    await load(stormy)  # gone for a moment
    await load(stormy, alert(2, 1, at=stormy.now))
    assert await told(stormy) == [("Sturm", "high")]


async def test_all_messages_in_one_feed_are_one_warning(stormy: Town) -> None:
    later = NOON + timedelta(minutes=5)
    found = await load(stormy, alert(3, 2, at=later, severity="Extreme"), alert(1), alert(7), alert(2, 1))
    assert [one["severity"] for one in found["active"]] == ["EXTREME", "MODERATE"]


async def test_no_push_for_what_is_old_silent_expired_or_lifted_before_anybody_knew(stormy: Town) -> None:
    await load(
        stormy,
        alert(1, at=NOON - timedelta(hours=25)),
        alert(2, silent=True),
        alert(3, until=NOON - timedelta(minutes=1)),
        alert(5, 4, kind="Cancel"),
    )
    assert await told(stormy) == []


async def test_warning_expires_by_itself_and_the_last_one_may_leave_the_feed(stormy: Town) -> None:
    assert len((await load(stormy, alert(1)))["active"]) == 1
    stormy.wait(hours=6)
    assert (await stormy.ask(ACTIVE))["warnings"]["active"] == []
    stormy.now = NOON
    assert (await load(stormy))["active"] == []


async def test_reader_gets_the_warning_in_their_language_or_in_any_that_there_is(stormy: Town) -> None:
    await load(stormy, alert(1))
    assert (await stormy.ask(ACTIVE, language="en"))["warnings"]["active"][0]["title"] == "Gale"
    turkish = 'warnings { active(language: "tr") { headline language } }'
    assert (await stormy.ask(turkish))["warnings"]["active"] == [{"headline": "Sturm", "language": "de"}]


async def test_warning_is_found_on_the_map_in_the_feed_and_on_the_home_screen(stormy: Town) -> None:
    await load(stormy, alert(1))
    answer = await stormy.ask(
        'search(text: "sturm") { title } feed { nodes { title module } }'
        " map(bbox: {south: 40, west: 0, north: 60, east: 20}) { title module }"
    )
    assert answer == {
        "search": [{"title": "Sturm"}],
        "feed": {"nodes": [{"title": "Sturm", "module": "warnings"}]},
        "map": [{"title": "Sturm", "module": "warnings"}],
    }
    assert "Es stürmt." in await stormy.preview("warnings")
    with stormy.count() as statements:
        await stormy.home()
    assert len(statements) <= 3


async def test_geojson_has_what_is_in_force(stormy: Town) -> None:
    await load(stormy, alert(1), alert(3, 2, kind="Cancel"))
    reply = await stormy.document("warnings", "warnings.geojson")
    assert reply.media_type == "application/geo+json"
    assert '"headline": "Sturm"' in str(reply.content)
    assert str(reply.content).count('"Feature"') == 1


async def test_other_cities_do_not_see_it(stormy: Town) -> None:
    await load(stormy, alert(1))
    neighbour = stormy.neighbour()
    neighbour.switch_on("warnings")
    assert (await neighbour.ask(ACTIVE))["warnings"] == {"active": [], "allClear": []}


async def test_real_alerts_reach_every_affected_city_by_one_reading(town: Town, data: Path) -> None:
    town.now = datetime.fromisoformat("2023-06-23T12:00:00+02:00")
    cap.parse.cache_clear()
    for village in (town, town.neighbour("nebenan")):
        village.write("data/alert.xml", data / "warnings/dwd_cap_1.xml")
        village.switch_on("warnings", SHARE)
        assert (await village.load())["dwd"].added == 1
    assert cap.parse.cache_info().misses == 1
    assert len(await town.told()) == 1
