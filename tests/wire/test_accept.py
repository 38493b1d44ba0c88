"""Connections are spread over the workers, and taken by whoever is there when the others do not come."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from allmende.wire.accept import Crowd

from tests.cli.test_serve import needs_proc, sockets
from tests.server import eventually, running, workers


def opened(port: int, count: int) -> list[socket.socket]:
    """So many connections that stay, each of which was answered."""
    made = []
    for _ in range(count):
        one = socket.create_connection(("127.0.0.1", port), timeout=60)
        one.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert one.recv(1000).startswith(b"HTTP/1.1 200")
        made.append(one)
    return made


def evened_out(port: int, behind: int, ahead: int) -> list[socket.socket]:
    """Connections that come until one worker has caught up with the other. Where nobody looked at the others, half of
    them would go to each, and it never would; one by one they may go astray on a busy machine."""
    made: list[socket.socket] = []
    while len(sockets(ahead)) - len(sockets(behind)) > 8:
        assert len(made) < 200, (len(sockets(behind)), len(sockets(ahead)))
        made += opened(port, 8)
    return made


@needs_proc
def test_connections_go_to_the_worker_that_has_fewer_and_to_any_that_is_there(tmp_path: Path) -> None:
    """A worker that is stopped or killed has fewest, and takes none: nobody may wait for it."""
    environ = {"ALLMENDE_DATABASE": f"sqlite:///{tmp_path / 'none.sqlite'}"}
    with running(tmp_path, "serve", "--workers", "2", **environ) as server:
        port = int(server.url.rpartition(":")[2])
        eventually(lambda: len(workers(server.process)) == 2)
        stopped, other = workers(server.process)
        opened(port, 4)  # whatever is opened for the first request is there
        before = {pid: len(sockets(pid)) for pid in (stopped, other)}

        os.kill(stopped, signal.SIGSTOP)
        kept = opened(port, 40)
        assert len(sockets(other)) - before[other] >= 36
        os.kill(stopped, signal.SIGCONT)
        kept += evened_out(port, behind=stopped, ahead=other)

        os.kill(stopped, signal.SIGKILL)
        kept += opened(port, 10)
        eventually(lambda: len(workers(server.process)) == 2)
        (new,) = set(workers(server.process)) - {other}
        kept += evened_out(port, behind=new, ahead=other)


def test_a_worker_knows_whether_others_have_fewer_and_takes_the_place_of_the_dead(tmp_path: Path) -> None:
    here, there = Crowd(tmp_path), Crowd(tmp_path)
    for number in range(3):
        here.add(number)
    assert (here.is_ahead(), there.is_ahead()) == (True, False)
    for number in range(2):
        there.add(number)
    assert not here.is_ahead()
    there.discard(1)
    assert here.is_ahead()
    there.leave()
    assert not here.is_ahead(), "nobody else is left"
    dies = "import sys; from pathlib import Path; from allmende.wire.accept import Crowd; Crowd(Path(sys.argv[1]))"
    subprocess.run([sys.executable, "-c", dies, str(tmp_path)], check=True, timeout=60)
    assert here.is_ahead(), "one that has died is waited for until another one has its place"
    late = Crowd(tmp_path)
    late.coming = 9
    late.tell()
    assert (here.is_ahead(), late.is_ahead()) == (False, True)


def test_where_workers_cannot_know_of_each_other_they_take_what_comes(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("no folder")
    alone = Crowd(tmp_path / "run")
    alone.coming = 1000
    alone.tell()
    assert not alone.is_ahead()
