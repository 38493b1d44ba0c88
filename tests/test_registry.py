"""The registry loads what is sound, names what is not, and lets nothing that a plugin does stop the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from allmende.city.model import Config
from allmende.db.table import Base
from allmende.registry import Registry, load_registry
from allmende.settings import Settings
from allmende.testing import NoDatabase, make_city
from sqlalchemy.orm import configure_mappers

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


@pytest.mark.parametrize("name", ["core", "feeds", "jobs", "search", "alembic", "procrastinate", "brand"])
def test_a_reserved_name_is_refused_without_importing_and_says_what_to_do(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, "raise AssertionError('was imported')")
    reason = load(tmp_path).broken[name].reason
    assert (
        reason.startswith(f"'{name}' is reserved ("),
        reason.endswith(f"rename the folder, to city_{name} for instance"),
    ) == (True, True)


@pytest.mark.parametrize("name", ["Benches", "oak-moth", "1st", "oak__moth", "moth_", "straße", "b" * 41])
def test_a_name_that_neither_graphql_nor_python_nor_a_table_can_have_is_refused(tmp_path: Path, name: str) -> None:
    write(tmp_path, name, sound(name))
    assert load(tmp_path).broken[name].reason.startswith(f"{name!r} cannot be a plugin's name: rename the folder to ")


def table(name: str, *lines: str) -> str:
    return (
        "from allmende import FeedTable, Plugin\nfrom sqlalchemy.orm import Mapped, mapped_column, relationship\n"
        f"class Moth(FeedTable):\n    __tablename__ = {name!r}\n    size: Mapped[int]\n"
        + "".join(f"    {line}\n" for line in lines)
    )


FEED_COLUMNS = ["city", "id", "source", "key", "size", "digest", "fetched_at"]


def test_two_plugins_with_one_table_name_are_both_named(tmp_path: Path) -> None:
    write(tmp_path, "oak", table("oak_moth_tree") + "plugin = Plugin(name='oak', tables=(Moth,))\n")
    forced = "__table_args__ = {'extend_existing': True}\n    height: Mapped[int]"
    write(tmp_path, "oak_moth", table("oak_moth_tree", forced) + "plugin = Plugin(name='oak_moth', tables=(Moth,))\n")
    registry = load(tmp_path)
    assert list(registry.plugins) == ["oak"]
    assert registry.broken["oak_moth"].reason == (
        "cannot be imported: TypeError: the table 'oak_moth_tree' is one of plugins.oak: "
        "give that of plugins.oak_moth another __tablename__"
    )
    assert list(Base.metadata.tables["oak_moth_tree"].c.keys()) == FEED_COLUMNS


def test_what_a_failed_import_declared_is_forgotten_and_can_be_loaded_when_repaired(tmp_path: Path) -> None:
    write(tmp_path / "bad", "wasps", table("wasps_nest") + "raise RuntimeError('late')\n")
    assert load(tmp_path / "bad").broken["wasps"].reason == "cannot be imported: RuntimeError: late"
    assert "wasps_nest" not in Base.metadata.tables
    write(tmp_path / "good", "wasps", table("wasps_nest") + "plugin = Plugin(name='wasps', tables=(Moth,))\n")
    registry = load(tmp_path / "good")
    assert (list(registry.plugins), dict(registry.broken)) == (["wasps"], {})


def test_a_relationship_to_nothing_breaks_its_own_plugin_only(tmp_path: Path) -> None:
    lost = table("ants_hill", "queen: Mapped['Nobody'] = relationship()")
    write(tmp_path, "ants", lost + "plugin = Plugin(name='ants', tables=(Moth,))\n")
    write(tmp_path, "bees", table("bees_hive") + "plugin = Plugin(name='bees', tables=(Moth,))\n")
    registry = load(tmp_path)
    assert list(registry.plugins) == ["bees"]
    assert registry.broken["ants"].reason.startswith("cannot be imported: InvalidRequestError: ")
    configure_mappers()
    assert registry.plugins["bees"].plugin.tables[0](size=3).size == 3


@pytest.mark.parametrize(
    ("declared", "entry", "fix"),
    [
        ("routes=(Route(path='a.json', handle=f),)", "the route 'a.json'", "Route(visible=PUBLIC, …)"),
        ("feed=Feed(load=f)", "the hook feed", "Feed(visible=PUBLIC, …)"),
        ("map=Map(load=f)", "the hook map", "Map(visible=PUBLIC, …)"),
        (
            "tables=(Moth,), search=(Search(table=Moth, title='key', load=f),)",
            "the search of Moth",
            "Search(visible=PUBLIC, …)",
        ),
    ],
)
def test_an_entry_that_does_not_say_who_may_see_it_does_not_load(
    tmp_path: Path, declared: str, entry: str, fix: str
) -> None:
    code = "from allmende import Feed, Map, Route, Search\nasync def f(*a): ...\n"
    write(tmp_path, "mute", table("mute_moth") + code + f"plugin = Plugin(name='mute', {declared})\n")
    assert load(tmp_path).broken["mute"].reason == f"{entry} does not say who may see it: write {fix}"


def test_a_visibility_that_the_core_cannot_enforce_is_refused(tmp_path: Path) -> None:
    code = "from allmende import Feed, Plugin\nasync def f(*a): ...\n"
    write(tmp_path, "staff", code + "plugin = Plugin(name='staff', feed=Feed(load=f, visible='staff'))\n")
    assert load(tmp_path).broken["staff"].reason == (
        "the hook feed has visible='staff', which this core cannot enforce; there are PUBLIC, SIGNED_IN and "
        'staff("plugin.permission"): write Feed(visible=PUBLIC, …)'
    )


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
