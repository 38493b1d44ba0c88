"""A retried mutation returns the first answer: on a bad line, the phone cannot know whether the first try arrived.

All of it happens in the mutation's own transaction, so there is an answer exactly if there is an effect. The answer may
hold a secret (a receipt): it is sealed under a key that is derived from the client's idempotency key (HKDF, RFC 5869;
AES-256-GCM), which is not stored.
"""

from __future__ import annotations

import hmac
import os
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.context import Context
from allmende.db.engine import Database
from allmende.errors import AllmendeError, InputError
from allmende.once.tables import OnceKey

RETENTION = timedelta(days=30)
"""For how long a retry gets the first answer."""
SHORTEST, LONGEST = 16, 128
"""Characters of a key. A random UUID has 36."""
_NONCE = 12


async def earlier(session: AsyncSession, ctx: Context[Any], what: str, key: str, request: Any) -> bytes | None:
    """The first answer to this request under this key; None where it is new, and `keep` has to follow.

    `what` names the mutation, `request` is what it was given (msgspec can encode it). Another transaction that is at
    the same key right now is waited for. Raises InputError for a key that cannot be used, and IDEMPOTENCY_MISMATCH
    where the key was used for another request.
    """
    check_key(key)
    id_, sealing, signing = _derive(what, key)
    fingerprint = hmac.new(signing, msgspec.json.encode(request, order="sorted"), sha256).hexdigest()
    statement = _insert(session).values(id=id_, request=fingerprint, answer=b"", created=ctx.clock())
    claimed = await session.scalar(statement.on_conflict_do_nothing().returning(OnceKey.id))
    if claimed is not None:
        return None
    row = (await session.execute(select(OnceKey.request, OnceKey.answer).where(OnceKey.id == id_))).one()
    if not hmac.compare_digest(row.request, fingerprint):
        raise AllmendeError(
            "idempotencyKey: was used for another request; make a new key for each thing that is to be done",
            code="IDEMPOTENCY_MISMATCH",
        )
    if not row.answer:
        raise RuntimeError(f"{what} was committed without once.keep")
    return AESGCM(sealing).decrypt(row.answer[:_NONCE], row.answer[_NONCE:], id_.encode())


async def keep(session: AsyncSession, what: str, key: str, answer: bytes) -> None:
    """Store the answer to what `earlier` said is new, in the same transaction."""
    id_, sealing, _ = _derive(what, key)
    nonce = os.urandom(_NONCE)
    sealed = nonce + AESGCM(sealing).encrypt(nonce, answer, id_.encode())
    await session.execute(update(OnceKey).where(OnceKey.id == id_).values(answer=sealed))


def check_key(key: str) -> None:
    """InputError for a key that is too short to be nobody else's, too long, or has blanks in it."""
    if not SHORTEST <= len(key) <= LONGEST or not key.isascii() or not key.isprintable() or " " in key:
        allowed = f"{SHORTEST} to {LONGEST} ASCII characters are needed, without blanks"
        raise InputError(f"idempotencyKey: {allowed}; a random UUID is best")


async def forget_old(database: Database, city: str, now: datetime) -> None:
    """Forget the keys of this city that are older than RETENTION."""
    async with database.transaction(city) as session:
        await session.execute(delete(OnceKey).where(OnceKey.created < now - RETENTION))


def _derive(what: str, key: str) -> tuple[str, bytes, bytes]:
    """Id of the row, key that seals the answer, key that signs the request."""
    raw = HKDF(algorithm=SHA256(), length=96, salt=None, info=f"allmende once\x1f{what}".encode()).derive(key.encode())
    return raw[:32].hex(), raw[32:64], raw[64:]


def _insert(session: AsyncSession) -> Any:
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    return dialect.insert(OnceKey)
