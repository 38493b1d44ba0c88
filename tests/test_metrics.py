"""What every request counts is summed up in memory first, and comes out as if it had been counted one by one."""

from __future__ import annotations

import asyncio

import pytest
from allmende import metrics
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram

BOUNDS = metrics._BUCKETS


def histogram() -> tuple[CollectorRegistry, Histogram]:
    registry = CollectorRegistry()
    return registry, Histogram("seconds", "…", registry=registry, buckets=BOUNDS)


def shown(registry: CollectorRegistry) -> dict[tuple[str, str], float]:
    """Without the moment at which the metric was made."""
    return {
        (sample.name, sample.labels.get("le", "")): pytest.approx(sample.value)
        for metric in registry.collect()
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


@given(st.lists(st.floats(0, 20) | st.sampled_from(BOUNDS)), st.integers(0, 50))
def test_durations_come_out_as_if_they_were_observed_one_by_one(seconds: list[float], between: int) -> None:
    (one_by_one, expected), (summed, made) = histogram(), histogram()
    timing = metrics.Timing(made)
    for number, value in enumerate(seconds):
        expected.observe(value)
        timing.observe(value)
        if number == between:
            metrics.flush()
    metrics.flush()
    metrics.flush()
    assert shown(summed) == shown(one_by_one)


def test_a_tally_is_handed_on_once() -> None:
    registry = CollectorRegistry()
    tally = metrics.Tally(Counter("things", "…", registry=registry).inc)
    for expected in (2.0, 4.0):
        tally.count += 2
        metrics.flush()
        metrics.flush()
        assert registry.get_sample_value("things_total") == expected


def test_who_looks_sees_what_was_counted_just_now() -> None:
    def kept() -> float:
        lines = metrics.text().decode().splitlines()
        return sum(
            float(line.split()[-1]) for line in lines if line.startswith('allmende_responses_total{source="kept"')
        )

    before, tally = kept(), metrics.Tally(metrics.RESPONSES.labels("kept").inc)
    tally.count += 3
    assert kept() == before + 3


async def test_what_was_counted_last_is_not_lost_when_a_worker_ends() -> None:
    registry = CollectorRegistry()
    tally = metrics.Tally(Counter("things", "…", registry=registry).inc)
    following = asyncio.create_task(metrics.follow())
    await asyncio.sleep(0)
    tally.count += 1
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    assert registry.get_sample_value("things_total") == 1
