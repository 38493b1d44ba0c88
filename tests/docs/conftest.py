"""The running instance that the pages of docs/ are tried against."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Server, instance


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, imported: Path) -> Iterator[Server]:
    """All example cities, on a fresh SQLite file."""
    with instance(tmp_path_factory.mktemp("instance"), imported) as server:
        yield server
