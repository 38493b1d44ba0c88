"""`allmende city` as a partner city uses it, on a folder with one module."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from allmende.cli.city import city
from click.testing import CliRunner, Result

DATA = Path(__file__).parents[2] / "../shared/data/municipalities"
PLUGIN = '''"""Bins, as small as it can be."""

from typing import Annotated

from msgspec import Meta

from allmende import Config, Plugin, Source


class CsvSource(Source, tag="csv", frozen=True, kw_only=True):
    delimiter: str = ";"


class IcalSource(Source, tag="ical", frozen=True, kw_only=True):
    horizon: int = 12


class BinsConfig(Config, frozen=True, kw_only=True):
    reminder_hour: Annotated[int, Meta(ge=0, le=23)] = 19
    sources: tuple[CsvSource | IcalSource, ...] = ()


plugin = Plugin(name="bins", config=BinsConfig)
'''
MANIFEST = (
    'title = "Abfall"\nsummary = "Termine"\nowner = "allmende"\nlicence = "EUPL-1.2"\napi = 1\nversion = "1.0.0"\n'
)
CITY = """\
name = "{name}"
ags = "0551500{n}"
ars = "05515000000{n}"

[area]
lat = 51.9
lon = 7.6
bbox = {{ south = 51.8, west = 7.5, north = 52.0, east = 7.7 }}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "plugins/bins/__init__.py": PLUGIN,
        "plugins/bins/plugin.toml": MANIFEST,
        "cities/altdorf/city.toml": CITY.format(name="Altdorf", n=1),
        "cities/altdorf/plugins/bins.toml": "reminder_hour = 7\n",
        "cities/neudorf/city.toml": CITY.format(name="Neudorf", n=2),
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(city, list(arguments), catch_exceptions=False)


def test_list_shows_modules_and_state(home: Path) -> None:
    (home / "cities/neudorf/city.toml").write_text("name = 5\n")
    lines = run("list").output.splitlines()
    assert lines[1].split() == ["altdorf", "Altdorf", "05515001", "de", "bins", "ok"]
    assert lines[2].split() == ["neudorf", "left", "out,", "4", "problems"]


def test_check_exits_with_1_and_names_every_mistake(home: Path) -> None:
    assert (run("check").exit_code, run("check").output) == (0, "cities checked: 2, problems: none\n")
    (home / "cities/altdorf/plugins/bins.toml").write_text("reminder_hour = 24\nsource = 1\n")
    result = run("check")
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "cities/altdorf/plugins/bins.toml:1:1 reminder_hour: 24 is out of range; expected a whole number from 0 to 23",
        "cities/altdorf/plugins/bins.toml:2:1 source: unknown key `source` (did you mean `sources`?);"
        " expected one of reminder_hour, sources",
        "cities checked: 2, problems: 2",
    ]
    assert run("check", "neudorf").exit_code == 0
    assert (
        run("check", "neudrof").output
        == "Error: unknown city `neudrof` (did you mean `neudorf`?); expected one of altdorf, neudorf\n"
    )


