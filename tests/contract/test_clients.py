"""Every operation of every released app version, as the apps send it: against a city with all modules, with none, and
with each alone. What is on answers with data, what is off is null without an error, and each takes so many statements.
"""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from allmende.app import make_engine, make_house
from allmende.db.engine import Database
from allmende.feeds.importing import import_all
from allmende.graphql.execute import Engine, Operation
from allmende.settings import Settings
from graphql import FieldNode, OperationDefinitionNode, parse

from tests.composed import composed

ROOT = Path(__file__).parents[2]
FULL = ROOT / "cities" / "musterstadt"
CLIENTS = sorted((ROOT / "clients").glob("*/*/*.graphql"))
PLUGINS = sorted(composed().registry.plugins)
KNOWN = ("news", "events", "waste", "places", "warnings")
"""The modules that the released apps ask for. Others may be on too; they must not disturb."""
KINDS = ("all", "none", *KNOWN)
# fmt: off
STATEMENTS = {
    # operation: all, none, news, events, waste, places, warnings
    "Cities": (0, 0, 0, 0, 0, 0, 0),
    "City": (1, 1, 1, 1, 1, 1, 1),
    "EventsDay": (1, 0, 0, 1, 0, 0, 0),
    "EventsEvent": (2, 0, 0, 2, 0, 0, 0),
    "Feed": (3, 0, 1, 1, 0, 0, 1),
    "Map": (6, 0, 0, 1, 0, 1, 1),
    "NewsItem": (1, 0, 1, 0, 0, 0, 0),
    "Places": (3, 0, 0, 0, 0, 3, 0),
    "PlacesPlace": (1, 0, 0, 0, 0, 1, 0),
    "Search": (3, 0, 2, 1, 1, 2, 1),
    "Warnings": (2, 0, 0, 0, 0, 0, 2),
    "WasteStreets": (2, 0, 0, 0, 2, 0, 0),
}
# fmt: on
"""Operation → SQL statements for a city of each of KINDS. A number that grows is a decision for a review."""
TOGETHER = {
    "Events": (4, 0, 0, 4, 0, 0, 0),
    "EventsDay": (2, 0, 0, 2, 0, 0, 0),
    "Feed": (1, 0, 1, 1, 0, 0, 1),
    "Home": (6, 1, 2, 3, 4, 2, 1),
    "News": (3, 0, 3, 0, 0, 0, 0),
    "Warnings": (1, 0, 0, 0, 0, 0, 1),
    "Waste": (3, 0, 0, 0, 3, 0, 0),
}
"""On PostgreSQL, where statements of several modules go in one. Nothing is kept here: no listener runs."""
KEPT = {
    "Events": (5, 0, 0, 5, 0, 0, 0),
    "Home": (6, 0, 1, 1, 3, 1, 0),
    "News": (4, 0, 4, 0, 0, 0, 0),
    "Waste": (1, 0, 0, 0, 1, 0, 0),
}
"""On SQLite, where rows are kept until their tables change; the first time, it is also asked when an answer changes."""


def make_cities(folder: Path) -> None:
    """A city of each kind, made of the example city that has everything."""
    for number, kind in enumerate((*KINDS, *(name for name in PLUGINS if name not in KNOWN)), start=1):
        city = folder / kind
        shutil.copytree(FULL, city)
        text = (city / "city.toml").read_text(encoding="utf-8")
        text = re.sub(r'^ags = ".*"', f'ags = "0599{number:04}"', text, flags=re.M)
        text = re.sub(r'^ars = ".*"', f'ars = "05990000{number:04}"', text, flags=re.M)
        (city / "city.toml").write_text(re.sub(r"^hosts = .*", "", text, flags=re.M), encoding="utf-8")
        shutil.rmtree(city / "texts", ignore_errors=True)
        for plugin in (city / "plugins").glob("*.toml"):
            if kind not in ("all", plugin.stem):
                plugin.unlink()


@pytest.fixture
async def engine(database: Database, tmp_path: Path) -> Engine:
    make_cities(tmp_path / "cities")
    settings = Settings(database="sqlite://", cities=tmp_path / "cities", plugins=ROOT / "plugins", cache=tmp_path)
    engine, town = make_engine(settings, database, composed())
    assert town.cities.all_problems() == []
    house = make_house(settings, engine.services.registry, town, database)
    runs = await import_all(house.services, list(house.cities().values()), house.plugins())
    assert {run.status for run in runs} <= {"fresh", "unchanged"}, [run for run in runs if run.reason]
    return engine


