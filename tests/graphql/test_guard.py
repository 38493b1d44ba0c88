"""A plugin that fails takes nothing with it but its own field, says so with a code, and lets nothing internal out."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.db.engine import Database

from .gazette import _hang, _raise, _rubbish, ask, bad, make_engine, publish


def codes(body: dict[str, Any]) -> list[tuple[list[Any], str, str]]:
    return [(e["path"], e["extensions"]["code"], e["extensions"].get("plugin", "")) for e in body.get("errors", [])]


@pytest.mark.parametrize("field", ["crash", "crashLater", "nothing", "number", "text { id }", "naive"])
async def test_failing_field_is_null_with_a_masked_error_and_the_rest_answers(database: Database, field: str) -> None:
    body = await ask(
        make_engine(database), f'{{ city(slug: "oben") {{ name tower {{ height }} gazette {{ {field} }} }} }}'
    )
    assert body["data"] == {"city": {"name": "Oben", "tower": {"height": 42}, "gazette": None}}
    path = ["city", "gazette", field.split()[0]]
    assert codes(body) == [(path, "PLUGIN_FAILED", "gazette")]
    assert "secret" not in str(body)
    assert body["errors"][0]["extensions"]["id"] in body["errors"][0]["message"]


async def test_public_error_keeps_message_and_code(database: Database) -> None:
    body = await ask(make_engine(database), '{ city(slug: "oben") { gazette { refuse } } }')
    assert body["errors"][0]["message"] == "first: is too small"
    assert codes(body) == [(["city", "gazette", "refuse"], "BAD_INPUT", "gazette")]


async def test_hanging_field_ends_with_its_budget(database: Database) -> None:
    body = await ask(make_engine(database, budget=0.5), '{ city(slug: "oben") { gazette { hang } tower { height } } }')
    assert body["data"] == {"city": {"gazette": None, "tower": {"height": 42}}}
    assert codes(body) == [(["city", "gazette", "hang"], "PLUGIN_TIMEOUT", "gazette")]


async def test_whole_request_ends_with_its_deadline(database: Database) -> None:
    body = await ask(make_engine(database, budget=5, deadline=0.1), '{ city(slug: "oben") { gazette { hang } } }')
    assert body == {
        "data": None,
        "errors": [{"message": "the request took too long", "extensions": {"code": "DEADLINE"}}],
    }


async def test_module_that_is_off_is_null_without_an_error(database: Database) -> None:
    body = await ask(make_engine(database), '{ city(slug: "unten") { name gazette { crash } } }')
    assert body == {"data": {"city": {"name": "Untermüllberg", "gazette": None}}}


async def test_feed_and_map_keep_what_sound_modules_give(database: Database) -> None:
    await publish(database, "oben", {"title": "Sound"})
    engine = make_engine(database, bad("raiser", _raise), bad("hanger", _hang), bad("rubbish", _rubbish), budget=2.0)
    body = await ask(engine, '{ city(slug: "oben") { feed { nodes { title module } } } }')
    assert body["data"] == {"city": {"feed": {"nodes": [{"title": "Sound", "module": "gazette"}]}}}
    path = ["city", "feed"]
    assert sorted(codes(body)) == [
        (path, "PLUGIN_FAILED", "raiser"),
        (path, "PLUGIN_FAILED", "rubbish"),
        (path, "PLUGIN_TIMEOUT", "hanger"),
    ]
    box = "{south: 50, west: 7, north: 53, east: 8}"
    body = await ask(
        engine, f'{{ city(slug: "oben") {{ map(bbox: {box}, modules: ["gazette", "raiser"]) {{ title }} }} }}'
    )
    assert body["data"] == {"city": {"map": [{"title": "Sound"}]}}
    assert codes(body) == [(["city", "map"], "PLUGIN_FAILED", "raiser")]


async def test_item_that_fails_in_the_feed_is_null_alone(database: Database) -> None:
    await publish(database, "oben", {"title": "Broken"}, {"title": "Sound"})
    query = '{ city(slug: "oben") { name feed { nodes { title ... on GazetteNotice { body } } } } }'
    body = await ask(make_engine(database), query)
    assert body["data"]["city"]["name"] == "Oben"
    nodes = sorted(body["data"]["city"]["feed"]["nodes"], key=lambda node: node is None)
    assert nodes == [{"title": "Sound", "body": "…"}, None]
    assert [code for _, code, _ in codes(body)] == ["PLUGIN_FAILED"]
