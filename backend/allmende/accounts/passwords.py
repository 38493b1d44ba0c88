"""Passwords by Argon2id (RFC 9106), a few at a time and never on the event loop."""

from __future__ import annotations

import asyncio
import unicodedata
from functools import cache
from weakref import WeakKeyDictionary

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from allmende.errors import InputError

LEAST, MOST = 12, 200
"""Characters; nothing else is asked of a password but that it is not the name of the account."""
AT_ONCE = 2
"""Each takes 64 MiB for a moment."""
_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def check_password(password: str, email: str) -> None:
    """InputError where a new password cannot be taken."""
    if not LEAST <= len(password) <= MOST:
        raise InputError(f"password: {LEAST} to {MOST} characters are needed")
    name = email.partition("@")[0].casefold()
    if len(set(password)) < 5 or name in password.casefold():
        raise InputError("password: it must not hold the name of the account, nor be one character many times")


async def hashed(password: str) -> str:
    """What is kept of a password."""
    async with _room():
        return await asyncio.to_thread(_hasher().hash, _normal(password))


async def verified(kept: str, password: str) -> tuple[bool, str]:
    """Whether it is the password, and what to keep instead if the parameters have become stronger (else empty).

    With nothing kept (no such account, or none with a password) it takes as long, and is false.
    """
    async with _room():
        return await asyncio.to_thread(_verified, kept, password[: MOST + 1])


def _verified(kept: str, password: str) -> tuple[bool, str]:
    hasher = _hasher()
    try:
        hasher.verify(kept or _nobodys(), _normal(password))
    except (VerificationError, InvalidHashError):
        return False, ""
    if not kept:
        return False, ""
    return True, hasher.hash(_normal(password)) if hasher.check_needs_rehash(kept) else ""


def _normal(password: str) -> str:
    """The same characters, whichever keyboard wrote them."""
    return unicodedata.normalize("NFKC", password)


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobodys() -> str:
    """The hash of a password that nobody has."""
    return _hasher().hash("nobody's")


def _room() -> asyncio.Semaphore:
    loop = asyncio.get_running_loop()
    if loop not in _rooms:
        _rooms[loop] = asyncio.Semaphore(AT_ONCE)
    return _rooms[loop]
