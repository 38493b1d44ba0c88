"""A circuit breaker per city and plugin: who has failed again and again is not asked for a while.

A worker admits by its own breakers; what rests in the others is shown, see `resting`. Only a plugin that blocks whole
workers is shut out in all of them, see `blocked` and watchdog.py. While the worker is `busy`, or the database silent
or locked, what took too long is nobody's failure.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from msgspec import Struct

from allmende import metrics
from allmende.resting import Resting

log = structlog.get_logger(__name__)


class Rules(Struct, frozen=True, kw_only=True):
    """Opens after `failures` within `window` seconds, if at least half of the requests in that time failed."""

    failures: int = 5
    window: float = 60.0
    pause: float = 30.0
    """Seconds until one request is let through to try; doubled with each try that fails, up to `longest`."""
    longest: float = 600.0


class _State(Struct):
    began: float
    failed: int = 0
    passed: int = 0
    pause: float = 0.0
    """0 while closed."""
    until: float = 0.0


class Breakers:
    """`admit` before a plugin is asked, `report` afterwards; both once per request, city and plugin."""

    def __init__(
        self,
        rules: Rules | None = None,
        clock: Callable[[], float] = time.monotonic,
        blocked: Callable[[str], bool] = lambda plugin: False,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self.rules, self.clock, self.blocked, self.busy = rules or Rules(), clock, blocked, busy
        self.resting = Resting()
        """What rests in the other workers of the machine."""
        self.turns = 0
        """How often one has opened or closed: while this and `resting` stay the same, so does `is_open`."""
        self.states: dict[tuple[str, str], _State] = {}
        """(City, plugin) → how those do that have failed lately; of the others there is nothing to remember."""

    def admit(self, city: str, plugin: str) -> bool:
        """Whether the plugin may be asked for this city now. While it is open, one request per pause tries."""
        if self.blocked(plugin):
            return False
        state = self.states.get((city, plugin))
        if state is None or not state.pause:
            return True
        now = self.clock()
        if now < state.until:
            return False
        state.until = now + self.rules.pause  # whoever comes next waits for the outcome of this one
        return True

    def report(self, city: str, plugin: str, *, failed: bool) -> None:
        """What became of a request that was admitted. Errors of the reader's input are no failures."""
        key = (city, plugin)
        state = self.states.get(key)
        if state is None and not failed:
            return
        now = self.clock()
        if state is None:
            state = self.states[key] = _State(began=now)
        if state.pause:
            self._tried(key, state, now, failed=failed)
            return
        if now - state.began > self.rules.window:
            if not failed:
                del self.states[key]
                return
            state.began, state.failed, state.passed = now, 0, 0
        state.failed += failed
        state.passed += not failed
        if state.failed >= max(self.rules.failures, state.passed):
            self._open(key, state, now, self.rules.pause)

    def is_open(self, city: str, plugin: str) -> bool:
        """Whether citizens of the city do without the plugin at the moment, in any worker; asking changes nothing."""
        state = self.states.get((city, plugin))
        return self.blocked(plugin) or (state is not None and state.pause > 0) or (city, plugin) in self.resting.now()

    def open_now(self) -> Iterator[tuple[str, str]]:
        """(city, plugin) of those that are open."""
        return (key for key, state in self.states.items() if state.pause)

    def _tried(self, key: tuple[str, str], state: _State, now: float, *, failed: bool) -> None:
        if failed:
            self._open(key, state, now, min(state.pause * 2, self.rules.longest))
        else:
            del self.states[key]
            self._turned(key, is_open=False)
            log.info("breaker_closed", **_names(key))

    def _open(self, key: tuple[str, str], state: _State, now: float, pause: float) -> None:
        state.pause, state.until = pause, now + pause
        self._turned(key, is_open=True)
        log.warning("breaker_opened", **_names(key), seconds=pause)

    def _turned(self, key: tuple[str, str], *, is_open: bool) -> None:
        self.turns += 1
        metrics.set_breaker(*key, is_open=is_open)
        now = self.clock()
        try:
            self.resting.tell((one, state.until - now) for one, state in self.states.items() if state.pause)
        except OSError as error:  # no room on the disk; then the others do not show it
            log.warning("breakers_not_told", error=type(error).__name__)


def _names(key: tuple[str, str]) -> dict[str, Any]:
    return {"city": key[0], "plugin": key[1]}
