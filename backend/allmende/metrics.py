"""What is counted, in the Prometheus text format.

Each worker counts into files of a folder that all of them share (PROMETHEUS_MULTIPROC_DIR, set by `allmende serve`), so
a scrape sees the sum of all workers, whichever of them answers it. Without the folder, a process shows itself only.
"""

from __future__ import annotations

import asyncio
import os
from bisect import bisect_left
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from weakref import WeakSet

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, start_http_server
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_own = CollectorRegistry()
_BUCKETS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)

REQUESTS = Counter("allmende_requests", "GraphQL requests by outcome.", ["outcome"], registry=_own)
RESPONSES = Counter(
    "allmende_responses", "Reads by GET: answered from the response cache, or made.", ["source"], registry=_own
)
REQUEST_SECONDS = Histogram("allmende_request_seconds", "Time of GraphQL requests.", registry=_own, buckets=_BUCKETS)
PLUGIN_FAILURES = Counter(
    "allmende_plugin_failures", "Failures of plugins, by code.", ["city", "plugin", "code"], registry=_own
)
FIELD_SECONDS = Histogram(
    "allmende_field_seconds", "Time of plugins' fields.", ["plugin", "field"], registry=_own, buckets=_BUCKETS
)
TURNED_AWAY = Counter("allmende_turned_away", "Requests that were turned away at the door.", ["code"], registry=_own)
DELIVERIES = Counter(
    "allmende_notify_deliveries", "Attempts to notify somebody, by outcome.", ["channel", "state"], registry=_own
)
LOOP_LAG = Gauge("allmende_loop_lag_seconds", "How late the event loop is.", registry=_own, multiprocess_mode="livemax")
BLOCKED = Counter("allmende_loop_blocked", "Times that the event loop stood still.", ["plugin"], registry=_own)
IMPORTS = Counter("allmende_import_runs", "Imports, by outcome.", ["plugin", "status"], registry=_own)
JOBS = Counter("allmende_job_runs", "Runs of plugins' jobs, by outcome.", ["plugin", "status"], registry=_own)
_BREAKER = Gauge(
    "allmende_breaker_open",
    "1 where the circuit breaker of a plugin in a city is open, in any worker.",
    ["city", "plugin"],
    registry=_own,
    multiprocess_mode="livemax",
)
_INFO = Gauge("allmende_info", "The version that runs.", ["version"], registry=_own, multiprocess_mode="livemax")


class Tally:
    """A counter of something that every request does. Raising one of Prometheus costs 3 µs: a worker counts in its own
    memory, and hands the sum on by `flush`."""

    def __init__(self, add: Callable[[float], None]) -> None:
        self.count = 0
        self._add = add
        _pending.add(self)

    def flush(self) -> None:
        count, self.count = self.count, 0
        if count:
            self._add(count)


class Timing:
    """The same for durations, in seconds. The library adds one at a time only, so this raises its buckets itself."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._counts, self._sum = [0] * (len(_BUCKETS) + 1), 0.0
        _pending.add(self)

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(_BUCKETS, seconds)] += 1
        self._sum += seconds

    def flush(self) -> None:
        counts, self._counts = self._counts, [0] * len(self._counts)
        total, self._sum = self._sum, 0.0
        for bucket, count in zip(self._histogram._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        if total:
            self._histogram._sum.inc(total)


_pending: WeakSet[Tally | Timing] = WeakSet()


def flush() -> None:
    """Hand on what this worker has counted in its memory."""
    for one in list(_pending):
        one.flush()


async def follow() -> None:
    """Hand it on every second until cancelled, and once more then."""
    try:
        while True:
            await asyncio.sleep(1)
            flush()
    finally:
        flush()


def started() -> None:
    """A worker has begun."""
    _INFO.labels(version("allmende")).set(1)


def set_breaker(city: str, plugin: str, *, is_open: bool) -> None:
    _BREAKER.labels(city, plugin).set(1 if is_open else 0)


def open_breakers() -> list[tuple[str, str]]:
    """(city, plugin) of the breakers that are open in any worker."""
    samples = (sample for metric in _metrics() if metric.name == "allmende_breaker_open" for sample in metric.samples)
    return sorted({(s.labels["city"], s.labels["plugin"]) for s in samples if s.value})


def serve(host: str, port: int) -> None:
    """Answer with the metrics in a thread of its own, for a process that serves nothing else."""
    registry = CollectorRegistry()
    registry.register(_Live())
    start_http_server(port, host, registry)


def text(*further: Metric) -> bytes:
    """Everything that is counted, and these facts that were gathered just now."""
    registry = CollectorRegistry()
    registry.register(_Given((*_metrics(), *further)))
    return generate_latest(registry)


def _metrics() -> list[Metric]:
    flush()
    folder = os.environ.get(FOLDER)
    if not folder:
        return list(_own.collect())
    registry = CollectorRegistry()
    _forget_the_dead(Path(folder))
    return list(MultiProcessCollector(registry, path=folder).collect())  # type: ignore[no-untyped-call]


def _forget_the_dead(folder: Path) -> None:
    """What counts only while its worker lives, of workers that do not. Counters of the dead stay in the sums."""
    for path in folder.glob("gauge_live*_*.db"):
        if not Path("/proc", path.stem.rpartition("_")[2]).exists():
            path.unlink(missing_ok=True)


class _Live:
    def collect(self) -> Iterator[Metric]:
        return iter(_metrics())


class _Given:
    def __init__(self, metrics: tuple[Metric, ...]) -> None:
        self.metrics = metrics

    def collect(self) -> Iterator[Metric]:
        return iter(self.metrics)
