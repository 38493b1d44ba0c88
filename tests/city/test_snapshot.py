"""A snapshot only ever saves time: whatever it is made of, damaged by or out of date with, the cities are the same."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from allmende import Config
from allmende.city import load
from allmende.city.load import Cities, load_cities
from allmende.city.snapshot import FILE, Snapshot
from allmende.importer import Source

CITY = """name = "{name}"
ags = "{ags}"
ars = "{ars}"
area = {{ lat = 51.5, lon = 8.0, bbox = {{ south = 51.0, west = 7.5, north = 52.0, east = 8.5 }} }}
"""


class Feed(Source, frozen=True, kw_only=True, tag="feed"):
    pass


class News(Config, frozen=True, kw_only=True):
    keep_days: int = 30
    sources: tuple[Feed, ...] = ()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(load, "MANY", 1)
    for number, slug in enumerate(("adorf", "bedorf", "cedorf"), start=1):
        write(
            tmp_path / "cities" / slug / "city.toml",
            CITY.format(name=slug, ags=f"0599{number:04}", ars=f"05990000{number:04}"),
        )
        write(tmp_path / "cities" / slug / "plugins" / "news.toml", "keep_days = 7\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def cities(folder: Path, **environ: str) -> Cities:
    """Loaded by the snapshot, having made sure that reading everything anew gives the same."""
    cached = load_cities(folder / "cities", {"news": News}, environ=environ, cache=folder / "cache")
    anew = load_cities(folder / "cities", {"news": News}, environ=environ)
    assert (cached.by_slug, cached.problems) == (anew.by_slug, anew.problems)
    return cached


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many folders each load through a snapshot has read."""
    counts: list[int] = []
    save = Snapshot.save

    def counting(self: Snapshot, entries: object) -> None:
        counts.append(self.fresh)
        save(self, entries)  # type: ignore[arg-type]

    monkeypatch.setattr(Snapshot, "save", counting)
    return counts


def test_a_second_start_reads_no_folder_and_shares_equal_configs(folder: Path, read: list[int]) -> None:
    cities(folder)
    again = cities(folder)
    assert read == [3, 0]
    assert again.by_slug["adorf"].plugins["news"] is again.by_slug["bedorf"].plugins["news"]


def test_only_what_has_changed_is_read(folder: Path, read: list[int]) -> None:
    cities(folder)
    write(folder / "cities/bedorf/plugins/news.toml", "keep_days = 8\n")
    assert cities(folder).by_slug["bedorf"].plugins["news"] == News(keep_days=8)
    write(folder / "cities/cedorf/data/x.csv", "")
    (folder / "cities/adorf/plugins/news.toml").unlink()
    assert cities(folder).by_slug["adorf"].plugins == {}
    assert read == [3, 1, 2]


def test_an_edit_that_keeps_size_and_time_is_seen(folder: Path) -> None:
    cities(folder)
    path = folder / "cities/adorf/plugins/news.toml"
    before = path.stat()
    path.write_text("keep_days = 9\n")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert cities(folder).by_slug["adorf"].plugins["news"] == News(keep_days=9)


@pytest.mark.parametrize("damage", [b"", b"\0" * 64, b"cut", b"flip"])
def test_a_damaged_file_is_not_used(folder: Path, read: list[int], damage: bytes) -> None:
    cities(folder)
    path = folder / "cache" / FILE
    raw = path.read_bytes()
    path.write_bytes({b"cut": raw[:-9], b"flip": raw[:-9] + b"\xff" + raw[-8:]}.get(damage, damage))
    cities(folder)
    cities(folder)
    assert read == [3, 3, 0]


def test_problems_secrets_and_variables_are_read_each_time(folder: Path, read: list[int]) -> None:
    write(folder / "cities/adorf/plugins/news.toml", "keep_day = 7\n")
    source = '[[sources]]\nid = "a"\nkind = "feed"\nurl = "https://x.example/"\ntoken = "secret:PATH"\n'
    write(folder / "cities/bedorf/plugins/news.toml", source)
    for _ in range(2):
        found = cities(folder, PATH="x", ALLMENDE_CITY__CEDORF__NEWS__KEEP_DAYS="3")
        assert found.by_slug["cedorf"].plugins["news"] == News(keep_days=3)
    assert read == [3, 3]


def test_other_defaults_for_many_cities_make_it_void(folder: Path, read: list[int]) -> None:
    cities(folder)
    write(folder / "cities/_shared/05/city.toml", 'land = "Nordrhein-Westfalen"\n')
    assert cities(folder).by_slug["adorf"].land == "Nordrhein-Westfalen"
    assert read == [3, 3]


def test_another_place_or_set_of_plugins_makes_it_void(folder: Path, read: list[int]) -> None:
    cities(folder)
    load_cities(folder / "cities", {}, environ={}, known=["news"], cache=folder / "cache")
    (folder / "cities").rename(folder / "towns")
    load_cities(folder / "towns", {"news": News}, environ={}, cache=folder / "cache")
    assert read == [3, 3, 3]


def test_a_cache_that_cannot_be_written_to_hinders_nobody(folder: Path, read: list[int]) -> None:
    write(folder / "cache", "a file in the way")
    cities(folder)
    cities(folder)
    assert read == [3, 3]


def test_a_reload_of_one_city_replaces_that_city_only(folder: Path) -> None:
    before = cities(folder)
    write(folder / "cities/bedorf/plugins/news.toml", "keep_days = 8\n")
    after = before.reload({"bedorf"})
    assert after.by_slug["bedorf"].plugins["news"] == News(keep_days=8)
    assert [after.by_slug[slug] is before.by_slug[slug] for slug in before.by_slug] == [True, False, True]
    assert after.by_slug == cities(folder).by_slug
