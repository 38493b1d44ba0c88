"""Sources at the desk: their state in plain words, held imports decided, files taken only after they were looked at."""

from __future__ import annotations

import io
import json

import pytest
from allmende.feeds import uploads
from allmende.jobs.house import House
from allmende.jobs.tasks import due_tasks
from allmende.testing import Town
from openpyxl import Workbook

from tests.desk.conftest import Hire
from tests.desk.staff import Staff, words

CONFIG = """
[[categories]]
id = "amt"
name = { de = "Ämter" }

[[sources]]
id = "aemter"
kind = "csv"
category = "amt"
title = { de = "Hauptamt", en = "Head office" }
every = 60
%s

[sources.fields]
id = "{Nr}"
name = "{Name}"
lat = "{Breite}"
lon = "{Länge}"
"""
HEAD = ("Nr", "Name", "Breite", "Länge")
PATH = "feeds/places/aemter"


def rows(*numbers: int, name: str = "Amt") -> list[tuple[str | int | float, ...]]:
    return [(number, f"{name} {number}", 51.96, 7.6 + number / 100) for number in numbers]


def table(*numbers: int, name: str = "Amt") -> str:
    return "\n".join(";".join(map(str, row)) for row in (HEAD, *rows(*numbers, name=name)))


def spreadsheet(*numbers: int, name: str = "Amt") -> bytes:
    workbook = Workbook()
    for row in ((), HEAD, *rows(*numbers, name=name)):
        workbook.active.append(row)
    saved = io.BytesIO()
    workbook.save(saved)
    return saved.getvalue()


async def names(town: Town) -> list[str]:
    found = await town.ask("places { all(first: 50) { nodes { name } } }")
    return sorted(node["name"] for node in found["places"]["all"]["nodes"])


@pytest.fixture
async def staff(town: Town, hire: Hire) -> Staff:
    town.write("data/aemter.csv", table(1, 2, 3, 4, 5, 6))
    town.switch_on("places", CONFIG % 'file = "data/aemter.csv"')
    await town.load()
    return hire("desk.feeds")


async def test_each_source_says_in_plain_words_how_it_is_doing(staff: Staff, town: Town) -> None:
    assert "Hauptamt Orte Zuletzt in 0 Sekunden geholt, 6 Einträge. Wird stündlich geholt. Aktuell" in (
        await staff.text("feeds")
    ).replace("vor 0 Sekunden", "in 0 Sekunden")
    town.wait(hours=4)
    assert "obwohl das stündlich geschehen soll" in await staff.text("feeds", show="open")
    (town.folder / "data/aemter.csv").unlink()
    said = await staff.done(f"{PATH}/run")
    assert "Der Import ist gescheitert: Die Datei fehlt im Ordner der Stadt." in said
    assert "Die 6 Einträge von vor 4 Stunden bleiben sichtbar." in said
    assert "1 brauchen Sie" in await staff.text()


async def test_run_now_imports_and_says_what_changed_and_what_was_refused(staff: Staff, town: Town) -> None:
    town.write("data/aemter.csv", table(1, 2, 3, 4, 5, 7, name="Büro") + "\n8;Ohne Ort;;")
    said = await staff.done(f"{PATH}/run")
    assert "1 neu, 5 geändert, 1 entfernt, 1 abgelehnt" in said
    assert "Ein Eintrag wurde abgelehnt" in said
    assert "cities/teststadt/plugins/places.toml:6" in said
    assert await names(town) == [f"Büro {n}" for n in (1, 2, 3, 4, 5, 7)]


async def test_held_import_is_shown_side_by_side_and_approved(staff: Staff, town: Town) -> None:
    town.write("data/aemter.csv", table(1, name="Rathaus"))
    assert "wartet auf Ihre Entscheidung" in await staff.done(f"{PATH}/run")
    assert len(await names(town)) == 6
    seen = await staff.text(f"{PATH}/held")
    assert "Der Import würde 5 von 6 Einträgen entfernen." in seen
    assert "Amt 2 fällt weg" in seen
    assert "name: Amt 1 name: Rathaus 1" in seen
    assert "5 entfernt" in await staff.done(f"{PATH}/held", decision="approve")
    assert await names(town) == ["Rathaus 1"]
    assert (await staff.get(f"{PATH}/held")).status_code == 404


async def test_held_import_that_is_rejected_does_not_ask_again(staff: Staff, town: Town) -> None:
    town.write("data/aemter.csv", table(1))
    await staff.done(f"{PATH}/run")
    assert "Die bisherigen Einträge bleiben" in await staff.done(f"{PATH}/held", decision="reject")
    await staff.done(f"{PATH}/run")
    assert "Sie haben den letzten Stand der Quelle abgelehnt" in await staff.text("feeds")
    assert len(await names(town)) == 6


