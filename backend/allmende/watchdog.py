"""Notices when a plugin blocks the event loop, which nothing in the same thread could.

A thread looks whether the loop still turns. When it has stood still for a second, the plugin in whose code it stands is
shut out, in all workers; when it stands much longer, the worker ends itself, and `allmende serve` starts another one.
Code that never lets go of the interpreter (a runaway regular expression) stops this thread too: for that, the timer of
faulthandler ends the worker, and the stack that it leaves tells the others whom to shut out.
"""

from __future__ import annotations

import asyncio
import faulthandler
import os
import re
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import structlog

from allmende import metrics
from allmende.blocklist import Blocklist
from allmende.resting import Resting

log = structlog.get_logger(__name__)
TICK = 0.25
SLOW = 1.0
"""Seconds of standstill after which the culprit is shut out."""
LIMIT = 10.0
"""Seconds of standstill after which the worker ends, where there is somebody who starts another one."""
BUSY = 0.8
"""Share of the last two seconds in which the loop ran, or waited for a processor: then whatever takes long may be
nobody's fault."""


class Watchdog:
    """One per worker: `start` in the running loop, `stop` before it ends. `run` is the folder that workers share."""

    def __init__(self, folders: Mapping[str, Path], run: Path | None = None, *, limit: float = LIMIT) -> None:
        self.folders = {str(folder.resolve()) + os.sep: name for name, folder in folders.items()}
        self.run, self.limit = run, limit
        self.blocklist = Blocklist(run / "blocked" if run else None)
        self.resting = Resting(run / "resting" if run else None)
        self._stopped = threading.Event()
        self._asked: float | None = None
        self._dump: IO[str] | None = None
        self._wanted: deque[tuple[float, float]] = deque(maxlen=1 + round(2 / TICK))
        self._task: asyncio.Task[Any] | None = None
        """What the loop was at at the last look."""

    @property
    def busy(self) -> bool:
        """Whether the loop has more to do than it can, of whatever kind; never where the kernel does not tell."""
        if len(self._wanted) < 2:
            return False
        (began, before), (ended, after) = self._wanted[0], self._wanted[-1]
        return after - before > BUSY * (ended - began)

    def start(self) -> None:
        self._loop, self._ident = asyncio.get_running_loop(), threading.get_ident()
        self._scheduled = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        if self.run:
            try:
                self.run.mkdir(parents=True, exist_ok=True)
                self._dump = (self.run / f"stack-{os.getpid()}.txt").open("w", buffering=1)
                self._dump.write(f"loop 0x{self._ident:016x}\n")
            except OSError as error:  # no room on the disk: nobody will know what this worker died of
                log.warning("watchdog_without_folder", error=type(error).__name__)
            self._arm()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._stopped.set()
        if self._dump:
            faulthandler.cancel_dump_traceback_later()
            Path(self._dump.name).unlink(missing_ok=True)

    def _watch(self) -> None:
        missed = 0  # ticks, not seconds: a machine that was asleep is nobody's fault
        while not self._stopped.wait(TICK):
            self._look()
            with suppress(OSError):  # no file can be opened at the moment; the loop is watched all the same
                self._read_the_dead()
                self.blocklist.refresh()
                self.resting.refresh()
            if self._asked is None:
                missed, self._asked = 0, time.monotonic()
                try:
                    self._loop.call_soon_threadsafe(self._beat)
                except RuntimeError:  # the loop is closed
                    return
                continue
            missed = 0 if self._moves() else missed + 1
            if missed == round(SLOW / TICK):
                self._blocked()
            if self.run and missed * TICK >= self.limit:
                log.critical("worker_ends", reason="the event loop was blocked for too long")
                os._exit(70)

    def _look(self) -> None:
        """How long the loop's thread has run, and waited for a processor, so far (Linux: nanoseconds of each)."""
        try:
            ran, waited, *_ = map(int, self._scheduled.read_text().split())
        except (OSError, ValueError):
            return
        self._wanted.append((time.monotonic(), (ran + waited) / 1e9))

    def _moves(self) -> bool:
        """Whether one piece of work follows the other: then there is more to do than can be done, and nobody stands in
        the way."""
        task, self._task = self._task, asyncio.current_task(self._loop)
        if task is self._task or len(self._wanted) < 2:
            return False
        (began, before), (ended, after) = self._wanted[-2], self._wanted[-1]
        if after - before < BUSY * (ended - began):
            return False
        self._arm()
        return True

    def _beat(self) -> None:
        """In the loop: it turns."""
        if self._asked is not None:
            metrics.LOOP_LAG.set(time.monotonic() - self._asked)
        self._asked = None
        self._arm()

    def _arm(self) -> None:
        """Wind up the timer that ends this worker unless it is wound up again."""
        if self._dump and not self._stopped.is_set():
            faulthandler.dump_traceback_later(self.limit + 2, exit=True, file=self._dump)

    def _blocked(self) -> None:
        frame = sys._current_frames().get(self._ident)
        stack = traceback.extract_stack(frame) if frame else []
        plugin = self._culprit(entry.filename for entry in reversed(stack))
        # The lines of the stack without the values of variables: those may be somebody's personal data.
        self._shut_out(plugin, "".join(traceback.format_list(stack[-30:])))

    def _shut_out(self, plugin: str, stack: str) -> None:
        log.error("loop_blocked", plugin=plugin or "unknown", stack=stack)
        metrics.BLOCKED.labels(plugin).inc()
        if plugin:
            self.blocklist.block(plugin)

    def _culprit(self, files: Iterable[str]) -> str:
        """The plugin that the innermost of these files belongs to."""
        owners = (name for file in files for folder, name in self.folders.items() if file.startswith(folder))
        return next(owners, "")

    def _read_the_dead(self) -> None:
        """The stacks of workers that ended where this thread could not run."""
        for path in self.run.glob("stack-*.txt") if self.run else ():
            pid = path.stem.rpartition("-")[2]
            if Path("/proc", pid).exists():
                continue
            seen = path.with_suffix(".seen")
            try:
                path.rename(seen)  # one worker succeeds
            except OSError:
                continue
            loop, _, dump = seen.read_text(errors="replace").partition("\n")
            threads = re.split(r"^(?:Current thread|Thread) (0x[0-9a-f]+).*$", dump, flags=re.M)
            for ident, stack in zip(threads[1::2], threads[2::2], strict=True):
                if ident == loop.removeprefix("loop "):
                    self._shut_out(self._culprit(re.findall(r'File "([^"]+)"', stack)), stack[:4000])
            seen.unlink(missing_ok=True)
