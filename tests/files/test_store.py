"""Where the bytes lie: the same in a folder and in a bucket of a server that speaks S3 (s3rver, under Node.js)."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from allmende.db.engine import Database
from allmende.errors import NotFound
from allmende.files.pictures import SIZES
from allmende.files.store import Store
from allmende.files.tables import FileUpload
from allmende.files.upload import UNCLAIMED, copy, take_in, tidy
from allmende.testing import NOON
from sqlalchemy import select

from tests import node

from .photos import photo

CITY, NEIGHBOUR = "teststadt", "nachbardorf"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Port of a server with an empty bucket `photos`."""
    program = node.packages(), str(node.MODULES / "s3rver/bin/s3rver.js")
    options = ("--directory", str(tmp_path_factory.mktemp("s3")), "--port", "0", "--configure-bucket", "photos")
    server = subprocess.Popen([*program, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert server.stdout is not None
    said = []
    for line in server.stdout:
        said.append(line)
        if "listening on" in line:
            break
    else:
        pytest.fail(f"s3rver did not start: {''.join(said)[-2000:]}")
    yield said[-1].strip().rpartition(":")[2]
    server.kill()
    server.wait()


@pytest.fixture(params=["folder", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    if request.param == "folder":
        return Store(str(tmp_path / "files"))
    port = request.getfixturevalue("bucket")
    for name, value in {
        "ENDPOINT": f"http://127.0.0.1:{port}",
        "ALLOW_HTTP": "true",
        "REGION": "eu-central-1",
        "ACCESS_KEY_ID": "S3RVER",
        "SECRET_ACCESS_KEY": "S3RVER",
    }.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    return Store(f"s3://photos/{tmp_path.name}")


async def test_what_is_put_is_there_is_replaced_and_goes(store: Store) -> None:
    id_, large = "ab" * 16, bytes(3_000_000)
    await store.put(CITY, id_, {"full": large, "small": b"one"})
    await store.put(CITY, id_, {"small": b"two"})
    assert (await store.get(CITY, id_, "full"), await store.get(CITY, id_, "small")) == (large, b"two")
    for city, other, size in ((NEIGHBOUR, id_, "small"), (CITY, "cd" * 16, "small"), (CITY, id_, "medium")):
        with pytest.raises(NotFound):
            await store.get(city, other, size)
    for _ in range(2):
        await store.delete(CITY, id_, SIZES)
    with pytest.raises(NotFound):
        await store.get(CITY, id_, "small")


async def test_an_upload_goes_its_whole_way(store: Store, database: Database) -> None:
    file = await take_in(database, store, CITY, photo(900, 600), NOON, "k" * 20)
    assert (await take_in(database, store, CITY, photo(900, 600), NOON, "k" * 20)).id == file.id
    small = await store.get(CITY, file.id, "small")
    assert (len(small), small[:3]) == (file.sizes["small"], b"\xff\xd8\xff")
    await copy(store, CITY, NEIGHBOUR, [file.id])
    assert await tidy(database, store, CITY, NOON + UNCLAIMED * 2) == 1
    with pytest.raises(NotFound):
        await store.get(CITY, file.id, "small")
    assert await store.get(NEIGHBOUR, file.id, "small") == small
    async with database.session(CITY) as session:
        assert (await session.scalars(select(FileUpload))).all() == []