async def test_spreadsheet_counts_only_after_it_was_looked_at_and_stays_until_taken_back(
    staff: Staff, town: Town
) -> None:
    file = {"file": ("Ämter.xlsx", spreadsheet(1, 2, 9, name="Stelle"), "application/octet-stream")}
    answer = await staff.post(f"{PATH}/upload", files=file)
    assert answer.status_code == 303
    compare = answer.headers["location"]
    seen = await staff.text(compare)
    assert "Stelle 9 kommt neu" in seen
    assert "Ungewöhnlich viel würde verschwinden Der Import würde 4 von 6 Einträgen entfernen." in seen
    assert len(await names(town)) == 6
    said = await staff.done(compare, decision="take")
    assert "1 neu, 2 geändert, 4 entfernt" in said
    assert "Ämter.xlsx, hochgeladen von Probe" in said
    town.wait(hours=2)
    await town.load()
    assert await names(town) == ["Stelle 1", "Stelle 2", "Stelle 9"], "the schedule does not bring the old file back"
    assert "6 neu" not in await staff.text(PATH)
    await staff.done(f"{PATH}/take-back")
    assert len(await names(town)) == 6


async def test_file_that_is_dropped_changes_nothing(staff: Staff, town: Town) -> None:
    answer = await staff.post(f"{PATH}/upload", files={"file": ("a.csv", table(7).encode(), "text/csv")})
    compare = answer.headers["location"]
    assert "Es wurde nichts geändert" in await staff.done(compare, decision="drop")
    assert (await staff.get(compare)).status_code == 404
    assert len(await names(town)) == 6


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "Bitte wählen Sie eine Datei"),
        (b"PK\x03\x04 no archive", "kann nicht gelesen werden"),
        (spreadsheet(1)[:3000], "kann nicht gelesen werden"),
        (b"x" * 20_000_001, "größer als 20 MB"),
    ],
)
async def test_file_that_cannot_be_used_says_why_beside_the_field(
    staff: Staff, town: Town, content: bytes, reason: str
) -> None:
    files = {"file": ("a.xlsx", content, "application/octet-stream")} if content else None
    answer = await staff.post(f"{PATH}/upload", files=files)
    assert (answer.status_code, reason in words(answer.text)) == (422, True)
    assert len(await names(town)) == 6


async def test_source_that_lives_from_uploads_waits_for_the_first_one(town: Town, hire: Hire) -> None:
    town.switch_on("places", CONFIG % "upload = true")
    feeds = town.instance.feeds
    house = House(
        database=town.instance.database,
        services=feeds,
        cities=lambda: town.instance.cities.by_slug,
        plugins=lambda: [installed.plugin for installed in town.instance.registry.plugins.values()],
    )
    assert [run.status for run in (await town.load()).values()] == ["waiting"]
    assert [task.key for task in await due_tasks(house) if task.kind == "import"] == []
    staff = hire("desk.feeds")
    assert "Wartet auf eine Datei" in await staff.text("feeds")
    answer = await staff.post(f"{PATH}/upload", files={"file": ("a.csv", table(1, 2).encode(), "text/csv")})
    await staff.done(answer.headers["location"], decision="take")
    assert await names(town) == ["Amt 1", "Amt 2"]
    assert "2 Einträge aus einer hochgeladenen Datei" in await staff.text("feeds")


async def test_geojson_by_hand_goes_through_the_same_importer(town: Town, hire: Hire) -> None:
    town.switch_on("places", CONFIG.replace('"csv"', '"geojson"').replace("{Name}", "{name}") % "upload = true")
    point = {"type": "Point", "coordinates": [7.6, 51.96]}
    collection = {
        "type": "FeatureCollection",
        "features": [{"type": "Feature", "geometry": point, "properties": {"Nr": 1, "name": "Park"}}],
    }
    staff = hire("desk.feeds")
    file = {"file": ("p.geojson", json.dumps(collection).encode(), "application/geo+json")}
    answer = await staff.post(f"{PATH}/upload", files=file)
    await staff.done(answer.headers["location"], decision="take")
    assert await names(town) == ["Park"]


async def test_uploads_nobody_decided_about_are_gone_after_a_day(staff: Staff, town: Town) -> None:
    def upload() -> dict[str, tuple[str, bytes, str]]:
        return {"file": ("a.csv", table(7).encode(), "text/csv")}

    first = (await staff.post(f"{PATH}/upload", files=upload())).headers["location"]
    town.wait(hours=25)
    await staff.post(f"{PATH}/upload", files=upload())
    assert (await staff.get(first)).status_code == 404
    async with town.instance.database.session(town.slug) as session:
        assert await uploads.there(session) == {}


async def test_only_who_looks_after_sources_sees_them(town: Town, hire: Hire, staff: Staff) -> None:
    editor = hire("content.edit")
    for path in ("feeds", PATH, f"{PATH}/upload", f"{PATH}/held"):
        assert (await editor.get(path)).status_code == 403
    for path in (f"{PATH}/run", f"{PATH}/upload", f"{PATH}/held", f"{PATH}/take-back"):
        assert (await editor.post(path)).status_code == 403
    assert (await staff.get("feeds/places/nothing")).status_code == 404
    assert "Datenquellen" not in await editor.text()
