"""What the tests of this room share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from allmende.accounts import passwords
from allmende.db.engine import Database
from argon2 import PasswordHasher

from .people import World


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.fixture(autouse=True)
def quick_passwords(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Real hashes with small parameters: the usual ones take a busy machine a second each."""
    if "slow_passwords" not in request.fixturenames:
        quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
        monkeypatch.setattr(passwords, "_hasher", lambda: quick)
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


@pytest.fixture
def slow_passwords() -> None:
    """With the parameters of production."""
