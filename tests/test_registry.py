"""The registry loads what is sound, names what is not, and lets nothing that a plugin does stop the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from allmende.city.model import Config
from allmende.registry import Registry, load_registry
from allmende.settings import Settings
from allmende.testing import NoDatabase, make_city

MANIFEST = """
title = {{ de = "Bänke", en = "Benches" }}
summary = {{ de = "Wo man sitzen kann.", en = "Where to sit." }}
owner = "teststadt"
licence = "EUPL-1.2"
api = {api}
version = "1.0.0"
"""


def write(folder: Path, name: str, code: str, *, api: int = 1, manifest: str | None = None) -> Path:
    plugin = folder / name
    (plugin / "texts").mkdir(parents=True)
    (plugin / "plugin.toml").write_text(MANIFEST.format(api=api) if manifest is None else manifest)
    (plugin / "__init__.py").write_text(code)
    (plugin / "texts" / "de.toml").write_text('title = "Bänke"\n[near]\nempty = "Keine Bank in {metres} m."\n')
    return plugin


def load(folder: Path) -> Registry:
    return load_registry(Settings(plugins=folder))


def sound(name: str) -> str:
    return f"from allmende import Plugin\nplugin = Plugin(name={name!r})\n"


def test_sound_plugins_load_in_alphabetical_order_with_their_texts(tmp_path: Path) -> None:
    write(tmp_path, "swings", sound("swings"))
    write(tmp_path, "benches", sound("benches"))
    registry = load(tmp_path)
    assert (list(registry.plugins), dict(registry.broken)) == (["benches", "swings"], {})
    assert registry.plugins["benches"].texts["de"] == {"title": "Bänke", "near.empty": "Keine Bank in {metres} m."}
    assert registry.plugins["benches"].manifest.owner == "teststadt"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise RuntimeError('no')", "cannot be imported: RuntimeError: no"),
        ("import sys; sys.exit(3)", "cannot be imported: SystemExit: 3"),
        ("import nothing_of_this_name", "cannot be imported: ModuleNotFoundError"),
        ("def broken(:", "cannot be imported: SyntaxError"),
        ("plugin = 5", "its __init__.py has no `plugin = Plugin(...)`"),
        (sound("other"), "Plugin(name='other') differs from the folder's name 'bad'"),
        (
            "from allmende import PUBLIC, Plugin, Route\nasync def f(*a): ...\n"
            "route = Route(path='a', handle=f, visible=PUBLIC)\nplugin = Plugin(name='bad', routes=(route, route))",
            "two routes at 'a'",
        ),
        (
            "from allmende import CityTable, Plugin\n"
            "class Wrong(CityTable):\n    __tablename__ = 'elsewhere_registry'\n"
            "plugin = Plugin(name='bad', tables=(Wrong,))",
            "elsewhere_registry: a table of bad has a name that begins with bad_",
        ),
    ],
)
def test_a_bad_plugin_is_named_with_owner_and_reason_and_the_rest_loads(tmp_path: Path, code: str, reason: str) -> None:
    write(tmp_path, "bad", code)
    write(tmp_path, "good", sound("good"))
    registry = load(tmp_path)
    assert list(registry.plugins) == ["good"]
    assert (registry.broken["bad"].owner, registry.broken["bad"].reason[: len(reason)]) == ("teststadt", reason)


def test_another_api_number_is_refused_without_importing(tmp_path: Path) -> None:
    write(tmp_path, "future", "raise AssertionError('was imported')", api=2)
    assert load(tmp_path).broken["future"].reason == "plugin.toml api: is 2, this core speaks 1"


def test_a_manifest_with_an_unknown_key_names_it(tmp_path: Path) -> None:
    write(tmp_path, "typo", sound("typo"), manifest=MANIFEST.format(api=1) + 'licens = "EUPL-1.2"\n')
    assert load(tmp_path).broken["typo"].reason == "plugin.toml: Object contains unknown field `licens`"


def test_the_context_carries_the_citys_wording_on_top_of_the_plugins(tmp_path: Path) -> None:
    write(tmp_path, "benches", sound("benches"))
    registry = load(tmp_path)
    texts = {"de": {"benches.title": "Sitzgelegenheiten", "news.title": "Aktuelles"}}
    city = make_city(plugins={"benches": Config()}, texts=texts)
    ctx = registry.context(city, "benches", NoDatabase())
    assert ctx is not None
    assert ctx.text("title") == "Sitzgelegenheiten"
    assert ctx.text("near.empty", metres=300) == "Keine Bank in 300 m."
    assert registry.context(make_city(), "benches", NoDatabase()) is None, "off means off"
