"""Takes in a file, and takes out what nobody wants any more."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from hashlib import blake2b, sha256
from uuid import uuid4

import structlog
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from allmende.db.engine import Database
from allmende.errors import AllmendeError, InputError, NotFound
from allmende.files.pictures import SIZES, Picture, read_picture
from allmende.files.service import forget
from allmende.files.store import Store
from allmende.files.tables import FileUpload

log = structlog.get_logger(__name__)
MAX_BYTES = 20_000_000
"""Of one file."""
UNCLAIMED = timedelta(hours=48)
"""How long a file waits for what it is a part of: a report that is written offline, with a photo that went ahead."""
MOST_UNCLAIMED = 5_000
"""Files of one city that wait; further ones are turned away until some are claimed or have expired."""
AT_ONCE = 2
"""Pictures that one process decodes at the same time: each may need a quarter of a gigabyte."""
BATCH = 200
_workers = ThreadPoolExecutor(AT_ONCE, "pictures")


async def take_in(database: Database, store: Store, city: str, raw: bytes, now: datetime, key: str = "") -> FileUpload:
    """Check and keep an upload. With a `key` (the client's, random), an upload that is sent again is the same one.

    InputError for what is no picture that can be used (see `read_picture`), IDEMPOTENCY_MISMATCH where the key was
    used for another file, FILES_FULL where too many wait already. The row comes first, then the bytes: what is left
    half way expires.
    """
    if len(raw) > MAX_BYTES:
        raise InputError(f"the file has more than {MAX_BYTES} bytes", code="LIMIT_BODY")
    if not raw:
        raise InputError("the body is empty; send the bytes of the picture", code="FILE_TYPE")
    digest = sha256(raw).hexdigest()
    id_ = _keyed(city, key) if key else uuid4().hex
    there = await _there(database, city, id_, digest)
    if there is not None and there.ready:
        return there
    picture = await decode(raw)
    if there is None:
        await _make_row(database, city, id_, digest, now)
    await store.put(city, id_, picture.sizes)
    async with database.transaction(city) as session:
        row = await session.get_one(FileUpload, {"city": city, "id": id_}, with_for_update=True)
        row.ready, row.width, row.height = True, picture.width, picture.height
        row.sizes = {size: len(content) for size, content in picture.sizes.items()}
    return row


async def uploaded(database: Database, city: str, key: str) -> FileUpload | None:
    """What was taken in with this key, while it is there."""
    async with database.session(city) as session:
        row = await session.get(FileUpload, {"city": city, "id": _keyed(city, key)})
    return row if row is not None and row.ready else None


def _keyed(city: str, key: str) -> str:
    return blake2b(f"{city}\x1f{key}".encode(), digest_size=16).hexdigest()


async def decode(raw: bytes) -> Picture:
    """In a thread, and not too many at once."""
    return await asyncio.get_running_loop().run_in_executor(_workers, read_picture, raw)


async def _there(database: Database, city: str, id_: str, digest: str) -> FileUpload | None:
    async with database.session(city) as session:
        row = await session.get(FileUpload, {"city": city, "id": id_})
    if row is not None and row.digest != digest:
        raise AllmendeError(
            "Idempotency-Key: was used for another file; make a new one for each", code="IDEMPOTENCY_MISMATCH"
        )
    return row


async def _make_row(database: Database, city: str, id_: str, digest: str, now: datetime) -> None:
    try:
        async with database.transaction(city) as session:
            waiting = select(func.count()).select_from(FileUpload).where(FileUpload.expires.is_not(None))
            if (await session.scalar(waiting) or 0) >= MOST_UNCLAIMED:
                raise AllmendeError("too many files wait to be used; try again later", code="FILES_FULL")
            session.add(FileUpload(id=id_, digest=digest, created=now, expires=now + UNCLAIMED))
    except IntegrityError:
        await _there(database, city, id_, digest)  # the same upload came twice at once


async def copy(store: Store, from_city: str, to_city: str, ids: list[str]) -> None:
    """Let another city have the bytes of these files, too."""
    for id_ in ids:
        await store.put(to_city, id_, {size: await store.get(from_city, id_, size) for size in SIZES})


async def duplicate(
    database: Database, store: Store, source: str, city: str, ids: Mapping[str, str], now: datetime
) -> None:
    """Copy these files of a city for another one, or for itself: id → id of the copy.

    Nobody owns the copies yet, so they expire like uploads. From another city only what everybody may fetch there is
    taken; what is not there (any more) is left out.
    """
    async with database.session(source) as session:
        wanted = select(FileUpload).where(FileUpload.id.in_(list(ids)), FileUpload.ready)
        if source != city:
            wanted = wanted.where(FileUpload.public)
        files = (await session.scalars(wanted)).all()
    for file in files:
        id_ = ids[file.id]
        there = await _there(database, city, id_, file.digest)
        if there is not None and there.ready:
            continue
        try:
            sizes = {size: await store.get(source, file.id, size) for size in file.sizes}
        except NotFound:
            continue
        if there is None:
            await _make_row(database, city, id_, file.digest, now)
        await store.put(city, id_, sizes)
        async with database.transaction(city) as session:
            row = await session.get_one(FileUpload, {"city": city, "id": id_}, with_for_update=True)
            for name in ("width", "height", "sizes", "alt", "focal_x", "focal_y"):
                setattr(row, name, getattr(file, name))
            row.ready = True


async def tidy(database: Database, store: Store, city: str, now: datetime) -> int:
    """Remove the files of this city that have expired; how many they were.

    First nobody can claim them any more, then the bytes go, then the rows: what is left half way is done by the next.
    """
    expired = select(FileUpload.id).where(FileUpload.expires < now, FileUpload.owner == "").limit(BATCH)
    async with database.transaction(city) as session:
        doomed = update(FileUpload).where(FileUpload.id.in_(expired), FileUpload.owner == "").values(ready=False)
        options = {"synchronize_session": False}
        ids = list(await session.scalars(doomed.returning(FileUpload.id), execution_options=options))
    for id_ in ids:
        await store.delete(city, id_, SIZES)
    if ids:
        async with database.transaction(city) as session:
            await forget(session, ids)
        log.info("files_tidied", city=city, files=len(ids))
    return len(ids)
