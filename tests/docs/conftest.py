"""The running instance that the pages of docs/ are tried against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.server import Server, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """`allmende dev` with all example cities, on a fresh SQLite file."""
    folder = tmp_path_factory.mktemp("instance")
    with running(folder, "dev", ALLMENDE_DATABASE=f"sqlite:///{folder / 'instance.sqlite'}") as server:
        yield server
