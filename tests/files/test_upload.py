"""Uploads wait until something claims them, are fetched by whoever may, and go when nobody wants them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from allmende.db.engine import Database
from allmende.errors import AllmendeError, InputError
from allmende.files import service
from allmende.files.service import LINK, address, may_fetch
from allmende.files.store import Store
from allmende.files.tables import FileUpload
from allmende.files.upload import UNCLAIMED, copy, take_in, tidy
from allmende.testing import NOON
from sqlalchemy import func, select

from .photos import SVG, photo

HERE, THERE = "teststadt", "nachbardorf"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "files"))


async def claim(database: Database, city: str, ids: list[str], owner: str, **options: Any) -> None:
    async with database.transaction(city) as session:
        await service.claim(session, ids, "case", owner, **options)


async def count(database: Database, city: str = HERE) -> int:
    async with database.session(city) as session:
        return int(await session.scalar(select(func.count()).select_from(FileUpload)) or 0)


async def get(database: Database, id_: str, city: str = HERE) -> FileUpload:
    async with database.session(city) as session:
        return await session.get_one(FileUpload, {"city": city, "id": id_})


async def test_an_upload_that_is_sent_again_is_the_same_one(database: Database, store: Store) -> None:
    key, raw = str(uuid4()), photo()
    first = await take_in(database, store, HERE, raw, NOON, key)
    assert (await take_in(database, store, HERE, raw, NOON, key)).id == first.id
    assert (await take_in(database, store, THERE, raw, NOON, key)).id != first.id
    with pytest.raises(AllmendeError) as refused:
        await take_in(database, store, HERE, photo(100, 100), NOON, key)
    assert (refused.value.code, await count(database)) == ("IDEMPOTENCY_MISMATCH", 1)
    assert (await take_in(database, store, HERE, raw, NOON)).id != first.id, "without a key, each is a new one"


async def test_the_same_upload_ten_times_at_once_is_one(database: Database, store: Store) -> None:
    key, raw = str(uuid4()), photo(200, 100)
    files = await asyncio.gather(*(take_in(database, store, HERE, raw, NOON, key) for _ in range(10)))
    assert (len({file.id for file in files}), await count(database)) == (1, 1)


async def test_only_one_owner_gets_an_upload_and_only_in_its_city(database: Database, store: Store) -> None:
    file = await take_in(database, store, HERE, photo(), NOON)
    for city, ids in ((THERE, [file.id]), (HERE, [file.id, "0" * 32])):
        with pytest.raises(InputError) as refused:
            await claim(database, city, ids, "case:1")
        assert refused.value.code == "FILE_UNKNOWN"
    await claim(database, HERE, [file.id], "case:1", alts={file.id: "Eine Lampe"})
    await claim(database, HERE, [file.id], "case:1")
    with pytest.raises(InputError):
        await claim(database, HERE, [file.id], "case:2")
    claimed = await get(database, file.id)
    assert (claimed.owner, claimed.expires, claimed.alt) == ("case:1", None, "Eine Lampe")


async def test_what_nobody_claims_expires_with_its_bytes(database: Database, store: Store) -> None:
    wanted, unwanted = [await take_in(database, store, HERE, photo(), NOON) for _ in range(2)]
    await claim(database, HERE, [wanted.id], "case:1")
    assert await tidy(database, store, HERE, NOON + UNCLAIMED / 2) == 0
    assert await tidy(database, store, HERE, NOON + UNCLAIMED + timedelta(minutes=1)) == 1
    assert await count(database) == 1
    assert await store.get(HERE, wanted.id, "small")
    with pytest.raises(AllmendeError) as gone:
        await store.get(HERE, unwanted.id, "small")
    assert gone.value.code == "NOT_FOUND"


async def test_what_is_not_public_needs_an_address_that_only_the_server_can_make(
    database: Database, store: Store
) -> None:
    one, other = [await take_in(database, store, HERE, photo(), NOON) for _ in range(2)]
    path, _, query = address(one, "small", NOON).partition("?")
    until, key = (part.partition("=")[2] for part in query.split("&"))
    assert path == f"/{HERE}/files/{one.id}/small.jpg"
    assert may_fetch(one, "small", until, key, NOON)
    for file, size, given, now in (
        (other, "small", (until, key), NOON),
        (one, "full", (until, key), NOON),
        (one, "small", (str(int(until) + 1), key), NOON),
        (one, "small", ("", ""), NOON),
        (one, "small", ("9" * 40, key), NOON),
        (one, "small", (until, key), NOON + LINK + timedelta(minutes=6)),
    ):
        assert not may_fetch(file, size, *given, now)
    async with database.transaction(HERE) as session:
        await service.claim(session, [one.id], "case", "case:1", public=True)
    assert address(await get(database, one.id), "small", NOON) == path
    async with database.transaction(HERE) as session:
        await service.publish(session, "case:1", False)
    assert not may_fetch(await get(database, one.id), "small", "", "", NOON)


async def test_nothing_is_left_of_what_is_no_picture(database: Database, store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        await take_in(database, store, HERE, SVG, NOON)
    assert (await count(database), [*(tmp_path / "files").rglob("*.jpg")]) == (0, [])


async def test_files_that_wait_are_not_without_number(database: Database, store: Store, monkeypatch: Any) -> None:
    monkeypatch.setattr("allmende.files.upload.MOST_UNCLAIMED", 1)
    await take_in(database, store, HERE, photo(50, 50), NOON)
    with pytest.raises(AllmendeError) as refused:
        await take_in(database, store, HERE, photo(50, 50), NOON)
    assert refused.value.code == "FILES_FULL"
    assert await take_in(database, store, THERE, photo(50, 50), NOON), "another city has room of its own"


async def test_a_store_that_fails_leaves_a_row_that_expires(database: Database, tmp_path: Path) -> None:
    class Full(Store):
        async def put(self, *given: Any) -> None:
            raise OSError("no space left on device")

    key, raw = str(uuid4()), photo(50, 50)
    with pytest.raises(OSError, match="no space"):
        await take_in(database, Full(str(tmp_path / "full")), HERE, raw, NOON, key)
    async with database.session(HERE) as session:
        row = (await session.scalars(select(FileUpload))).one()
    assert (row.ready, row.expires) == (False, NOON + UNCLAIMED)
    with pytest.raises(InputError):
        await claim(database, HERE, [row.id], "case:1")
    assert (await take_in(database, Store(str(tmp_path / "ok")), HERE, raw, NOON, key)).ready, (
        "and a retry completes it"
    )


async def test_another_city_gets_bytes_of_its_own(database: Database, store: Store) -> None:
    file = await take_in(database, store, HERE, photo(), NOON)
    await copy(store, HERE, THERE, [file.id])
    await store.delete(HERE, file.id, ["small"])
    assert await store.get(THERE, file.id, "small")
