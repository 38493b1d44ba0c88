"""A plugin that cannot be loaded keeps its place in the schema, so that the operations of released apps stay valid."""

from __future__ import annotations

from typing import Any

import pytest
from allmende import Config, Plugin
from allmende.graphql.compose import Composed, compose
from allmende.graphql.execute import Engine
from allmende.graphql.request import Services
from allmende.registry import Registry
from allmende.testing import NOON, NoDatabase, make_city

from .gazette import GAZETTE, Tower, Towns, ask, install
from .test_compose import TowerMutations

WHOLE = (GAZETTE, Plugin(name="tower", city_field=Tower, mutations=TowerMutations))
COMMITTED = compose(install(*WHOLE)).sdl


def broken(name: str) -> Registry:
    """All plugins, this one quarantined."""
    return install(*WHOLE).without(name, "cannot be imported")


def engine(composed: Composed) -> Engine:
    """`oben` has both modules on, `unten` none; what is broken cannot be configured."""
    names = ("gazette", "tower")
    on = {name: Config() for name in names if name in composed.registry.plugins}
    cities = {"oben": make_city("oben", plugins=on), "unten": make_city("unten")}
    missing = tuple(name for name in names if name in composed.registry.broken)
    towns = Towns(cities, {}, {"oben": missing})
    return Engine(composed, Services(composed.registry, NoDatabase(), lambda: towns, clock=lambda: NOON))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["gazette", "tower"])
def test_the_schema_of_an_instance_with_a_broken_plugin_is_the_committed_one(name: str) -> None:
    composed = compose(broken(name), COMMITTED)
    assert composed.sdl == COMMITTED
    assert composed.ownership.of("City", name) == name


def test_without_the_committed_schema_the_field_is_missing() -> None:
    assert "gazette" not in compose(broken("gazette")).schema.type_map["City"].fields  # type: ignore[attr-defined]


async def test_every_other_field_of_the_same_request_answers() -> None:
    query = """{ oben: city(slug: "oben") { name ...Home } unten: city(slug: "unten") { name ...Home }
      city(slug: "oben") { feed(modules: ["gazette"]) { nodes { id ... on GazetteNotice { body } } } } }
      fragment Home on City { gazette { notices(first: 3) { nodes { id title } } } tower { height } }"""
    body = await ask(engine(compose(broken("gazette"), COMMITTED)), query)
    assert body["data"] == {
        "oben": {"name": "Oben", "gazette": None, "tower": {"height": 42}},
        "unten": {"name": "Unten", "gazette": None, "tower": None},
        "city": {"feed": {"nodes": []}},
    }
    assert [(e["path"], e["extensions"]) for e in body["errors"]] == [
        (["oben", "gazette"], {"code": "PLUGIN_UNAVAILABLE", "plugin": "gazette"})
    ]


async def test_a_mutation_of_a_broken_plugin_is_unavailable_and_valid() -> None:
    body = await ask(
        engine(compose(broken("tower"), COMMITTED)), 'mutation { towerBuildUp(input: { city: "oben", metres: 1 }) }'
    )
    assert body["data"] is None
    assert body["errors"][0]["extensions"] == {"code": "PLUGIN_UNAVAILABLE", "plugin": "tower"}


@pytest.mark.parametrize(
    "committed",
    [
        "this is no schema",
        COMMITTED.replace("interface SearchHit {", "interface SearchHit {\n  lost: Lost!"),
        COMMITTED.replace("title: String!", "title: Int!"),
        COMMITTED.replace("type Gazette {", "type Gazettes {"),
        "type Query { x: Int }",
    ],
    ids=["no schema", "unknown type", "core has changed", "type renamed", "another schema"],
)
async def test_a_committed_schema_that_does_not_fit_harms_nobody(committed: str) -> None:
    answering = engine(compose(broken("gazette"), committed))
    body: dict[str, Any] = await ask(answering, '{ city(slug: "oben") { tower { height } } }')
    assert body == {"data": {"city": {"tower": {"height": 42}}}}


def test_the_field_of_a_plugin_that_was_removed_is_not_kept() -> None:
    assert compose(install(GAZETTE), COMMITTED).sdl == compose(install(GAZETTE)).sdl != COMMITTED
