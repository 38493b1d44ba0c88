"""Who is shut out, and for how long: known to all workers, whatever the disk and the clock of the machine do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from allmende import blocklist, resting
from allmende.blocklist import PAUSE, TRIAL, Blocklist
from allmende.resting import Resting


class Clock:
    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for module in (blocklist, resting):
        monkeypatch.setattr(module, "time", clock)
    return clock


def test_other_workers_know_and_one_of_them_tries_when_the_pause_is_over(tmp_path: Path, clock: Clock) -> None:
    lists = [Blocklist(tmp_path / "blocked") for _ in range(3)]
    lists[0].block("stuck")
    for one in lists:
        one.refresh()
    assert [one.holds("stuck") for one in lists] == [True, True, True]
    clock.now += PAUSE
    assert [one.holds("stuck") for one in lists] == [False, True, True]


@pytest.mark.parametrize("hours", [-1, -24 * 365, 1])
def test_a_clock_that_jumps_shuts_nobody_out_for_longer(tmp_path: Path, clock: Clock, hours: int) -> None:
    here, there = Blocklist(tmp_path / "blocked"), Blocklist(tmp_path / "blocked")
    here.block("stuck")
    clock.now += 3600 * hours
    there.refresh()
    assert not there.holds("stuck"), "it may be tried"
    os.utime(tmp_path / "blocked" / "stuck.trying", (clock.now, clock.now))
    clock.now += 3600 * hours
    here.refresh()
    assert not here.holds("stuck"), "nothing has happened while it was tried"
    clock.now += TRIAL
    here.refresh()
    assert here.entries == {}


def test_what_rested_before_the_clock_was_set_back_is_not_shown_for_longer(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "resting").mkdir()
    (tmp_path / "resting" / f"{os.getppid()}.json").write_text(f'[["oben", "moody", {clock.now + 60}]]')
    here = Resting(tmp_path / "resting")
    here.refresh()
    assert here.now() == {("oben", "moody")}
    clock.now -= 3600
    assert here.now() == frozenset()


def test_where_nothing_can_be_written_this_worker_does_without_the_plugin(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("no folder")
    alone = Blocklist(tmp_path / "file" / "blocked")
    alone.block("stuck")
    alone.refresh()
    assert alone.holds("stuck")
    clock.now += PAUSE
    alone.refresh()
    assert not alone.holds("stuck")
    Resting(tmp_path / "file" / "resting").tell([(("oben", "moody"), 30.0)])
