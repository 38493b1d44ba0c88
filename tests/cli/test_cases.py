"""`allmende cases verify`, as an operator calls it, before and after somebody has rewritten a history."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from allmende.cli import root
from allmende.db.engine import Database
from allmende.errors import InputError, NotFound
from allmende.testing import make_city
from allmende.testing.databases import create_tables
from click.testing import CliRunner

from tests.cases.lamps import context, submit
from tests.cases.test_history import behind_the_back

CITY = "musterstadt"


async def fill(url: str) -> str:
    database = Database(url)
    numbers = [(await submit(context(database, city=make_city(CITY)))).case.number for _ in range(3)]
    await database.close()
    return numbers[0]


def test_a_history_that_was_rewritten_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'instance.sqlite'}"
    monkeypatch.setenv("ALLMENDE_DATABASE", url)
    monkeypatch.setenv("ALLMENDE_KEY_FILE", str(tmp_path / "key"))
    create_tables(url)
    number = asyncio.run(fill(url))
    done = CliRunner().invoke(root, ["cases", "verify", CITY])
    assert (done.exit_code, done.output) == (0, f"{CITY}: 3 cases, all histories whole\n")
    behind_the_back(url, f"UPDATE case_case SET opened_by = 'system' WHERE number = '{number}'")
    done = CliRunner().invoke(root, ["cases", "verify", CITY])
    assert isinstance(done.exception, InputError)
    assert str(done.exception) == f"{CITY}: {number}, event 1: was changed, or one before it"
    assert isinstance(CliRunner().invoke(root, ["cases", "verify", "niemandsland"]).exception, NotFound)
