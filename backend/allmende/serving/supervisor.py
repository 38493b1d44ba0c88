"""Starts the workers of `allmende serve`, watches over them, and replaces them.

It loads nothing of what workers are made of, so it is small, and lives where that cannot be loaded. A nursery forks
them: see docs/adr/0062-workers-are-forked-from-what-is-loaded-once.md.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from allmende.serving.growth import Growth
from allmende.serving.places import NURSERY, Nursery, Place, send
from allmende.serving.said import Said
from allmende.stderr import keep_stderr

HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD)
"""SIGCHLD: a process has ended, which is looked at in any case."""
LOOK = 0.5
"""Seconds between two looks at the workers, when nothing happens."""
GOODBYE = 0.5
"""Seconds for live connections to be told that a worker ends."""
AGAIN = 5.0
"""Seconds within which a worker that was just replaced must not end again: then another one would not live either."""
LONGEST = 60.0
"""Seconds at most between two attempts at a worker that cannot live, while others do."""
STOPPED = 10.0
"""Seconds after which a worker that was stopped is replaced."""
READY = 120.0
"""Seconds in which a worker that is to take another one's place must be ready."""
CALM = 300.0
"""Seconds since the last worker ended after which no nursery is kept at hand."""
FAILURE = 3
"""With which a process ends that could not even begin."""
SUBREAPER = 36
"""prctl: processes whose parent has ended become this one's children (Linux)."""