async def answer(engine: Engine, text: str, variables: Mapping[str, Any]) -> dict[str, Any]:
    return (await engine.execute(Operation(query=text, variables=variables))).body


async def variables(engine: Engine) -> dict[str, Any]:
    """What a reader of the full city would have chosen. Ids are other ones in each city, so they are asked for."""
    today = date.today()  # noqa: DTZ011 (only to have events ahead)
    city = engine.services.cities().by_slug["all"]
    text = '{ city(slug: "all") { news { latest(first: 1) { title } } waste { streets(first: 1) { name } } } }'
    body = await answer(engine, text, {})
    box = {"south": 51.0, "west": 7.0, "north": 52.0, "east": 9.0}
    position = {"lat": city.area.lat, "lon": city.area.lon}
    data = body["data"]["city"]
    street = data["waste"]["streets"][0]["name"]
    return {
        **position,
        "near": position,
        "bbox": box,
        "street": street,
        "search": street[:3],
        "text": data["news"]["latest"][0]["title"].split()[0],
        "date": today.isoformat(),
        "from": today.isoformat(),
        "to": (today + timedelta(days=60)).isoformat(),
    }


IDS = {
    "NewsItem": "news { latest(first: 1) { id } }",
    "EventsEvent": "events { upcoming(first: 1) { id } }",
    "PlacesPlace": "places { near(first: 1) { id } }",
}
"""Operation → where its id comes from."""


async def id_for(engine: Engine, operation: str, city: str) -> str:
    body = await answer(engine, f'{{ city(slug: "{city}") {{ {IDS[operation]} }} }}', {})
    for module in body["data"]["city"].values():
        for items in (module or {}).values():
            return str(items[0]["id"])
    return "0" * 32


def modules_of(document: str) -> set[str]:
    """The modules that an operation asks City for."""
    definition = parse(document).definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    found = set()
    for root in definition.selection_set.selections:
        assert isinstance(root, FieldNode)
        assert root.selection_set
        found |= {field.name.value for field in root.selection_set.selections if isinstance(field, FieldNode)}
    return found & set(PLUGINS)


def declared(document: str) -> set[str]:
    definition = parse(document).definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    return {variable.variable.name.value for variable in definition.variable_definitions}


def is_empty(value: Any) -> bool:
    """Whether a module has brought nothing at all."""
    if isinstance(value, dict):
        return all(is_empty(item) for item in value.values())
    return value is None or value in ([], 0, False)


async def test_every_operation_answers_in_every_kind_of_city_with_so_many_statements(
    engine: Engine, database: Database
) -> None:
    chosen = await variables(engine)
    counted: dict[str, tuple[int, ...]] = {}
    for path in CLIENTS:
        document, name = path.read_text(encoding="utf-8"), path.stem
        counts = []
        for kind in engine.services.cities().by_slug:
            values = {key: value for key, value in chosen.items() if key in declared(document)} | {"city": kind}
            if name in IDS:
                values["id"] = await id_for(engine, name, kind)
            with database.count() as statements:
                body = await answer(engine, document, values)
            assert "errors" not in body, (name, kind, body["errors"])
            for module in modules_of(document):
                part = body["data"]["city"][module]
                assert (part is not None) == (kind in ("all", module)), (name, kind, module)
                assert part is None or not is_empty(part), (name, kind, module)
            counts.append((kind, len(statements)))
        counted[name] = tuple(dict(counts)[kind] for kind in KINDS)
        others = {kind: count for kind, count in counts if kind not in KINDS}
        if modules_of(document):
            assert set(others.values()) <= {counted[name][1]}, (name, others)
    assert counted == STATEMENTS | (KEPT if database.is_sqlite else TOGETHER)


@pytest.mark.parametrize("path", CLIENTS, ids=lambda path: f"{path.parts[-3]}-{path.parts[-2]}-{path.stem}")
def test_a_file_holds_one_named_operation_of_that_name(path: Path) -> None:
    (definition,) = parse(path.read_text(encoding="utf-8")).definitions
    assert isinstance(definition, OperationDefinitionNode)
    assert definition.name is not None
    assert definition.name.value == path.stem


@pytest.mark.parametrize("folder", sorted({path.parent for path in CLIENTS}), ids=lambda folder: folder.name)
def test_a_release_says_since_when_and_until_when_it_is_answered(folder: Path) -> None:
    meta = tomllib.loads((folder / "meta.toml").read_text(encoding="utf-8"))
    assert (meta["app"], meta["version"]) == folder.parts[-2:]
    assert meta["released"] < meta["supported_until"]
