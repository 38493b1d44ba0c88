"""The running instance that the pages of docs/ are tried against."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.server import Server, instance


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """All example cities, on a fresh SQLite file."""
    with instance(tmp_path_factory.mktemp("instance")) as server:
        yield server
