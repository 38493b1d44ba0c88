"""Nobody sees another city's rows, by whatever field, argument, cursor or address: asked of the composed schema.

The leaky plugins prove that the suite sees what there is to be seen; the locks of the database stop the rest.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from allmende.db.engine import Database
from allmende.graphql.compose import compose
from graphql import GraphQLObjectType

from tests.composed import composed

from . import leaky
from .leaks import HERE, THERE, leaks, pair
from .rows import contents

TREE = composed()
NAMES = sorted(path.stem for path in Path(leaky.__file__).parent.glob("[a-z]*.py"))
LEAKY: dict[str, ModuleType] = {name: import_module(f"{leaky.__name__}.{name}") for name in NAMES}


async def test_no_field_of_any_plugin_shows_another_citys_rows(database: Database, tmp_path: Path) -> None:
    assert dict(TREE.registry.broken) == {}
    async with pair(TREE, database, tmp_path) as cities:
        stored = {name for name, one in TREE.registry.plugins.items() if one.plugin.tables}
        assert with_rows(await cities.seen(THERE)) == stored
        assert await leaks(cities) == []


def with_rows(seen: dict[str, bool]) -> set[str]:
    """The plugins of which the city itself is shown rows, by at least one entry: the suite does not look past them."""
    return {name.split(".")[1] for name, shown in seen.items() if shown and name.count(".") == 2}


def test_subscriptions_show_no_rows_so_the_suite_need_not_listen_to_them() -> None:
    """Only which module has changed, when, and how it is; that nobody hears of another city: tests/graphql/live."""
    schema = TREE.schema
    assert schema.subscription_type is not None
    assert set(schema.subscription_type.fields) == {"changes"}, "teach probes.py to listen to it"
    change = schema.get_type("CityChange")
    assert isinstance(change, GraphQLObjectType)
    shown = {"module": "String!", "at": "DateTime!", "status": "ModuleStatus!"}
    assert {name: str(field.type) for name, field in change.fields.items()} == shown


@pytest.fixture(autouse=True)
def _nothing_hoarded_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a leaky plugin has kept of one database does not outlive it, whichever of the two is tried first."""
    monkeypatch.setattr(LEAKY["hoarder"], "_rows", [])
    monkeypatch.setattr(LEAKY["hoarder"], "_contexts", [])


@pytest.mark.parametrize("name", [name for name, module in LEAKY.items() if hasattr(module, "LEAKS")])
async def test_a_leaky_plugin_is_caught_by_each_field_that_leaks(name: str, database: Database, tmp_path: Path) -> None:
    leaking = compose(leaky.install(LEAKY[name].plugin))
    assert dict(leaking.registry.broken) == {}
    async with pair(leaking, database, tmp_path) as cities:
        assert await leaks(cities) == LEAKY[name].LEAKS


async def test_what_the_locks_stop_shows_nothing_and_changes_nothing(database: Database, tmp_path: Path) -> None:
    """Guessed ids and conditions find nothing; SQL by hand, forged settings and foreign writes are refused."""
    leaking = compose(leaky.install(LEAKY["stopped"].plugin))
    async with pair(leaking, database, tmp_path) as cities:
        before = [await contents(database, slug, cities.plugins) for slug in (HERE, THERE)]
        for asker in (HERE, THERE):
            answer = await cities.ask(STOPPED, {"city": asker})
            mine = [f"qz{asker}77 title {number}" for number in range(3)]
            raw = {"sqlite": None, "postgresql": mine}[database.url.get_backend_name()]
            found = answer["data"]["city"]["stopped"]
            assert found | {"raw": sorted(found["raw"] or []) or None} == {
                "guess": None, "condition": [], "raw": raw, "forged": None, "index": None, "grab": False
            }  # fmt: skip
        assert [await contents(database, slug, cities.plugins) for slug in (HERE, THERE)] == before
        assert await leaks(cities) == []


STOPPED = "query($city: String!) { city(slug: $city) { stopped { guess condition raw forged index grab } } }"
