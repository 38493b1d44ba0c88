# ruff: noqa: E501 (messages stand here as they are printed)
"""Cities load in layers; each mistake is named with its place, and stays the matter of the city that made it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from allmende.city.load import COARSE, changed_since
from hypothesis import given
from hypothesis import strategies as st

from tests.city.conftest import Folder


def test_five_mistakes_in_three_files_are_all_named(folder: Any) -> None:
    """The proof of the main job: file, line, column, key, what is wrong and what was expected, at once."""
    folder.write(
        "altdorf/city.toml",
        folder.text("altdorf", 1).replace("lat = 51.9", "lat = 519").replace("languages", "langauges"),
    )
    folder.write(
        "altdorf/plugins/waste.toml",
        'reminder_hour = "seven"\n\n[[sources]]\nid = "bins"\nkind = "icall"\nurl = "https://example.org/a.ics"\n',
    )
    folder.write("altdorf/brand/theme.toml", 'primary = "red"\n')
    folder.write("altdorf/texts/en.toml", '[waste]\ntitle = "Bins"\n')
    assert folder.problems() == [
        'altdorf/brand/theme.toml:1:1 primary: "red" has the wrong form; expected #rrggbb',
        "altdorf/city.toml:4:1 langauges: unknown key `langauges` (did you mean `languages`?); expected one of ags, area, ars,"
        " contact, cors, desk, fictional, hosts, imprint, kreis, land, languages, login, maintainers, module_order, modules, name,"
        " notify, official_name, privacy, subdivision, timezone",
        "altdorf/city.toml:8:1 area.lat: 519 is out of range; expected a number from -90 to 90",
        'altdorf/plugins/waste.toml:1:1 reminder_hour: "seven" is text; expected a whole number from 0 to 23',
        "altdorf/plugins/waste.toml:5:1 sources[0].kind: unknown kind `icall` (did you mean `ical`?); expected one of csv, ical",
    ]
    assert list(folder.load().by_slug) == ["neudorf"]


def test_a_source_is_checked_by_its_kind(folder: Any) -> None:
    folder.write(
        "altdorf/plugins/waste.toml",
        """\
[[sources]]
id = "a"
kind = "csv"
delimitter = ","
url = "https://example.org/a.csv"

[[sources]]
kind = "ical"
url = "https://example.org/a.ics"
horizon = 99

[[sources]]
id = "c"
url = "https://example.org/a.ics"

[[sources]]
id = "Not A Slug"
kind = "ical"
url = "ftp://example.org/a.ics"

