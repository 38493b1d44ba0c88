"""A retried mutation returns the first answer: on a bad line, the phone cannot know whether the first try arrived.

All of it happens in the mutation's own transaction, so there is an answer exactly if there is an effect. The answer may
hold a secret (a receipt): it is sealed under a key that is derived from the client's idempotency key (HKDF, RFC 5869;
AES-256-GCM), which is not stored.
"""

from __future__ import annotations

import hmac
import os
from datetime import datetime, timedelta
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.context import Context
from allmende.db.engine import Database
from allmende.db.rows import new_row
from allmende.db.upsert import insert_new
from allmende.errors import AllmendeError, InputError
from allmende.once.tables import OnceKey

RETENTION = timedelta(days=30)
"""For how long a retry gets the first answer."""
SHORTEST, LONGEST = 16, 128
"""Characters of a key. A random UUID has 36."""
_NONCE = 12
MISMATCH = "idempotencyKey: was used for another request; make a new key for each thing that is to be done"


async def claim(
    session: AsyncSession, ctx: Context[Any], what: str, key: str, request: Any, answer: bytes
) -> bytes | None:
    """Store the answer to this request under this key, before what it tells of is done; None where the key is new.

    Where it is not, the first answer: nothing is to be done then. `what` names the mutation, `request` is what it was
    given (msgspec can encode it). Another transaction that is at the same key right now is waited for. Raises
    InputError for a key that cannot be used, and IDEMPOTENCY_MISMATCH where the key was used for another request.
    """
    made = _row(ctx, what, key, request, answer)
    if await insert_new(session, made):
        return None
    first = (await session.execute(select(OnceKey.request, OnceKey.answer).where(OnceKey.id == made.id))).one()
    if not hmac.compare_digest(first.request, made.request):
        raise AllmendeError(MISMATCH, code="IDEMPOTENCY_MISMATCH")
    _, sealing, _ = _derive(what, key)
    return AESGCM(sealing).decrypt(first.answer[:_NONCE], first.answer[_NONCE:], made.id.encode())


def _row(ctx: Context[Any], what: str, key: str, request: Any, answer: bytes) -> OnceKey:
    check_key(key)
    id_, sealing, signing = _derive(what, key)
    nonce = os.urandom(_NONCE)
    return new_row(
        OnceKey,
        city=ctx.city.slug,
        id=id_,
        request=hmac.digest(signing, msgspec.json.encode(request, order="sorted"), "sha256").hex(),
        answer=nonce + AESGCM(sealing).encrypt(nonce, answer, id_.encode()),
        created=ctx.clock(),
    )


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
