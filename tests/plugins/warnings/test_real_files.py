"""Real alerts, read: eight languages, codes of municipalities, polygons, HTML in plain text, impossible ends."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from allmende import BBox, City, FeedError
from allmende.city.model import Area
from allmende.testing import make_city, make_context, make_payload

from plugins.warnings.config import CapSource, NinaSource, WarningsConfig
from plugins.warnings.importers import cap, nina
from plugins.warnings.importers.chain import chains

BERLIN = ZoneInfo("Europe/Berlin")
SUMMER = datetime(2023, 6, 23, 12, 0, tzinfo=BERLIN)
HAVELSEE = make_city(
    "havelsee",
    ags="12069270",
    ars="120695910270",
    area=Area(lat=52.54, lon=12.49, bbox=BBox(south=52.46, west=12.36, north=52.62, east=12.62)),
)
BOVENDEN = make_city("bovenden", ags="03159009", ars="031590009009")
MUENSTER = make_city("muenster", ags="05515000", ars="055150000000")


def read_cap(content: Any, city: City, now: datetime = SUMMER, areas: str = "match") -> Any:
    source = CapSource(id="dwd", file="x.xml", areas=areas)  # type: ignore[arg-type]
    return cap.read(make_payload(content), source, make_context("warnings", WarningsConfig(), city=city, now=now))


def read_nina(content: Any, city: City, now: datetime, areas: str = "match") -> Any:
    source = NinaSource(id="nina", file="x.json", areas=areas)  # type: ignore[arg-type]
    return nina.read(make_payload(content), source, make_context("warnings", WarningsConfig(), city=city, now=now))


@pytest.fixture
def payloads(data: Path) -> Path:
    return data / "warnings"


def test_dwd_alert_is_one_warning_in_eight_languages(payloads: Path) -> None:
    batch = read_cap(payloads / "dwd_cap_1.xml", HAVELSEE)
    (row,) = batch.rows
    assert batch.refused == []
    assert sorted(row.texts) == ["ar", "de", "en", "es", "fr", "pl", "ru", "tr"]
    assert row.headline == "Amtliche WARNUNG vor STARKREGEN"
    assert row.texts["en"]["headline"] == "Official WARNING of HEAVY RAIN"
    assert row.texts["en"]["description"].splitlines() == [
        "There is a risk of heavy rain (Level 2 of 4).",
        "Precipitation amounts: 20-30 l/m²/6h",
    ]
    assert (row.severity, row.urgency, row.certainty, row.categories) == (2, "immediate", "likely", ["met"])
    assert (row.over, row.silent, row.sender, row.web) == (
        False, False, "Deutscher Wetterdienst", "https://www.wettergefahren.de",
    )  # fmt: skip
    assert row.sent == row.starts == datetime(2023, 6, 23, 11, 14, tzinfo=BERLIN)
    assert row.expires == datetime(2023, 6, 23, 15, 0, tzinfo=BERLIN)
    assert row.areas == ["Stadt Havelsee", "Gemeinde Milower Land", "Gemeinde Beetzsee"]
    assert row.key == "2.49.0.0.276.0.DWD.PVW.1687511640000.0d1a4fb5-251a-46fc-aae3-a688d2021e71.MUL"
    assert "2.49.0.0.276.0.DWD.PVW.1687503060000.fc4f7fd9-80e7-4d71-969a-254be3e27e83.MUL" in row.messages
    assert HAVELSEE.area.bbox.contains(row.lat, row.lon)
    assert len(row.polygons) == 1


def test_codes_of_municipalities_decide_and_not_the_polygon(payloads: Path) -> None:
    assert len(read_cap(payloads / "dwd_cap_2.xml", BOVENDEN).rows) == 1
    assert read_cap(payloads / "dwd_cap_1.xml", BOVENDEN).rows == []
    neighbour = make_city("nebenan", ags="12999999", ars="129999999999", area=HAVELSEE.area)
    assert read_cap(payloads / "dwd_cap_1.xml", neighbour).rows == []
    assert len(read_cap(payloads / "dwd_cap_1.xml", neighbour, areas="feed").rows) == 1


def test_zip_of_alerts_is_read_as_a_whole(payloads: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(payloads / "dwd_cap_1.xml", "a.xml")
        archive.write(payloads / "dwd_cap_2.xml", "b.xml")
        archive.writestr("c.xml", "<alert")
        archive.writestr("readme.txt", "nothing")
    batch = read_cap(packed.getvalue(), BOVENDEN)
    assert len(batch.rows) == 1
    assert [refusal.place for refusal in batch.refused] == ["c.xml"]
    assert len(cap.parse(packed.getvalue()).alerts) == 2
    with pytest.raises(FeedError, match="unpacked"):
        read_cap(packed.getvalue()[:-30], BOVENDEN)


def test_expired_alert_is_refused_with_the_reason(payloads: Path) -> None:
    batch = read_cap(payloads / "dwd_cap_1.xml", HAVELSEE, datetime(2023, 7, 1, tzinfo=BERLIN))
    assert (batch.rows, [one.reason for one in batch.refused]) == ([], ["has expired (2023-06-23)"])


def test_nina_details_have_plain_text_and_no_end_in_the_year_3021(payloads: Path) -> None:
    now = datetime(2021, 11, 3, 12, 0, tzinfo=BERLIN)
    batch = read_nina(payloads / "nina_warning_details.json", MUENSTER, now)
    (corona,) = batch.rows  # the storm's area and that of the flu are names of other places
    assert corona.headline == "Corona-Verordnung des Landes: Warnstufe durch Landesgesundheitsamt ausgerufen"
    assert (corona.severity, corona.categories, corona.expires, corona.silent) == (1, ["health"], None, True)
    assert corona.sender == "BBK, Nationale Warnzentrale Bonn"
    assert corona.texts["de"]["instruction"].splitlines()[:2] == [
        "Waschen Sie sich regelmäßig und gründlich die Hände.",
        "- Beachten Sie die AHA + A + L - Regeln:",
    ]
    assert "<br" not in corona.text
    assert "mow.DE-NW-BN-SE030-20200416-30-001" in corona.messages
    everything = read_nina(payloads / "nina_warning_details.json", MUENSTER, now, "feed")
    assert [row.key for row in everything.rows] == [
        "mow.DE-NW-BN-SE030-20201014-30-000", "mow.DE-BW-S-SE018-20211102-18-001",
    ]  # fmt: skip
    storm = everything.rows[0]
    assert storm.expires is None
    assert storm.texts["de"]["event"] == "STURMBÖEN"
    assert [one.reason for one in everything.refused] == ["has expired (2002-08-07)"]


def test_flu_of_1999_has_no_html_left(payloads: Path) -> None:
    then = datetime(1999, 8, 8, tzinfo=BERLIN)
    rows = read_nina(payloads / "nina_warning_details.json", MUENSTER, then, "feed").rows
    flu = next(row for row in rows if "Geflügelpest" in row.headline)
    assert "<" not in flu.text
    assert "\xa0" not in flu.text
    assert flu.texts["de"]["event"] == ""
    lilienthal = make_city("lilienthal", name="Lilienthal")
    assert len(read_nina(payloads / "nina_warning_details.json", lilienthal, then).rows) == 2  # and Corona's Länder


def test_dashboard_of_an_area_has_headlines(payloads: Path) -> None:
    batch = read_nina(payloads / "nina_dashboard.json", MUENSTER, datetime(2021, 11, 3, tzinfo=BERLIN))
    assert [(row.headline, row.severity, row.expires) for row in batch.rows] == [
        ("Ausfall Notruf 112", 1, None),
        ("Corona-Verordnung des Landes: Warnstufe durch Landesgesundheitsamt ausgerufen", 1, None),
    ]


def test_messages_that_refer_to_one_another_are_one_chain(payloads: Path) -> None:
    alerts = [
        *cap.parse((payloads / "dwd_cap_1.xml").read_bytes()).alerts,
        *cap.parse((payloads / "dwd_cap_2.xml").read_bytes()).alerts,
        *nina.parse((payloads / "nina_warning_details.json").read_bytes()).alerts,
    ]
    assert [len(chain) for chain in chains(alerts)] == [1] * 5


@pytest.mark.parametrize(
    "content", [b"", b"<html></html>", b"<alert", b'<!DOCTYPE a [<!ENTITY b "c">]><alert>&b;</alert>']
)
def test_what_is_no_cap_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(FeedError):
        read_cap(content, MUENSTER)


@pytest.mark.parametrize("content", [b"", b"[", b"3", b'"x"'])
def test_what_is_no_json_of_alerts_is_refused_as_a_whole(content: bytes) -> None:
    with pytest.raises(FeedError):
        read_nina(content, MUENSTER, SUMMER)


def test_single_broken_entries_are_refused_one_by_one() -> None:
    content = b'[3, {"identifier": "a"}, {"identifier": "b", "sent": "2026-11-23T10:00:00+01:00", "status": "Test"}]'
    batch = read_nina(content, MUENSTER, SUMMER)
    assert [(one.place, one.reason) for one in batch.refused] == [
        ("[0]", "is no object"),
        ("a", "has no identifier or no time (sent) with an offset"),
        ("b", "is no real alert: its status is test"),
    ]
