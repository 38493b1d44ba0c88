"""The workers of `allmende serve` die, are stopped, or cannot begin: whoever can goes on, others take their places."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from allmende.cli import workers as supervised
from allmende.cli.workers import Workers
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors.multiprocess import Process

from tests.cli.test_serve import data, needs_proc
from tests.disk import fill, small_disk
from tests.server import eventually, running, workers


@pytest.fixture
def disk() -> Iterator[Path]:
    with small_disk(24) as folder:
        yield folder


class Short(Process):
    """A worker that cannot begin, as where it is refused what it needs."""

    def target(self, sockets: list[socket.socket] | None = None) -> None:
        os._exit(STARTUP_FAILURE)


class Few(Workers):
    """Those that take another one's place are short-lived."""

    def _started(self) -> Any:
        worker = (Short if self.processes else Process)(self.config, self.sockets)
        worker.start()
        self.tried += 1
        return worker

    tried = 0


def test_a_worker_that_cannot_be_started_ends_nobody_who_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervised, "AGAIN", 0.2)
    config = Config("tests.cli.test_workers:nothing", port=0, lifespan="off", log_config=None, workers=1)
    few = Few(config, [config.bind_socket()])
    few.processes = [few._started()]
    few.processes.append(few._started())
    survivor = few.processes[0]
    try:

        def replaced() -> bool:
            few.keep_subprocess_alive()
            return few.tried == 5

        eventually(replaced)
        assert not few.should_exit.is_set()
        assert survivor.process.is_alive()
        assert few.pauses[1] >= 0.4, "later and later"
        survivor.kill()
        survivor.join()
        eventually(lambda: few.keep_subprocess_alive() or few.should_exit.is_set())
        assert few.hopeless
    finally:
        for worker in few.processes:
            worker.kill()


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    """An application."""


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
        eventually(lambda: len(workers(server.process)) == 2)
        fill(disk / "filler")
        for first in workers(server.process):
            os.kill(first, signal.SIGKILL)
            eventually(lambda gone=first: len(set(workers(server.process)) - {gone}) == 2)  # type: ignore[misc] # mypy cannot infer a lambda with a default
        for _ in range(4):
            assert data(server.url, "{ __typename }") == {"__typename": "Query"}