def test_check_is_not_content_with_no_folder_at_all(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLMENDE_CITIES", "towns")
    refused = run("check")
    assert (refused.exit_code, refused.output.partition(":")[2]) == (
        1,
        " there is no folder towns: run this where it is, or set ALLMENDE_CITIES\n",
    )


def test_explain_names_value_file_and_line(home: Path) -> None:
    assert (
        run("explain", "altdorf", "bins.reminder_hour").output
        == "bins.reminder_hour = 7  (cities/altdorf/plugins/bins.toml:1)\n"
    )
    assert run("explain", "altdorf", "bins.sources").output == "bins.sources = []  (plugin default)\n"
    assert run("explain", "altdorf", "bins").output.splitlines() == [
        "bins.reminder_hour = 7  (cities/altdorf/plugins/bins.toml:1)",
        "bins.sources = []  (plugin default)",
    ]
    everything = run("explain", "altdorf").output
    assert 'name = "Altdorf"  (cities/altdorf/city.toml:1)\n' in everything
    assert 'brand.primary = "#1f5f5b"  (default)\n' in everything
    wrong = run("explain", "altdorf", "bins.reminder_huor")
    assert (wrong.exit_code, wrong.output) == (
        1,
        "Error: altdorf: unknown key `bins.reminder_huor` (did you mean `bins.reminder_hour`?)\n",
    )
    plugin = run("explain", "altdorf", "bin.reminder_hour").output
    assert plugin == "Error: altdorf: unknown key `bin.reminder_hour` (did you mean `bins.reminder_hour`?)\n"
    assert run("explain", "neudorf", "bins.reminder_hour").output == "Error: neudorf: the module bins is off\n"


def test_diff_shows_what_differs_and_nothing_else(home: Path) -> None:
    output = run("diff", "altdorf", "neudorf").output
    assert 'name\n  - altdorf: "Altdorf"  (cities/altdorf/city.toml:1)\n  + neudorf: "Neudorf"' in output
    assert "bins\n  - altdorf: on\n  + neudorf: off\n" in output
    assert "area.lat" not in output
    assert "bins.reminder_hour" not in output
    (home / "cities/neudorf/plugins").mkdir()
    (home / "cities/neudorf/plugins/bins.toml").write_text(
        '[[sources]]\nid = "a"\nkind = "csv"\nurl = "https://example.org/a.csv"\n'
    )
    assert [line for line in run("diff", "altdorf", "neudorf").output.splitlines() if line.startswith("bins")] == [
        "bins.reminder_hour",
        "bins.sources[0].id",
        "bins.sources[0].kind",
        "bins.sources[0].url",
    ]


def test_schema_describes_each_file_with_its_kinds_of_sources(home: Path) -> None:
    assert run("schema", "--write", "schemas").exit_code == 0
    assert sorted(p.name for p in (home / "schemas").rglob("*.json")) == [
        "bins.schema.json",
        "city.schema.json",
        "theme.schema.json",
    ]
    bins = json.loads((home / "schemas/plugins/bins.schema.json").read_text())
    sources = bins["$defs"]["BinsConfig"]["properties"]["sources"]["items"]
    assert sorted(sources["discriminator"]["mapping"]) == ["csv", "ical"]
    assert bins["$defs"]["CsvSource"]["additionalProperties"] is False
    assert json.loads(run("schema").output).keys() == {"city.toml", "brand/theme.toml", "plugins/bins.toml"}


@pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data/municipalities")
def test_new_writes_a_folder_that_passes_the_check_at_once(home: Path) -> None:
    register = str(DATA / "GV100AD_31082025.txt")
    coordinates = str(DATA / "AuszugGV4QAktuell_koordinaten.csv")
    made = run("new", "Beckum", "--register", register, "--coordinates", coordinates, "--plugins", "bins")
    assert made.output.splitlines()[-1] == "next: allmende city check beckum"
    assert run("check", "beckum").output == "cities checked: 1, problems: none\n"
    assert "ESTIMATE" in (home / "cities/beckum/city.toml").read_text()
    bare = run("new", "05754008", "--register", register)
    assert "the coordinates are missing" in bare.output
    assert [line.split()[1] for line in run("check", "guetersloh").output.splitlines()[:3]] == [
        "area.bbox:",
        "area.lat:",
        "area.lon:",
    ]
    assert "is there already" in run("new", "Beckum", "--register", register).output
    assert (
        "unknown plugin `bisn` (did you mean `bins`?)"
        in run("new", "Oelde", "--register", register, "--plugins", "bisn").output
    )


def test_new_without_a_register_marks_what_is_missing(home: Path) -> None:
    made = run("new", "Drensteinfurt")
    assert (made.exit_code, made.output.splitlines()[-2].partition(",")[0]) == (0, "fill in what is marked MISSING")
    text = (home / "cities/drensteinfurt/city.toml").read_text()
    assert 'name = "Drensteinfurt"\n# MISSING: ags = ""\n# MISSING: ars = ""\n' in text
    assert [line.split()[1] for line in run("check", "drensteinfurt").output.splitlines()[:-1]] == [
        "ags:",
        "ars:",
        "area.bbox:",
        "area.lat:",
        "area.lon:",
    ]
    assert run("new", "055700028028", "--slug", "oelde", "--lat", "51.8", "--lon", "8.1").exit_code == 0
    assert 'ags = "05570028"\nars = "055700028028"\n' in (home / "cities/oelde/city.toml").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("Altdorf", "--slug", "../x"), '"../x" cannot be the name of a folder; give a --slug of small letters'),
        (("05515001", "--slug", "x"), "Altdorf is there already: cities/altdorf"),
        (("05570028",), "give a --slug, or a --register that knows the name"),
        (("0557",), "expected an AGS (8 digits), an ARS (12 digits) or a name"),
        ((" ",), "expected an AGS (8 digits), an ARS (12 digits) or a name"),
    ],
)
def test_new_refuses_what_makes_no_city(home: Path, arguments: tuple[str, ...], message: str) -> None:
    refused = run("new", *arguments)
    assert (refused.exit_code, refused.output[: len(message) + 7]) == (1, f"Error: {message}")
    assert sorted(path.name for path in (home / "cities").iterdir()) == ["altdorf", "neudorf"]
