"""The workers of `allmende serve` die, are stopped, or cannot begin: whoever can goes on, others take their places."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from allmende.serving import supervisor as supervised
from allmende.serving.said import Said
from allmende.serving.supervisor import Supervisor, adopt

from tests.cli.test_serve import data, needs_proc
from tests.disk import fill, small_disk
from tests.server import children, eventually, running, workers


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(24) as folder:
        yield folder


NURSERY = """
import os, signal, socket, sys, time
supervisor = socket.socket(fileno=int(sys.argv[3]))
with open({log!r}, "a") as log:
    log.write("loads\\n")
{begins}
while supervisor.recv(1):
    between = os.fork()
    if between:
        os.waitpid(between, 0)
    elif worker := os.fork():
        supervisor.send(b"worker %d\\n" % worker)
        os._exit(0)
    else:
        supervisor.send(b"ready %d\\n" % os.getpid())
        time.sleep(600)
"""
"""Loads nothing, and forks workers that do nothing."""
ALONE = """
supervisor.recv(1)
supervisor.send(b"alone %d\\nready %d\\n" % (os.getpid(), os.getpid()))
supervisor.close()
time.sleep(600)
"""


class House(NamedTuple):
    """A supervisor in this process, of workers that do nothing."""

    supervisor: Supervisor
    script: Path

    def write(self, begins: str = "") -> None:
        """From now on, this is what a nursery does first."""
        self.script.write_text(NURSERY.format(log=str(self.script.with_suffix(".log")), begins=begins))

    @property
    def loaded(self) -> int:
        """How often everything was loaded."""
        return len(self.script.with_suffix(".log").read_text().splitlines())

    @property
    def workers(self) -> list[int]:
        return [place.worker for place in self.supervisor.places if place.worker and not place.nursery]

    def until(self, holds: Callable[[], Any]) -> None:
        def stepped() -> Any:
            self.supervisor.step()
            return holds()

        eventually(stepped, pause=0.01)

    def wait_for_another(self, gone: int) -> None:
        self.until(lambda: len(self.workers) == 2 and gone not in self.workers)


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    for name, shorter in (("AGAIN", 0.2), ("LOOK", 0.05), ("GOODBYE", 0.05)):
        monkeypatch.setattr(supervised, name, shorter)
    adopt()
    house = House(Supervisor(0, 2, [sys.executable, str(tmp_path / "nursery.py")], Said()), tmp_path / "nursery.py")
    house.write()
    house.until(lambda: len(house.workers) == 2)
    yield house
    for pid in children(os.getpid()):
        if pid in house.workers or "nursery" in Path(f"/proc/{pid}/cmdline").read_text():
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    adopt(False)


@needs_proc
def test_workers_are_forked_from_one_process_which_is_gone_when_they_are_there(house: House) -> None:
    house.until(lambda: not house.supervisor.nurseries)
    assert house.loaded == 1


@needs_proc
def test_who_replaces_workers_is_kept_at_hand_while_they_die(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    first = set(house.workers)
    for _ in range(3):
        os.kill(house.workers[0], signal.SIGKILL)
        gone = house.workers[0]
        time.sleep(0.3)  # it has lived for longer than AGAIN
        house.wait_for_another(gone)
    assert house.loaded == 2
    assert len(first & set(house.workers)) == 1
    monkeypatch.setattr(supervised, "CALM", 0.0)
    house.until(lambda: not house.supervisor.nurseries)


@needs_proc
def test_a_worker_that_cannot_be_started_ends_nobody_who_answers(house: House) -> None:
    house.write("sys.exit(3)")
    survivor = house.workers[1]
    os.kill(house.workers[0], signal.SIGKILL)
    house.until(lambda: house.loaded == 4)
    assert not house.supervisor.ending
    assert house.workers == [survivor]
    assert house.supervisor.places[0].pause >= 0.4, "later and later"
    os.kill(survivor, signal.SIGKILL)
    house.until(lambda: house.supervisor.ending)
    assert house.supervisor.hopeless


@needs_proc
def test_workers_that_cannot_be_forked_load_for_themselves(house: House) -> None:
    house.write(ALONE)
    for gone in house.workers:
        os.kill(gone, signal.SIGKILL)
    before = set(house.workers)
    house.until(lambda: len(house.workers) == 2 and not before & set(house.workers))
    assert house.loaded == 3
    assert house.supervisor.nurseries == []


@needs_proc
def test_workers_are_renewed_one_by_one_from_what_is_installed_then_and_stay_where_that_cannot_begin(
    house: House,
) -> None:
    before = house.workers
    house.supervisor.signals.append(signal.SIGHUP)
    fewest = 2

    def renewed() -> bool:
        nonlocal fewest
        fewest = min(fewest, len(house.workers))
        return not house.supervisor.renewing and not house.supervisor.leaving and not set(before) & set(house.workers)

    house.until(renewed)
    assert (fewest, house.loaded) == (2, 2)
    house.write("sys.exit(3)")
    kept = house.workers
    house.supervisor.signals.append(signal.SIGHUP)
    house.until(lambda: house.loaded == 3 and not house.supervisor.renewing)
    assert house.workers == kept
    assert not house.supervisor.ending


@needs_proc
def test_there_are_as_many_workers_as_the_signals_say(house: House) -> None:
    house.supervisor.signals.append(signal.SIGTTIN)
    house.until(lambda: len(house.workers) == 3)
    last = house.workers[-1]
    house.supervisor.signals += [signal.SIGTTOU, signal.SIGTTOU, signal.SIGTTOU]
    house.until(lambda: len(house.workers) == 1 and not house.supervisor.leaving)
    assert last not in house.workers


@needs_proc
def test_a_worker_that_was_stopped_is_replaced_while_the_other_answers(tmp_path: Path) -> None:
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'none.sqlite'}", "ALLMENDE_PRODUCTION": "true"}
    with running(tmp_path, "serve", "--workers", "2", **environ) as server:
        eventually(lambda: len(workers(server.process)) == 2)
        first = workers(server.process)[0]
        os.kill(first, signal.SIGSTOP)
        eventually(lambda: len(set(workers(server.process)) - {first}) == 2)
        for _ in range(4):
            assert data(server.url, "{ __typename }") == {"__typename": "Query"}
        told = [json.loads(line) for line in server.log.read_text().splitlines()]
    said = [line["event"] for line in told if line.get("pid") == first]
    assert said == ["worker_was_stopped", "worker_ended"], "in the same form as what the workers say"


@needs_proc
def test_a_full_disk_under_the_folder_that_workers_share_keeps_no_worker_from_beginning(
    tmp_path: Path, disk: Path
) -> None:
    environ = {
        "ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'none.sqlite'}",
        "ALLMENDE_RUN": str(disk / "run"),
        "TMPDIR": str(disk),
    }
    with running(tmp_path, "serve", "--workers", "2", **environ) as server:

        def replace(one: int) -> None:
            os.kill(one, signal.SIGKILL)
            eventually(lambda: len(set(workers(server.process)) - {one}) == 2)

        eventually(lambda: len(workers(server.process)) == 2)
        fill(disk / "filler")
        for each in workers(server.process):
            replace(each)
        for _ in range(4):
            assert data(server.url, "{ __typename }") == {"__typename": "Query"}
