"""One kept answer: its bytes, its ETag, what it rests on, and the headers that tell other caches how to keep it."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from msgspec import Struct

from allmende.usage import Asked

EDGE = 10
"""Seconds for which phones and CDNs may show an answer without asking."""
WHILE_ASKING = 20
"""Seconds on top for which they may show it while they ask in the background. Together, the longest that anybody sees
what has changed meanwhile."""
OVERHEAD = 1_000
"""Bytes that an entry takes besides its body, about."""


class Entry(Struct):
    """Kept by one worker. `seen` moves on with the board, everything else stays as it was made."""

    body: bytes
    tag: str
    """Fingerprint of the body, for the ETag."""
    vary: str
    slots: tuple[int, ...]
    counts: tuple[int, ...]
    """Counters of the board on which it rests, and their values before anything was read."""
    seen: int
    """The board's total at which it was last found to hold."""
    cities: Any
    """The loaded city folders that it was made from."""
    until: float
    """Seconds since the epoch; infinite where time plays no part."""
    asked: Asked | None = None
    """What is counted when it is given."""

    @property
    def size(self) -> int:
        return len(self.body) + OVERHEAD

    def age(self, now: float) -> int:
        """Seconds for which others may keep it from now on."""
        return EDGE if self.until - now >= EDGE else max(0, int(self.until - now))


def fingerprint(body: bytes) -> str:
    """What a strong ETag is made of: equal only for equal bytes, and the same in every worker."""
    return blake2b(body, digest_size=16).hexdigest()


def control(age: int) -> str:
    """The header Cache-Control (RFC 9111, RFC 5861)."""
    if age <= 0:
        return "public, no-cache"
    return f"public, max-age={age}, s-maxage={age}, stale-while-revalidate={min(WHILE_ASKING, 2 * age)}"
