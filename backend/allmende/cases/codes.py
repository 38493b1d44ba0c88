"""Numbers that people can say on the telephone, and receipts that nobody can guess."""

from __future__ import annotations

import hmac
import os
import re
from functools import lru_cache
from hashlib import sha256

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no I, L, O and U, which are misread. 256 is a multiple of 32, so bytes draw them evenly."""
_DRAWN = (ALPHABET * (256 // len(ALPHABET))).encode()
GROUPS, GROUP = 4, 5
"""Twenty characters are 100 bits: a million guesses a second for the age of the universe find none."""
_ALIKE = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
_RECEIPT = re.compile(f"[{ALPHABET}]{{{GROUPS * GROUP}}}")
_NUMBER = re.compile(r"[A-Z0-9]{1,3}-\d{4}-\d{6,8}")


def new_number(slug: str, year: int, digits: int = 6) -> str:
    """`MUS-2026-483920`: random, so that no counter has to be locked and nobody learns how many there are."""
    drawn = int.from_bytes(os.urandom(8), "big") % 10**digits  # evenly, but for one in 2**37
    return f"{_prefix(slug)}-{year}-{drawn:0{digits}}"


@lru_cache(maxsize=20_000)
def _prefix(slug: str) -> str:
    return re.sub(r"[^a-z0-9]", "", slug)[:3].upper()


def read_number(text: str) -> str:
    """The number as it is stored, from what somebody typed; empty where it is none."""
    number = re.sub(r"\s+", "", text[:60]).upper()
    return number if _NUMBER.fullmatch(number) else ""


def new_receipt() -> str:
    """`7K3QX-0V9TR-…`: shown once, to whoever has submitted the case."""
    return receipt_from(os.urandom(GROUPS * GROUP))[0]


def receipt_from(drawn: bytes) -> tuple[str, str]:
    """The receipt that these twenty random bytes make, and its fingerprint."""
    signs = drawn.translate(_DRAWN).decode()
    return f"{signs[:5]}-{signs[5:10]}-{signs[10:15]}-{signs[15:]}", _hashed(signs)


def fingerprint(receipt: str) -> str:
    """What is stored of a receipt, from what somebody typed; empty where it is none.

    A plain hash is enough: there are too many receipts to try them.
    """
    plain = receipt[:60].upper().translate(_ALIKE)
    return _hashed(plain) if _RECEIPT.fullmatch(plain) else ""


def _hashed(plain: str) -> str:
    return sha256(f"allmende receipt\x1f{plain}".encode()).hexdigest()


def same(stored: str, given: str) -> bool:
    """Whether two fingerprints are one, in a time that tells nothing. Nothing is the same as an empty one."""
    return hmac.compare_digest(stored or "-", given or "+")
