"""The fixtures of `allmende.testing` (databases, a town), which outside plugins use too, and the real payloads."""

from __future__ import annotations

import fcntl
import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.server import Server, fill, instance

pytest_plugins = ["allmende.testing.fixtures"]
# How long an example takes says something about the machine, and about nothing else.
settings.register_profile("allmende", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("allmende")
DATA = Path(__file__).parents[1] / "../shared/data"


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Two more than there are processors, since tests wait for servers and browsers; few enough for PostgreSQL."""
    return min((os.cpu_count() or 1) + 2, 6)


def pytest_collection_finish() -> None:
    """What has been imported and collected stays: no search for garbage needs to go through half a million objects."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def data() -> Path:
    """Real payloads, which lie beside the repository."""
    if not DATA.is_dir():
        pytest.skip("the folder of real payloads (../shared/data) is not here")
    return DATA.resolve()


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An SQLite file with all that the example cities import: to be copied. Made once for all workers of a run."""
    own = tmp_path_factory.getbasetemp()
    folder = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    path = folder / "imported.sqlite"
    with (folder / "imported.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            fill(folder / "filling.sqlite")
            (folder / "filling.sqlite").rename(path)
    return path


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, imported: Path) -> Iterator[Server]:
    """An instance as in production, with all example cities; requests come through a proxy that it trusts."""
    settings = {"ALLMENDE_PRODUCTION": "true", "ALLMENDE_PROXIES": "127.0.0.1", "ALLMENDE_HOSTS": "api.example"}
    with instance(tmp_path_factory.mktemp("served"), imported, **settings) as server:
        yield server
