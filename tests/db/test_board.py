"""The machine's board: no change is lost, whoever counts it, and no other database is concerned."""

from __future__ import annotations

import fcntl
import os
import stat
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from allmende.db import board as boards
from allmende.db.board import ALL, Board, open_board, slot, slots_read
from allmende.db.url import serving_url

TIMES = 500


def raise_often(path: Path) -> None:
    board = Board(path)
    for _ in range(TIMES):
        board.raise_({("oben", "news_item")})
    board.close()


def test_no_change_is_lost_between_processes(tmp_path: Path) -> None:
    path = tmp_path / "board"
    mine = Board(path)
    with ProcessPoolExecutor(4) as pool:
        list(pool.map(raise_often, [path] * 4))
    assert (mine.counters[slot("oben", "news_item")], mine.counters[0]) == (4 * TIMES, 4 * TIMES)
    mine.close()


def test_a_forked_process_locks_for_itself(tmp_path: Path) -> None:
    """It has the open file of its parent, and with it the parent's lock: both could write at once."""
    board = Board(tmp_path / "board")
    fcntl.flock(board._file, fcntl.LOCK_EX)
    child = os.fork()
    if child == 0:
        board.reopen()
        try:
            fcntl.flock(board._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1
    board.close()


def test_reader_depends_on_its_table_and_on_changes_that_are_not_exact() -> None:
    read = slots_read({("oben", "news_item")})
    for changed in (("oben", "news_item"), ("oben", ALL), (ALL, "news_item"), (ALL, ALL)):
        assert slot(*changed) in read
    for other in (("unten", "news_item"), ("oben", "events_event"), ("unten", ALL), (ALL, "events_event")):
        assert slot(*other) not in read


def test_each_database_has_a_board_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(boards.tempfile, "gettempdir", lambda: str(tmp_path))
    urls = [f"postgresql://x@localhost/{name}" for name in "ab"] + [f"sqlite:///{tmp_path}/a.sqlite"]
    opened = [open_board(serving_url(url)) for url in urls]
    paths = {board.path for board in opened if board is not None}
    assert len(paths) == 3
    assert tmp_path / "a.sqlite-board" in paths
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in paths)
    same_by_another_role = open_board(serving_url("postgresql://y:secret@localhost:5432/a"))
    assert same_by_another_role is not None
    assert same_by_another_role.path in paths


def test_without_a_place_for_it_there_is_no_board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder that somebody else made to be trusted is not, and nothing is kept then."""
    monkeypatch.setattr(boards.tempfile, "gettempdir", lambda: str(tmp_path))
    (tmp_path / f"allmende-{boards.os.getuid()}").symlink_to(tmp_path / "theirs")
    (tmp_path / "theirs").mkdir()
    assert open_board(serving_url("postgresql://x@localhost/a")) is None
