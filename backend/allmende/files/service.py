"""Who owns what was uploaded, who may fetch it, and what becomes of what nobody wants."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.errors import InputError
from allmende.files.tables import FileUpload

LINK = timedelta(hours=1)
"""For how long a signed address works."""
_QUIET = {"synchronize_session": False}


async def claim(
    session: AsyncSession,
    ids: Sequence[str],
    purpose: str,
    owner: str,
    *,
    public: bool = False,
    alts: Mapping[str, str] | None = None,
) -> None:
    """Make these uploads part of something (`owner` is `case:<id>`, for instance), in the transaction that makes it.

    InputError (FILE_UNKNOWN) where one is not there, has expired, or is part of something else; what already is the
    owner's stays so.
    """
    if not ids:
        return
    mine = (FileUpload.id.in_(ids), FileUpload.ready, FileUpload.owner.in_(["", owner]))
    values = {"purpose": purpose, "owner": owner, "public": public, "expires": None}
    claimed = await session.scalars(
        update(FileUpload).where(*mine).values(**values).returning(FileUpload.id), execution_options=_QUIET
    )
    missing = sorted(set(ids) - set(claimed))
    if missing:
        raise InputError(
            f"files: {missing[0][:40]!r} is no upload that can be used; upload it again and use its new id",
            code="FILE_UNKNOWN",
        )
    for id_, alt in (alts or {}).items():
        await session.execute(
            update(FileUpload).where(FileUpload.id == id_, FileUpload.owner == owner).values(alt=alt[:500]),
            execution_options=_QUIET,
        )


async def describe(session: AsyncSession, id_: str, *, alt: str, focal: tuple[float, float] = (0.5, 0.5)) -> None:
    """Say what a picture shows, and what of it must stay visible when it is cropped (shares of width and height)."""
    if len(alt) > 500:
        raise InputError("alt: at most 500 characters", code="TOO_LONG")
    if not all(0 <= share <= 1 for share in focal):
        raise InputError("focal: shares between 0 and 1 are needed")
    values = {"alt": alt, "focal_x": focal[0], "focal_y": focal[1]}
    await session.execute(update(FileUpload).where(FileUpload.id == id_).values(**values), execution_options=_QUIET)


async def publish(
    session: AsyncSession, owner: str, public: bool, ids: Sequence[str] | None = None, *, purpose: str = ""
) -> None:
    """Let everybody fetch what belongs to the owner, or nobody without a signed address any more.

    Only these of it, or what has this purpose.
    """
    statement = update(FileUpload).where(FileUpload.owner == owner)
    if purpose:
        statement = statement.where(FileUpload.purpose == purpose)
    if ids is not None:
        statement = statement.where(FileUpload.id.in_(ids))
    await session.execute(statement.values(public=public), execution_options=_QUIET)


async def release(session: AsyncSession, owner: str, now: datetime, *, purpose: str = "") -> None:
    """The owner, or what it had for this purpose, is gone: nobody can fetch it, and the next tidying removes it."""
    statement = update(FileUpload).where(FileUpload.owner == owner)
    if purpose:
        statement = statement.where(FileUpload.purpose == purpose)
    values = {"public": False, "owner": "", "purpose": "released", "ready": False, "expires": now}
    await session.execute(statement.values(**values), execution_options=_QUIET)


async def owned(session: AsyncSession, owners: Iterable[str]) -> dict[str, list[FileUpload]]:
    """Owner → its files, oldest first; one statement for all."""
    found: dict[str, list[FileUpload]] = {owner: [] for owner in owners}
    statement = select(FileUpload).where(FileUpload.owner.in_(list(found))).order_by(FileUpload.created, FileUpload.id)
    for file in await session.scalars(statement):
        found[file.owner].append(file)
    return found


async def forget(session: AsyncSession, ids: Sequence[str]) -> None:
    """Remove the rows of these files; their bytes are the store's matter."""
    await session.execute(delete(FileUpload).where(FileUpload.id.in_(ids)), execution_options=_QUIET)


def address(file: FileUpload, size: str, now: datetime, lasting: timedelta = LINK) -> str:
    """Path under which the file can be fetched: for ever by everybody, or signed and for a while if it is private."""
    path = f"/{file.city}/files/{file.id}/{size}.jpg"
    if file.public:
        return path
    until = int((now.astimezone(UTC) + lasting).timestamp()) // 300 * 300
    return f"{path}?until={until}&key={signature(file, size, until)}"


def signature(file: FileUpload, size: str, until: int) -> str:
    """What only the server can make: an address without it, or for another file, size or time, is refused."""
    return hmac.new(file.secret.encode(), f"{file.id}/{size}/{until}".encode(), sha256).hexdigest()[:32]


def may_fetch(file: FileUpload, size: str, until: str, key: str, now: datetime) -> bool:
    """Whether this address of the file works now."""
    if file.public:
        return True
    if not until.isdigit() or len(until) > 12 or int(until) < now.timestamp():
        return False
    return hmac.compare_digest(signature(file, size, int(until)), key)