[[sources]]
id = "e"
kind = "ical"
""",
    )
    at = "altdorf/plugins/waste.toml"
    known = "attribution, delimiter, encoding, every, file, id, kind, language, licence, max_shrink, title, token, "
    known += "upload, url"
    assert folder.problems() == [
        f"{at}:4:1 sources[0].delimitter: unknown key `delimitter` (did you mean `delimiter`?); expected one of {known}",
        f"{at}:7:3 sources[1].id: is missing; expected small letters, digits and single hyphens",
        f"{at}:10:1 sources[1].horizon: 99 is out of range; expected a whole number from 1 to 36",
        f"{at}:12:3 sources[2].kind: is missing; expected one of csv, ical",
        f'{at}:17:1 sources[3].id: "Not A Slug" has the wrong form; expected small letters, digits and single hyphens',
        f'{at}:19:1 sources[3].url: "ftp://example.org/a.ics" has the wrong form;'
        " expected an address such as https://example.org/feed",
        f"{at}:21:3 sources[4]: a source needs either url or file, or upload = true",
    ]


def test_layers_are_defaults_shared_city_environment(folder: Any) -> None:
    folder.write("_shared/05/city.toml", 'land = "Nordrhein-Westfalen"\nkreis = "von 05"\n')
    folder.write("_shared/05515/city.toml", 'kreis = "von 05515"\n')
    folder.write("_shared/05/plugins/waste.toml", 'reminder_hour = 17\n[[fractions]]\nid = "bio"\nname = "Bio"\n')
    folder.write(
        "altdorf/plugins/waste.toml",
        '[[fractions]]\nid = "bio"\ncolour = "#112233"\n[[fractions]]\nid = "rest"\nname = "Rest"\n',
    )
    variables = {
        "ALLMENDE_CITY__ALTDORF__CITY__CONTACT__PHONE": "+49 0",
        "ALLMENDE_CITY__ALTDORF__CITY__AREA__KM2": "12.5",
    }
    cities = folder.load(variables)
    altdorf, neudorf = cities.by_slug["altdorf"], cities.by_slug["neudorf"]
    assert (altdorf.land, altdorf.kreis) == ("Nordrhein-Westfalen", "von 05515")
    assert (altdorf.contact.phone, altdorf.area.km2) == ("+49 0", 12.5)
    waste = altdorf.plugins["waste"]
    assert waste.reminder_hour == 17
    assert [(f.id, f.name, f.colour) for f in waste.fractions] == [
        ("bio", "Bio", "#112233"),
        ("rest", "Rest", "#777777"),
    ]
    assert neudorf.plugins == {}, "defaults for a plugin do not switch it on"
    assert cities.by_host["neudorf.example"] is neudorf
    assert cities.all_problems() == []


def test_origin_names_value_file_and_line(folder: Any) -> None:
    folder.write("_shared/05/plugins/waste.toml", '[[fractions]]\nid = "bio"\nname = "Bio"\n')
    folder.write("altdorf/plugins/waste.toml", '[[fractions]]\nid = "bio"\ncolour = "#112233"\n')
    folder.write("altdorf/texts/de.toml", '[waste]\ntitle = "Abfuhr"\n')
    cities = folder.load({"ALLMENDE_CITY__ALTDORF__WASTE__REMINDER_HOUR": "6"})
    found = {
        key: (cities.origin("altdorf", key).value, cities.origin("altdorf", key).source.replace(f"{folder.path}/", ""))
        for key in (
            "name",
            "timezone",
            "waste.reminder_hour",
            "waste.fractions[bio].name",
            "waste.fractions[0].colour",
            "waste.token",
            "texts.de.waste.title",
        )
    }
    assert found == {
        "name": ("Altdorf", "altdorf/city.toml:1"),
        "timezone": ("Europe/Berlin", "default"),
        "waste.reminder_hour": (6, "environment variable ALLMENDE_CITY__ALTDORF__WASTE__REMINDER_HOUR"),
        "waste.fractions[bio].name": ("Bio", "_shared/05/plugins/waste.toml:3"),
        "waste.fractions[0].colour": ("#112233", "altdorf/plugins/waste.toml:3"),
        "waste.token": ("", "plugin default"),
        "texts.de.waste.title": ("Abfuhr", "altdorf/texts/de.toml:2"),
    }


def test_a_mistake_in_shared_defaults_breaks_no_city(folder: Any) -> None:
    folder.write("_shared/05/plugins/waste.toml", "reminder_hour = 7\nremainder = 8\n")
    folder.write("altdorf/plugins/waste.toml", "")
    cities = folder.load()
    assert cities.by_slug["altdorf"].plugins["waste"].reminder_hour == 19
    assert folder.problems() == [
        "_shared/05/plugins/waste.toml:2:1 remainder: unknown key `remainder` (did you mean `reminder_hour`?);"
        " expected one of fractions, reminder_hour, sources, token"
    ]


def test_keys_and_hosts_belong_to_one_city(folder: Any) -> None:
    """Who has them keeps them: the newcomer is left out and told, even if its name comes first."""
    before = folder.load()
    folder.write("aaa/city.toml", folder.text("neudorf", 2))
    cities = folder.load(previous=before)
    assert list(cities.by_slug) == ["altdorf", "neudorf"]
    assert cities.by_host["neudorf.example"].slug == "neudorf"
    assert [(p.key, p.line) for p in cities.problems["aaa"]] == [("ags", 2), ("ars", 3), ("hosts", 5)]
    assert "belongs to the city neudorf already" in cities.problems["aaa"][0].message


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("city.toml", b'name = "A\n', "city.toml:1:10: is not valid TOML"),
        ("city.toml", b'name = "\xff"\n', "city.toml:1:9: is not UTF-8"),
        ("city.toml", b"a = " + b"[" * 5000, "city.toml:1:1: is nested too deeply"),
        ("city.toml", b"\x00", "city.toml:1:1: is not valid TOML"),
        ("city.toml", b"#" * 1_000_001, "city.toml:1:1: is too large"),
        ("plugins/waste.toml", b"reminder_hour", "plugins/waste.toml:1:14: is not valid TOML"),
        ("texts/en.toml", b"[waste]\ntitle = 5", "texts/en.toml:2:1 waste.title: is not text"),
    ],
)
def test_bad_files_leave_only_their_city_out(folder: Any, name: str, content: bytes, problem: str) -> None:
    folder.write(f"altdorf/{name}", content)
    found = folder.problems()
    assert len(found) == 1
    assert found[0].startswith(f"altdorf/{problem}")
    assert list(folder.load().by_slug) == ["neudorf"]


def test_a_byte_order_mark_is_no_mistake(folder: Any) -> None:
    folder.write("altdorf/city.toml", b"\xef\xbb\xbf" + folder.text("altdorf", 1).encode())
    assert folder.problems() == []


def test_wording_for_a_plugin_that_is_not_installed_is_named_and_the_city_serves(folder: Any) -> None:
    folder.write("altdorf/texts/en.toml", "[wast]\ntitle = 'x'")
    assert [problem.partition(";")[0] for problem in folder.problems()] == [
        "altdorf/texts/en.toml:1:2 wast: unknown plugin `wast` (did you mean `waste`?)"
    ]
    assert list(folder.load().by_slug) == ["altdorf", "neudorf"]


def test_unknown_plugins_are_named_and_the_city_serves(folder: Any) -> None:
    folder.write("altdorf/plugins/wsate.toml", "")
    assert folder.problems() == [
        "altdorf/plugins/wsate.toml:1:1: unknown plugin `wsate` (did you mean `waste`?); expected one of news, waste"
    ]
    assert "altdorf" in folder.load().by_slug


def test_plugins_that_could_not_be_loaded_are_off_with_a_note(folder: Any) -> None:
    folder.write("altdorf/plugins/broken.toml", "anything = 1\n")
    cities = folder.load(known=("broken",))
    assert cities.unavailable == {"altdorf": ("broken",)}
    assert cities.by_slug["altdorf"].plugins == {}
    assert cities.all_problems() == []


def test_variables_for_unknown_cities_and_modules_that_are_off_are_named(folder: Any) -> None:
    found = folder.problems(
        environ={"ALLMENDE_CITY__ALTDROF__CITY__NAME": "x", "ALLMENDE_CITY__ALTDORF__WASTE__REMINDER_HOUR": "5"}
    )
    assert [line.split("; expected")[0] for line in found] == [
        "environment:1:1 ALLMENDE_CITY__ALTDORF__WASTE: the plugin is off",
        "environment:1:1 ALLMENDE_CITY__ALTDROF__…: unknown city `altdrof` (did you mean `altdorf`?)",
    ]


def test_reload_keeps_the_last_good_version_of_a_broken_city(folder: Any) -> None:
    first = folder.load()
    folder.write("altdorf/city.toml", "name = 5")
    folder.write("neudorf/city.toml", folder.text("neudorf", 2).replace("Altdorf", "Neudorf"))
    second = first.reload({"altdorf", "neudorf"})
    assert second.by_slug["altdorf"] is first.by_slug["altdorf"]
    assert second.by_slug["neudorf"].name == "Neudorf"
    assert second.kept == {"altdorf"}
    assert "5 is a whole number" in [problem.message for problem in second.problems["altdorf"]]
    folder.write("altdorf/city.toml", folder.text("altdorf", 1).replace("Altdorf", "Altdorf II"))
    third = second.reload({"altdorf"})
    assert (third.by_slug["altdorf"].name, third.kept, third.problems) == ("Altdorf II", frozenset(), {})


def test_reload_follows_new_and_removed_folders_and_reads_only_what_changed(folder: Any) -> None:
    first = folder.load()
    (folder.path / "altdorf/city.toml").unlink()
    (folder.path / "altdorf").rmdir()
    folder.city("zuwachs")
    second = first.reload({"altdorf", "zuwachs"})
    assert list(second.by_slug) == ["neudorf", "zuwachs"]
    assert second.by_slug["neudorf"] is first.by_slug["neudorf"]


@pytest.mark.parametrize("change", ["written", "added", "taken away", "renamed", "in an old version"])
def test_whether_a_folder_has_changed_is_seen_whatever_the_change(folder: Any, change: str) -> None:
    """A file that is put back from a backup has the time of that backup, and still counts as changed."""
    before = max(path.stat().st_ctime for path in [folder.path, *folder.path.rglob("*")]) + COARSE
    assert not changed_since(folder.path, before)
    time.sleep(0.02)  # the clock of the file system
    city = folder.path / "altdorf/city.toml"
    match change:
        case "written":
            city.write_text(city.read_text())
        case "added":
            (folder.path / "altdorf/README.md").touch()
        case "taken away":
            city.unlink()
        case "renamed":
            (folder.path / "altdorf").rename(folder.path / "oldtown")
        case _:
            os.utime(city, (1, 1))
    assert changed_since(folder.path, before)


def test_reload_keeps_all_cities_while_shared_defaults_are_broken(folder: Any) -> None:
    folder.write("_shared/05/city.toml", 'land = "NRW"\n')
    first = folder.load()
    folder.write("_shared/05/city.toml", "land = \n")
    second = first.reload({"_shared/05"})
    assert second.by_slug["altdorf"].land == "NRW"
    assert second.kept == {"altdorf", "neudorf"}
    assert [p.line for p in second.problems["_shared/05"]] == [1]
    assert second.reload({"altdorf"}).by_slug["altdorf"].land == "NRW"
    folder.write("_shared/05/city.toml", 'land = "Westfalen"\n')
    assert second.reload({"_shared/05"}).by_slug["altdorf"].land == "Westfalen"


def test_equal_plugin_files_share_one_config(folder: Any) -> None:
    for slug in ("altdorf", "neudorf"):
        folder.write(f"{slug}/plugins/waste.toml", "reminder_hour = 18\n")
    cities = folder.load().by_slug
    assert cities["altdorf"].plugins["waste"] is cities["neudorf"].plugins["waste"]


CONTENT = st.one_of(
    st.binary(max_size=60),
    st.text("abn={}[]\"'\n.,#-_ 5", max_size=60).map(str.encode),
    st.lists(
        st.sampled_from(
            ["name = 'x'", "[area]", "lat = 5", "[[sources]]", "id = 'a'", "kind = 'csv'", "file = '..'", "sources = 1"]
        ),
        max_size=8,
    ).map(lambda lines: "\n".join(lines).encode()),
)


@given(city=CONTENT, waste=CONTENT, theme=CONTENT, words=CONTENT, shared=CONTENT)
def test_whatever_stands_in_a_folder_never_hurts_another_city(
    city: bytes, waste: bytes, theme: bytes, words: bytes, shared: bytes
) -> None:
    with TemporaryDirectory() as path:
        folder = Folder(Path(path))
        folder.city("neudorf")
        folder.write("altdorf/city.toml", city)
        folder.write("altdorf/plugins/waste.toml", waste)
        folder.write("altdorf/brand/theme.toml", theme)
        folder.write("altdorf/texts/de.toml", words)
        folder.write("_shared/05/plugins/waste.toml", shared)
        cities = folder.load()
        assert list(cities.by_slug) == ["neudorf"]
        assert all(
            p.file.startswith(path) and p.line >= 1 and p.column >= 1 and p.message for p in cities.all_problems()
        )
