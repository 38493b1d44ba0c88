"""A city leaves with all that is its own: exported, imported into an empty instance, and the same again."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

import pytest
from allmende.accounts.staff import OPERATOR, add_staff
from allmende.db.branches import CORE_BRANCH
from allmende.db.engine import Database
from allmende.desk.exitkit import export_city, import_city
from allmende.errors import InputError
from allmende.files.store import Store
from allmende.files.tables import FileUpload
from allmende.testing import Town
from sqlalchemy import insert

from tests.desk.test_cases import CONFIG, file

REVISIONS = {"core": CORE_BRANCH.newest()}


def content(archive: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(archive) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


@pytest.mark.parametrize("other", ["sqlite", "postgresql"])
async def test_city_is_identical_after_it_moved(
    town: Town, other: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    town.switch_on("reports", CONFIG)
    await file(town, "Die Laterne ist aus: äöü „“ \U0001f4a1")
    await add_staff(town.instance.services.accounts, town.slug, "a@example.org", "A", [("admin", "*")], by=OPERATOR)
    here, store = town.instance.database, Store(str(tmp_path / "files"))
    picture = {"id": "ab" * 16, "ready": True, "digest": "0" * 64, "sizes": {"large": 3}, "created": town.now}
    async with here.transaction(town.slug) as session:
        await session.execute(insert(FileUpload), [picture])
    await store.put(town.slug, "ab" * 16, {"large": b"\xff\xd8\xff"})
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    counts = await export_city(here, store, town.slug, town.folder, REVISIONS, first)
    assert (counts["case_case"], counts["account_account"], counts["file_upload"]) == (1, 1, 1)

    if other == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite").template(), tmp_path / "empty.sqlite")
        url = f"sqlite:///{tmp_path / 'empty.sqlite'}"
    else:
        server = request.getfixturevalue("postgresql")
        url = server.url(server.create(server.template()))
    there, cities = Database(url), tmp_path / "there"
    try:
        moved = Store(str(tmp_path / "moved"))
        assert await import_city(there, moved, cities, REVISIONS, first) == (town.slug, counts)
        await export_city(there, moved, town.slug, cities / town.slug, REVISIONS, second)
        assert content(second) == content(first)
        with pytest.raises(InputError, match="is there already"):
            await import_city(there, moved, cities, REVISIONS, first)
        with pytest.raises(InputError, match="already"):
            await import_city(there, moved, tmp_path / "elsewhere", REVISIONS, first)
        with pytest.raises(InputError, match="the tables of core are at core_"):
            await import_city(there, moved, tmp_path / "elsewhere", {"core": "core_0001"}, first)
    finally:
        await there.close()


async def test_what_is_no_archive_is_refused(town: Town, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.zip"
    wrong.write_bytes(b"no archive")
    with pytest.raises(InputError, match="not an archive of a city"):
        await import_city(town.instance.database, Store(str(tmp_path / "files")), tmp_path, REVISIONS, wrong)
