"""The map of cases: the city's shape, what lies together as one dot, and the same as a list."""

from __future__ import annotations

import json
import re

import pytest
from allmende.errors import ConfigError
from allmende.testing import Town

from tests.desk.conftest import Hire
from tests.desk.test_cases import CONFIG, WORKER, file

OUTLINE = {"type": "Polygon", "coordinates": [[[7.6, 51.9], [7.7, 51.9], [7.65, 52.0], [7.6, 51.9]]]}


@pytest.fixture
def open_town(town: Town) -> Town:
    town.switch_on("reports", CONFIG)
    return town


async def test_map_shows_the_citys_outline_or_its_box_and_a_scale(open_town: Town, hire: Hire) -> None:
    staff = hire(*WORKER)
    page = (await staff.get("cases-map")).text
    assert "Rechteck um das Gebiet der Stadt" in page
    open_town.write("data/outline.geojson", json.dumps(OUTLINE))
    file_ = (open_town.folder / "city.toml").read_text()
    open_town.write("city.toml", file_.replace("[area]", '[area]\noutline = "data/outline.geojson"'))
    open_town.instance.reload()
    page = (await staff.get("cases-map")).text
    assert "Gebiet der Stadt" in page
    found = re.search(r'<path class="land" d="M([^"]+)Z"', page)
    assert found
    assert len(found[1].split()) == 4, "the ring of the polygon, closed"
    assert re.search(r">\d+ k?m</text>", page)
    assert "http" not in page.replace("http://www.w3.org", ""), "nothing is loaded from elsewhere"


async def test_cases_in_one_place_are_one_dot_that_opens_until_they_lie_apart(open_town: Town, hire: Hire) -> None:
    for lat in (51.9600, 51.9604, 51.9608):
        await file(open_town, "Aus.", lat=lat)
    staff = hire(*WORKER)
    page = (await staff.get("cases-map", state="open", category="light")).text
    dot = re.search(r'<a href="([^"]+)" aria-label="3 Anliegen: näher heran"', page)
    assert dot, "three of them within 100 m are one dot"
    assert page.count("<li><div") == 3, "the list names each"
    nearer = (await staff.get(dot[1].replace("&amp;", "&"))).text
    assert len(re.findall(r'aria-label="TES-[^"]+: Laterne defekt"', nearer)) == 3
    assert "Die ganze Stadt" in nearer
    assert 'value="light" selected' in nearer, "the filters stay"


async def test_cases_in_the_very_same_place_lead_to_the_list(open_town: Town, hire: Hire) -> None:
    for _ in range(2):
        await file(open_town, "Aus.")
    staff = hire(*WORKER)
    page = (await staff.get("cases-map")).text
    dot = re.search(r'<a href="([^"]+)" aria-label="2 Anliegen: näher heran"', page)
    assert dot
    nearest = (await staff.get(dot[1].replace("&amp;", "&"))).text
    assert '<a href="#list" aria-label="2 Anliegen"' in nearest


async def test_only_what_lies_in_the_opened_part_is_shown(open_town: Town, hire: Hire) -> None:
    await file(open_town, "Aus.")
    await file(open_town, "Aus.", lat=51.91)
    open_town.wait(hours=49)
    staff = hire(*WORKER)
    assert "2 Anliegen mit Ort" in await staff.text("cases-map", box="51.8,7.5,52.0,7.7")
    assert "Ein Anliegen mit Ort" in await staff.text("cases-map", box="51.9550,7.62,51.9650,7.64")
    assert ", Überfällig" in (await staff.get("cases-map")).text
    for wrong in ("1", "a,b,c,d", "52,7,51,8", "nan,7,51,8", "-91,0,0,1"):
        assert (await staff.get("cases-map", box=wrong)).status_code == 400, wrong


async def test_outline_that_cannot_be_read_is_named_and_the_map_goes_on(open_town: Town, hire: Hire) -> None:
    open_town.write("data/outline.geojson", "{}")
    file_ = (open_town.folder / "city.toml").read_text()
    open_town.write("city.toml", file_.replace("[area]", '[area]\noutline = "data/outline.geojson"'))
    with pytest.raises(ConfigError, match="holds no area"):
        open_town.instance.reload()
    assert "Rechteck um das Gebiet" in await hire(*WORKER).text("cases-map")