class Supervisor:
    """Of the workers that listen on this socket."""

    def __init__(self, listening: int, wanted: int, command: Sequence[str], log: Said, largest: int = 0) -> None:
        self.listening, self.command, self.log = listening, command, log
        self.growth = Growth(largest, log)
        self.places = [Place() for _ in range(wanted)]
        self.line, self._end_of_line = os.pipe()
        """Nothing is written into it: who reads learns that the only process that could is no more."""
        self.nurseries: list[Nursery] = []
        self.alone = False
        """Workers cannot be forked: each loads for itself."""
        self.trouble = -CALM
        """When the last worker ended that was not told to."""
        self.ready: set[int] = set()
        """Workers that have begun, of which no more is known yet."""
        self.renewing: list[Place] = []
        self.candidate: Place | None = None
        """Who takes the place of the first of these as soon as it is ready."""
        self.leaving: dict[int, float] = {}
        """Workers that were told goodbye: when they are told to end; 0 once they were."""
        self.ending = self.hopeless = False
        self.signals: list[int] = []
        self._woken, self._wake = os.pipe()
        for end in (self._woken, self._wake):
            os.set_blocking(end, False)

    def run(self) -> int:
        """Until a signal says that it is to end, or no worker can begin; the code to end with."""
        signal.set_wakeup_fd(self._wake, warn_on_full_buffer=False)
        for number in HANDLED:
            signal.signal(number, lambda number, frame: self.signals.append(number))
        adopt()
        while not self.ending:
            self.step()
        self._end()
        return FAILURE if self.hopeless else 0

    def step(self) -> None:
        """Wait a little, unless something happens, and do what is to be done about that."""
        if not self.ending:
            self._fill()
            self._rest()
        dead = _dead()  # before it is heard what they said: that they are there comes before that they are not
        for nursery in tuple(self.nurseries):
            for word, pid in nursery.heard():
                self._hear(nursery, word, pid)
        for pid, code in dead.items():
            self._gone(pid, code)
        while self.signals:
            self._handle(self.signals.pop(0))
        now = time.monotonic()
        for place in self.places:
            self._wake_up(place, now)
        if not self.renewing and self.candidate is None:
            grown = self.growth.too_large([place.worker for place in self.places], now)
            self.renewing = [] if grown is None else [self.places[grown]]
        self._renew(now)
        self._send_away(now)
        if now - self.trouble >= CALM and not self.renewing:
            for nursery in self.nurseries:
                if nursery.forks and not any(place.nursery is nursery for place in self.places):
                    nursery.let_go()

    def _rest(self) -> None:
        waiting = select.poll()
        for number in (self._woken, *(nursery.channel.fileno() for nursery in self.nurseries)):
            waiting.register(number, select.POLLIN)
        waiting.poll(LOOK * 1000)
        with suppress(BlockingIOError):
            while os.read(self._woken, 512):
                pass

    def _fill(self) -> None:
        """Ask for a worker at each place that has none, and whose time has come."""
        now = time.monotonic()
        for place in self.places:
            if place.worker == 0 and place.nursery is None and now >= place.due:
                place.ask(self._nursery(), now)

    def _nursery(self) -> Nursery:
        for nursery in self.nurseries:
            if nursery.forks:
                return nursery
        self.nurseries.append(Nursery(self.listening, self.line, self.command, forks=not self.alone))
        return self.nurseries[-1]

    def _all(self) -> list[Place]:
        return [*self.places, *([self.candidate] if self.candidate else ())]

    def _hear(self, nursery: Nursery, word: str, pid: int) -> None:
        asked = [place for place in self._all() if place.nursery is nursery]
        waiting = [place for place in asked if not place.worker]
        if word == "ready":
            self.ready.add(pid)  # which may be heard before it is heard that it is there
        elif waiting:
            place = waiting.pop(0)
            place.worker, place.began = pid, time.monotonic() if place.vacated else 0.0
        else:  # whose place was taken away meanwhile
            self.leaving[pid] = time.monotonic()
        for place in asked:
            if place.worker in self.ready:
                self.ready.remove(place.worker)
                place.nursery = None
        if word == "alone":
            self.alone, nursery.forks = True, False
            for place in waiting:
                place.nursery = None
        elif word == "ready" and nursery.pid == pid:  # it is that worker, and says no more
            self._forget(nursery)

    def _gone(self, pid: int, code: int) -> None:
        """A process has ended. What it was asked for, others are asked for."""
        self.leaving.pop(pid, None)
        self.ready.discard(pid)
        left = next((nursery for nursery in self.nurseries if nursery.pid == pid), None)
        if left:
            self._forget(left)
        vacant = [one for one in self._all() if one.worker == pid or (left and one.nursery is left and not one.worker)]
        for place in vacant:
            place.nursery = None
        for place in vacant:
            if place is self.candidate:
                self._stay(pid)
            else:
                self._vacate(place, pid, code)

    def _forget(self, nursery: Nursery) -> None:
        self.nurseries.remove(nursery)
        nursery.channel.close()

    def _vacate(self, place: Place, pid: int, code: int) -> None:
        """Another one takes its place at once; if it hardly lived, later and later, as long as there are others who
        answer, or will."""
        now = time.monotonic()
        failed = code == FAILURE or place.worker == 0 or now - place.began < AGAIN
        place.worker, place.vacated, self.trouble = 0, True, now
        if failed and not any(other.worker or other.nursery for other in self.places):
            if not self.ending:
                self.log.critical("workers_cannot_begin", pid=pid, code=code)
            self.hopeless = self.ending = True
            return
        place.pause = min(max(place.pause * 2, AGAIN), LONGEST) if failed else 0.0
        self.log.warning("worker_ended", pid=pid, code=code, another_in=place.pause)
        place.due = now + place.pause

    def _handle(self, number: int) -> None:
        if number == signal.SIGHUP:
            for nursery in self.nurseries:
                nursery.let_go()  # it has loaded what was installed before
            if self.candidate:
                self.candidate.send(signal.SIGKILL)
                self.candidate = None
            self.alone, self.renewing = False, list(self.places)
        elif number == signal.SIGTTIN:
            self.places.append(Place())
        elif number == signal.SIGTTOU:
            if len(self.places) > 1:
                self._goodbye(self.places.pop().worker)
        elif number in (signal.SIGINT, signal.SIGTERM):
            self.ending = True

    def _renew(self, now: float) -> None:
        """One by one, workers are replaced by such as have loaded what is installed now, which may be other code."""
        self.renewing = [place for place in self.renewing if place in self.places]
        if self.candidate is None:
            if self.renewing and not self.leaving:
                self.candidate = Place()
                self.candidate.ask(self._nursery(), now)
        elif self.candidate.nursery is None:
            place = self.renewing.pop(0) if self.renewing else self.candidate
            self._goodbye(place.worker)
            place.worker, place.nursery, place.began = self.candidate.worker, None, now
            self.candidate = None
        elif now - self.candidate.asked > READY:
            self.candidate.send(signal.SIGKILL)
            self._stay(self.candidate.worker)

    def _stay(self, pid: int) -> None:
        self.log.error("worker_not_ready", pid=pid, reason="the workers there are stay")
        self.candidate, self.renewing = None, []

    def _goodbye(self, pid: int) -> None:
        """Live connections are told before the worker ends, which closes all sockets."""
        if pid:
            send(pid, signal.SIGUSR1)
            self.leaving[pid] = time.monotonic() + GOODBYE

    def _send_away(self, now: float) -> None:
        for pid, when in self.leaving.items():
            if 0 < when <= now:
                send(pid, signal.SIGTERM)
                self.leaving[pid] = 0.0

    def _wake_up(self, place: Place, now: float) -> None:
        """End it if it was stopped (SIGSTOP) a while ago: it answers nobody, and its watchdog stands still as well."""
        if not place.worker or not _is_stopped(place.worker):
            place.stopped = 0.0
        elif not place.stopped:
            place.stopped = now
        elif now - place.stopped >= STOPPED:
            self.log.warning("worker_was_stopped", pid=place.worker)
            place.send(signal.SIGKILL)

    def _end(self) -> None:
        for place in self._all():
            self._goodbye(place.worker)
        for nursery in self.nurseries:
            if nursery.pid not in self.leaving:
                send(nursery.pid, signal.SIGKILL)
        time.sleep(GOODBYE)
        self._send_away(time.monotonic())
        while self.leaving:
            try:
                pid, _ = os.wait()
            except ChildProcessError:
                return
            self.leaving.pop(pid, None)


def adopt(wanted: bool = True) -> None:
    """Processes whose parent has ended are this one's children from now on."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(SUBREAPER, int(wanted), 0, 0, 0)


def _dead() -> dict[int, int]:
    """Processes that have ended, and with which code."""
    dead = {}
    with suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            dead[pid] = os.waitstatus_to_exitcode(status)
    return dead


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except (OSError, IndexError):
        return False


def main(listening: int, wanted: int, largest: int, form: str, folder: str) -> int:
    """`listening` is the number of a socket, `largest` how many megabytes a worker may have (0: any), `form` that of
    the log, and `folder` what workers share; it is removed at the end."""
    keep_stderr()
    try:
        return Supervisor(listening, wanted, [*NURSERY, folder], Said(production=form == "production"), largest).run()
    finally:
        import shutil  # a megabyte, which is needed only now

        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _, *numbers, form, folder = sys.argv
    listening, wanted, largest = map(int, numbers)
    sys.exit(main(listening, wanted, largest, form, folder))
