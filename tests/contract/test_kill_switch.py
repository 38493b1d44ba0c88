"""Off by the kill switch is off everywhere: null without an error, a reason in `modules`, no feed, no map, no route."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from allmende.app import make_engine, make_house
from allmende.db.engine import Database
from allmende.documents import document_routes
from allmende.graphql.execute import Engine, Operation
from allmende.jobs.tasks import due_tasks
from allmende.settings import Settings
from litestar import Litestar
from litestar.testing import TestClient

from tests.composed import composed

GALLERY = Path(__file__).parent / "gallery"
COMPOSED = composed(GALLERY / "plugins")
REASON = 'reason = { de = "Falsche Daten, wir prüfen.", en = "Wrong data, we are checking." }\n'
BOX = "{south: 51, west: 7, north: 52, east: 9}"
QUERY = f"""{{ city(slug: "bedorf") {{ sound {{ city }} feed {{ nodes {{ title }} }} map(bbox: {BOX}) {{ title }}
  modules {{ name status reason since }} }} other: city(slug: "closed") {{ sound {{ city }} }} }}"""


def switched(folder: Path, database: Database, text: str, where: str = "bedorf/city.toml") -> Any:
    cities = folder / "cities"
    for slug in ("bedorf", "closed"):
        shutil.copytree(GALLERY / "cities" / slug, cities / slug)
    (cities / "bedorf" / "plugins" / "chores.toml").write_text("")
    path = cities / where
    path.parent.mkdir(exist_ok=True)
    path.write_text((path.read_text() if path.exists() else "") + text)
    settings = Settings(cities=cities, plugins=GALLERY / "plugins", schema=Path("none"), database="sqlite://")
    return settings, *make_engine(settings, database, COMPOSED)


async def ask(engine: Engine, app_version: str = "") -> Any:
    body = (await engine.execute(Operation(query=QUERY, app_version=app_version, accept_language="en"))).body
    assert "errors" not in body, body["errors"]
    city = body["data"]["city"]
    module = next(module for module in city["modules"] if module["name"] == "sound")
    return body["data"]["other"]["sound"], city["sound"], city["feed"]["nodes"], city["map"], module


async def test_a_module_that_a_city_switches_off_is_off_everywhere_there(database: Database, tmp_path: Path) -> None:
    since = "since = 2026-11-22T10:00:00\n"
    _, engine, _ = switched(tmp_path, database, f"\n[modules.sound]\n{since}{REASON}")
    other, sound, feed, features, module = await ask(engine)
    assert (other, sound, feed, features) == ({"city": "closed"}, None, [], [])
    assert module == {
        "name": "sound",
        "status": "OFF",
        "reason": "Wrong data, we are checking.",
        "since": "2026-11-22T10:00:00+01:00",
    }
    with TestClient(Litestar(document_routes(engine.services))) as client:
        answer = client.get("/bedorf/sound/hello", headers={"Accept-Language": "de"})
        assert (answer.status_code, answer.json()) == (
            503,
            {"error": {"code": "MODULE_OFF", "message": "Falsche Daten, wir prüfen."}},
        )
        assert client.get("/closed/sound/hello").text == "closed"


async def test_old_releases_of_the_app_can_be_shut_out_alone(database: Database, tmp_path: Path) -> None:
    _, engine, _ = switched(tmp_path, database, f'\n[modules.sound]\napp_versions = "<2.3"\n{REASON}')
    answers = {version: await ask(engine, version) for version in ("2.2.1", "2.3", "")}
    assert {version: sound for version, (_, sound, *_) in answers.items()} == {
        "2.2.1": None,
        "2.3": {"city": "bedorf"},
        "": {"city": "bedorf"},
    }
    assert {version: (len(feed), m["status"]) for version, (_, _, feed, _, m) in answers.items()} == {
        "2.2.1": (0, "OFF"),
        "2.3": (1, "ON"),
        "": (1, "ON"),
    }


async def test_the_operator_switches_a_module_off_for_all_cities(database: Database, tmp_path: Path) -> None:
    _, engine, _ = switched(tmp_path, database, f"[modules.sound]\n{REASON}", "_shared/city.toml")
    assert (await ask(engine))[:4] == (None, None, [], [])


async def test_jobs_of_a_module_that_is_switched_off_pause(database: Database, tmp_path: Path) -> None:
    settings, engine, town = switched(tmp_path, database, "")
    house = make_house(settings, engine.services.registry, town, database)
    assert {task.plugin for task in await due_tasks(house) if task.kind != "chore"} == {"chores", "imports"}
    path = tmp_path / "cities" / "bedorf" / "city.toml"
    path.write_text(path.read_text() + f"\n[modules.chores]\n{REASON}")
    town.reload({"bedorf"})
    assert {task.plugin for task in await due_tasks(house) if task.kind != "chore"} == {"imports"}
