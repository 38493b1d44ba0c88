"""What is logged: whole lines of one form that no client can forge, and nobody who waits for them."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
from pathlib import Path

import pytest
from allmende.log import LONGEST
from allmende.stderr import Stderr

FORGED = 'x"}\n{"event": "forged", "level": "info"}\r\x1b[2J\x1b]0;mine\x07 ' + "y" * 100_000
SAYS = """
import logging, sys, structlog
from allmende.log import configure_logging
from allmende.stderr import keep_stderr
keep_stderr()
configure_logging(production=sys.argv[1] == "production")
given = sys.stdin.read()
log = structlog.get_logger()
log.warning("heard", name=given, path=["city", given])
logging.getLogger("some.library").error("said: %s", given)
try:
    raise ValueError(given)
except ValueError:
    log.exception("raised")
    logging.getLogger("asyncio").exception("raised there")
"""


def said(mode: str) -> bytes:
    done = subprocess.run([sys.executable, "-c", SAYS, mode], input=FORGED.encode(), capture_output=True, check=True)
    assert done.stdout == b""
    return done.stderr


def test_in_production_each_line_is_an_event_whoever_says_it_and_whatever_is_in_it() -> None:
    lines = said("production").splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["event"][:5] for event in events] == ["heard", "said:", "raise", "raise"]
    assert [event.get("library") for event in events] == [None, "some.library", None, "asyncio"]
    assert {event["level"] for event in events} == {"warning", "error"}
    assert all("ValueError" in event["exception"] for event in events[2:])
    assert max(map(len, lines)) < 3 * LONGEST
    assert all(32 <= byte < 127 for line in lines for byte in line)


def test_in_development_no_value_steers_the_terminal_or_begins_a_line() -> None:
    told = said("development")
    assert b"\x1b" not in told
    assert b"\x07" not in told
    assert b'\n{"event"' not in told[: told.index(b"Traceback")]


def test_a_full_disk_takes_lines_and_nothing_else() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no disk that is always full")
    with full.open("wb", buffering=0) as file:
        assert Stderr(file.fileno()).write(b"lost\n") == 5


def test_who_logs_into_a_pipe_that_nobody_reads_does_not_wait_and_begins_anew_when_it_is_read() -> None:
    reading, writing = os.pipe()
    log = Stderr(writing)
    line = b"%06d " + b"x" * 500 + b"\n"
    for number in range(1000):
        log.write(line % number)
    taken = b""
    while select.select([reading], [], [], 0)[0]:
        taken += os.read(reading, 1 << 20)
    log.write(b"again\n")
    taken += os.read(reading, 1 << 20)
    os.close(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)
    lines = taken.splitlines()
    assert lines[-1] == b"again"
    assert lines[:-2] == [(line % number).rstrip() for number in range(len(lines) - 2)]
    log.write(b"to nobody\n")
