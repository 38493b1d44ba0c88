"""A city leaves with all that is its own: saved at the desk, imported into an empty instance, and the same again."""

from __future__ import annotations

import asyncio
import json
import shutil
import zipfile
from importlib import import_module
from pathlib import Path

import pytest
from allmende.accounts.staff import OPERATOR, add_staff
from allmende.cli.exitkit import export, import_
from allmende.db.branches import CORE_TABLES
from allmende.desk.exitkit import import_city, revisions
from allmende.errors import InputError
from allmende.files.store import Store
from allmende.files.tables import FileUpload
from allmende.testing import Town
from click.testing import CliRunner, Result
from sqlalchemy import insert

from tests.desk.conftest import Hire
from tests.desk.test_admin import counted
from tests.desk.test_cases import CONFIG, file

for module in CORE_TABLES:  # before the fixtures make a database of all tables that are known
    import_module(module)


def content(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        assert opened.testzip() is None
        return {name: opened.read(name) for name in opened.namelist()}


async def furnish(town: Town, files: Path) -> None:
    """Something of everything: a case, staff, a picture, usage numbers, and defaults of the Land."""
    shared = town.instance.folder / "_shared/05"
    (shared / "plugins").mkdir(parents=True)
    (shared / "city.toml").write_text('land = "Nordrhein-Westfalen"\n')
    (shared / "plugins/news.toml").write_text("keep_days = 100\n")
    town.switch_on("reports", CONFIG)
    town.switch_on("news")
    await file(town, "Die Laterne ist aus: äöü „“ \U0001f4a1")
    await add_staff(town.instance.services.accounts, town.slug, "a@example.org", "A", [("admin", "*")], by=OPERATOR)
    picture = {"id": "ab" * 16, "ready": True, "digest": "0" * 64, "sizes": {"large": 3}, "created": town.now}
    async with town.instance.database.transaction(town.slug) as session:
        await session.execute(insert(FileUpload), [picture])
        session.add_all(one for one in counted() if one.measure != "report")
    await Store(str(files)).put(town.slug, "ab" * 16, {"large": b"\xff\xd8\xff"})


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
async def test_city_is_identical_after_it_moved(
    town: Town, hire: Hire, other: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await furnish(town, tmp_path / "files")
    staff = hire("desk.export")
    saved = await staff.post("export")
    assert saved.headers["content-disposition"] == f'attachment; filename="{town.slug}-2026-11-23.zip"'
    (tmp_path / "saved.zip").write_bytes(saved.content)
    first = content(tmp_path / "saved.zip")
    counts = json.loads(first["manifest.json"])["tables"]
    assert (counts["case_case"], counts["account_account"], counts["file_upload"]) == (1, 1, 1)
    assert counts["usage_count"] == len(first["data/usage_count.jsonl"].splitlines()) > 300
    assert "city.export" in await hire("desk.audit").text("log")

    if other == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite").template(), tmp_path / "empty.sqlite")
        url = f"sqlite:///{tmp_path / 'empty.sqlite'}"
    else:
        server = request.getfixturevalue("postgresql")
        url = server.url(server.create(server.template()))

    async def there(command: object, *arguments: str, cities: str = "there") -> Result:
        """The command line, at an instance that was empty."""
        monkeypatch.setenv("ALLMENDE_DATABASE", url)
        monkeypatch.setenv("ALLMENDE_CITIES", str(tmp_path / cities))
        monkeypatch.setenv("ALLMENDE_FILES", str(tmp_path / "moved"))
        return await asyncio.to_thread(CliRunner().invoke, command, arguments)  # type: ignore[arg-type]

    archive = str(tmp_path / "saved.zip")
    shared = tmp_path / "there/_shared/05/plugins"
    shared.mkdir(parents=True)
    (shared / "news.toml").write_text("keep_days = 99\n")
    done = await there(import_, archive)
    assert done.exit_code == 0, done.output
    assert "_shared/05/plugins/news.toml is different here" in done.output
    shutil.copy(town.instance.folder / "_shared/05/plugins/news.toml", shared / "news.toml")
    again = str(tmp_path / "again.zip")
    assert (await there(export, town.slug, again)).exit_code == 0
    assert content(tmp_path / "again.zip") == first

    assert "is there already" in (await there(import_, archive)).output
    assert "already" in (await there(import_, archive, cities="elsewhere")).output


async def test_only_who_may_export_saves_the_city_and_once_at_a_time(
    town: Town, hire: Hire, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await hire("desk.settings", "desk.users").get("export")).status_code == 403
    assert (await hire("desk.settings", "desk.users").post("export")).status_code == 403
    staff = hire("desk.export")
    assert "allmende city import teststadt-2026-11-23.zip" in await staff.text("export")
    both = await asyncio.gather(staff.post("export"), staff.post("export"))
    assert sorted(answer.status_code for answer in both) == [200, 303]


async def test_what_does_not_fit_is_refused(town: Town, hire: Hire, tmp_path: Path) -> None:
    there, store, known = town.instance.database, Store(str(tmp_path / "files")), revisions(town.instance.registry)
    saved = tmp_path / "saved.zip"
    saved.write_bytes((await hire("desk.export").post("export")).content)
    with pytest.raises(InputError, match="the tables of core are at core_"):
        await import_city(there, store, tmp_path / "elsewhere", known | {"core": "core_0001"}, saved)
    saved.write_bytes(b"no archive")
    with pytest.raises(InputError, match="not an archive of a city"):
        await import_city(there, store, tmp_path, known, saved)
