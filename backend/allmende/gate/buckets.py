"""Token buckets, one per client, in bounded memory."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from time import monotonic

from allmende.gate.rules import Rules, too_many


class Buckets:
    """`take` for each request; a bucket fills by `rate` tokens a second, up to `burst`."""

    def __init__(self, rules: Rules, clock: Callable[[], float] = monotonic) -> None:
        self.rules, self.clock = rules, clock
        self._buckets: dict[str, tuple[float, float]] = {}

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: str, tokens: float = 1.0) -> None:
        """Raises Turned (429) where the bucket is empty."""
        left, now = self._filled(client)
        if left < tokens:
            self._put(client, left, now)
            raise too_many(ceil((tokens - left) / self.rules.rate))
        self._put(client, left - tokens, now)

    def charge(self, client: str, cost: int) -> None:
        """What a request turned out to cost is taken afterwards; the bucket may owe up to what it can hold."""
        left, now = self._filled(client)
        self._put(client, max(left - cost / self.rules.cost_per_request, -self.rules.burst), now)

    def _filled(self, client: str) -> tuple[float, float]:
        now = self.clock()
        left, before = self._buckets.pop(client, (self.rules.burst, now))
        return min(left + (now - before) * self.rules.rate, self.rules.burst), now

    def _put(self, client: str, left: float, now: float) -> None:
        """At the end of the dict, so that its beginning is who has not come for longest."""
        if len(self._buckets) >= self.rules.clients:
            del self._buckets[next(iter(self._buckets))]
        self._buckets[client] = (left, now)
