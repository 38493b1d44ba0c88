"""The public contract: described throughout, and the committed file says what the installed plugins make."""

from __future__ import annotations

from pathlib import Path

import pytest
from allmende.cli.schema import schema
from allmende.graphql.compose import Composed, undescribed
from click.testing import CliRunner
from graphql import GraphQLNonNull, GraphQLObjectType, build_schema

from tests.composed import composed as tree

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def composed() -> Composed:
    return tree()


def test_every_plugin_of_the_tree_is_in_the_schema(composed: Composed) -> None:
    folders = {path.parent.name for path in (ROOT / "plugins").glob("*/plugin.toml")}
    assert dict(composed.registry.broken) == {}
    assert set(composed.registry.plugins) == folders
    city = composed.schema.type_map["City"]
    assert isinstance(city, GraphQLObjectType)
    assert [name for name in folders if isinstance(city.fields[name].type, GraphQLNonNull)] == []


def test_every_public_field_is_described(composed: Composed) -> None:
    assert undescribed(composed.schema) == []


def test_every_argument_is_described_but_those_that_are_only_an_input(composed: Composed) -> None:
    objects = [one for one in composed.schema.type_map.values() if isinstance(one, GraphQLObjectType)]
    arguments = {
        f"{one.name}.{field}({name})": argument.description
        for one in objects
        if not one.name.startswith("__")
        for field, found in one.fields.items()
        for name, argument in found.args.items()
        if name != "input"
    }
    assert len(arguments) > 50
    assert [name for name, description in arguments.items() if not description] == []


def test_committed_schema_is_the_composed_one(composed: Composed) -> None:
    committed = (ROOT / "backend/schema.graphql").read_text()
    assert committed == composed.sdl, "run `make schema`"
    assert sorted(build_schema(committed).type_map) == sorted(composed.schema.type_map)


def test_command_prints_writes_and_compares(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, composed: Composed
) -> None:
    (tmp_path / "backend").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ALLMENDE_PLUGINS", str(ROOT / "plugins"))
    run = CliRunner().invoke
    assert run(schema, []).stdout == composed.sdl
    assert run(schema, ["--check"]).exit_code == 1
    assert run(schema, ["--write"]).exit_code == 0
    assert run(schema, ["--check"]).exit_code == 0
    file = tmp_path / "backend/schema.graphql"
    file.write_text(file.read_text().replace("officialName: String!", "officialName: Int!"))
    result = run(schema, ["--check"])
    assert result.exit_code == 1
    assert "-  officialName: Int!\n+  officialName: String!" in result.stdout
