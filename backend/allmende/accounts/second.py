"""The second factor: codes of an authenticator app (TOTP, RFC 6238), and recovery codes for when it is lost."""

from __future__ import annotations

import io
import secrets
from hashlib import sha256
from typing import TYPE_CHECKING

import pyotp
from msgspec import Struct
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts.service import Accounts
from allmende.accounts.tables import Account
from allmende.errors import InputError, NotFound
from allmende.later import lazily

if TYPE_CHECKING:
    import segno
else:
    segno = lazily("segno")

STEP = 30
"""Seconds that a code is valid; the one before and the one after are taken too."""
CODES = 10
"""Recovery codes, each of which works once."""
_QUIET = {"synchronize_session": False}
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"


class Enrolment(Struct, frozen=True):
    """What a person needs to set up an authenticator app."""

    secret: str
    """To be typed where the picture cannot be scanned."""
    uri: str
    svg: str
    """The QR code of `uri`: a whole <svg> element, without scripts or styles."""


async def begin_enrolment(accounts: Accounts, city: str, account: str) -> Enrolment:
    """A new secret, which counts once a code of it was given; until then the old one does."""
    secret = pyotp.random_base32()
    async with accounts.database.transaction(city) as session:
        found = await session.get(Account, (city, account))
        if found is None or found.kind != "staff":
            raise NotFound("there is no such account")
        sealed = accounts.sealer.seal(secret.encode(), _purpose(city, account))
        await session.execute(update(Account).where(Account.id == account).values(totp_next=sealed))
        name, issuer = found.email or found.name, accounts.city(city).name
    uri = pyotp.TOTP(secret).provisioning_uri(name=name, issuer_name=issuer)
    return Enrolment(secret, uri, _svg(uri))


async def confirm_enrolment(accounts: Accounts, city: str, account: str, code: str) -> list[str]:
    """The new secret counts from now on. The recovery codes, which are shown this one time; InputError for a wrong
    code."""
    codes = ["".join(secrets.choice(_ALPHABET) for _ in range(16)) for _ in range(CODES)]
    async with accounts.database.transaction(city) as session:
        found = await session.get(Account, (city, account))
        if found is None or found.totp_next is None:
            raise NotFound("no second factor is being set up")
        step = _step(accounts, city, account, found.totp_next, code, 0)
        if step is None:
            raise InputError("code: it is not the one that the app shows now")
        kept = [_hash(one) for one in codes]
        values = {"totp": found.totp_next, "totp_next": None, "totp_step": step, "recovery": kept}
        await session.execute(update(Account).where(Account.id == account).values(**values), execution_options=_QUIET)
    return ["-".join(one[i : i + 4] for i in range(0, 16, 4)) for one in codes]


async def check_code(accounts: Accounts, session: AsyncSession, city: str, account: str, code: str) -> bool:
    """Whether the code is right; it is used up by that, in the caller's transaction."""
    statement = select(Account.totp, Account.totp_step, Account.recovery).where(Account.id == account)
    found = (await session.execute(statement.with_for_update())).one_or_none()
    if found is None or found.totp is None:
        return False
    step = _step(accounts, city, account, found.totp, code, found.totp_step)
    mine = update(Account).where(Account.id == account)
    if step is not None:
        await session.execute(mine.values(totp_step=step), execution_options=_QUIET)
        return True
    given = _hash(code)
    if given in found.recovery:
        left = [one for one in found.recovery if one != given]
        await session.execute(mine.values(recovery=left), execution_options=_QUIET)
        return True
    return False


def _step(accounts: Accounts, city: str, account: str, sealed: bytes, code: str, after: int) -> int | None:
    """The time step, later than `after`, of which this is the code."""
    digits = code.replace(" ", "")
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    totp = pyotp.TOTP(accounts.sealer.open(sealed, _purpose(city, account)).decode())
    now = int(accounts.clock().timestamp()) // STEP
    for step in (now, now - 1, now + 1):
        if step > after and secrets.compare_digest(totp.generate_otp(step), digits):
            return step
    return None


def _purpose(city: str, account: str) -> str:
    return f"totp {city} {account}"


def _hash(code: str) -> str:
    """Recovery codes are 80 random bits, so a plain hash will do."""
    normal = "".join(character for character in code.lower() if character in _ALPHABET)
    return sha256(normal.encode()).hexdigest()


def _svg(uri: str) -> str:
    out = io.BytesIO()
    segno.make(uri, error="m").save(out, kind="svg", scale=5, border=3, xmldecl=False, svgns=True, light="#fff")
    return out.getvalue().decode()
