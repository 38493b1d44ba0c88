"""`allmende dev` for real: from an empty database to all cities on their pages, which follow the folders."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import httpx2
import pytest

from tests.server import Server, eventually, running
from tests.warm import ROOT

MODULES = {
    "beckum": {"news", "events", "waste"},
    "dortmund": {"news", "events", "places", "waste"},
    "guetersloh": {"news", "events", "places"},
    "muenster": {"news", "events", "places", "waste"},
    "musterstadt": {"news", "events", "places", "waste"},
    "rheda-wiedenbrueck": {"news", "places", "waste"},
}
CARD = re.compile(r'<section class="card" aria-labelledby="module-(\w+)">(.*?)</section>', re.S)


@pytest.fixture
def cities(tmp_path: Path) -> Path:
    """A copy of the example cities, to edit."""
    return Path(shutil.copytree(ROOT / "cities", tmp_path / "cities"))


def test_dev_goes_from_nothing_to_all_cities_and_follows_their_folders(
    empty_database_url: str, cities: Path, tmp_path: Path
) -> None:
    environ = {"ALLMENDE_DATABASE": empty_database_url, "ALLMENDE_CITIES": str(cities)}
    with running(tmp_path, "dev", **environ) as server:
        printed = server.log.read_text()
        assert re.search(r"^6 cities, \d+ plugins: .*news", printed, re.M)
        assert re.search(r"^muenster +news/meldungen +fresh +8 ", printed, re.M)
        assert re.search(r"^\d+ sources in .* items added, \d+ refused$", printed, re.M)
        assert '  · musterstadt places/aemter line 6 "Januar 2026": 2 cells' in printed
        for address in ("/", "/<city>", "/graphql", "/health/ready"):
            assert f"{server.url}{address}\n" in printed
        ready = httpx2.get(f"{server.url}/health/ready", timeout=60).json()
        assert (ready["status"], ready["cities"], ready["problems"]) == ("ok", 6, [])
        for city, modules in MODULES.items():
            answer = httpx2.get(f"{server.url}/{city}", timeout=60)
            cards = dict(CARD.findall(answer.text))
            assert (answer.status_code, set(cards) & set().union(*MODULES.values())) == (200, modules)
            for module in modules:
                assert cards[module].count("<li") > 0, f"{city} shows no {module}"
        follow_the_folder(server, cities, empty_database_url)


def follow_the_folder(server: Server, cities: Path, database: str) -> None:
    """A change, also of data, shows without a restart; a mistake only is named; its repair shows again."""
    pid = server.process.pid
    file = cities / "beckum/city.toml"
    good = file.read_text()
    file.write_text(good.replace('name = "Beckum"', 'name = "Beckum an der Werse"', 1))
    eventually(lambda: "<h1>Beckum an der Werse</h1>" in page(server, "beckum"))
    file.write_text(good.replace('name = "Beckum"', 'nmae = "Beckum"', 1))
    eventually(lambda: "nmae" in page(server, ""))
    assert "<h1>Beckum an der Werse</h1>" in page(server, "beckum"), "the last good version stays"
    assert "<h1>Dortmund</h1>" in page(server, "dortmund")
    file.write_text(good)
    eventually(lambda: "<h1>Beckum</h1>" in page(server, "beckum"))
    eventually(lambda: "nmae" not in page(server, ""))
    feed = cities / "beckum/data/termine.ics"
    feed.write_text(feed.read_text().replace("SUMMARY:", "SUMMARY:Neu: "))
    if "sqlite" in database:  # on PostgreSQL the worker does that
        eventually(lambda: "Neu: " in page(server, "beckum"), seconds=60)
    (cities / "beckum/plugins/waste.toml").unlink()
    eventually(lambda: 'aria-labelledby="module-waste"' not in page(server, "beckum"))
    assert (server.process.pid, server.process.poll()) == (pid, None)


def page(server: Server, path: str) -> str:
    answer = httpx2.get(f"{server.url}/{path}", timeout=60, verify=False)
    assert answer.status_code == 200
    return answer.text
