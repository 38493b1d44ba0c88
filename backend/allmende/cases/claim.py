"""A case that is submitted again is found by the client's idempotency key, and has the same receipt again: on a bad
line, the phone cannot know whether the first try arrived.

Neither key nor receipt is stored. The key, which is random, is hashed (BLAKE2b, RFC 7693): a part of that stands in
the case, and under the rest the receipt is drawn from the case's id and the whole request. So it can be made again by
who has the key and asks for the same, and by nobody else.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec

from allmende.cases.codes import receipt_from
from allmende.once.keys import check_key


class Claim(NamedTuple):
    """A request under an idempotency key."""

    once: str
    """What stands in the case."""
    sealing: bytes
    request: bytes

    def receipt(self, case_id: str) -> tuple[str, str]:
        """The receipt of the case of this id and its fingerprint, if it was opened by this request; else others."""
        drawn = blake2b(self.request, digest_size=20, key=self.sealing, salt=bytes.fromhex(case_id))
        return receipt_from(drawn.digest())


def make_claim(key: str, request: Any) -> Claim:
    """`request` is what msgspec can encode. InputError for a key that cannot be used."""
    check_key(key)
    drawn = blake2b(key.encode(), digest_size=48, person=b"case.submit").digest()
    return Claim(drawn[:16].hex(), drawn[16:], msgspec.json.encode(request, order="sorted"))
