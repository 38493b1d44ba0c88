"""The fixtures of `allmende.testing` (databases, a town), which outside plugins use too, and the real payloads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server import Server, instance

pytest_plugins = ["allmende.testing.fixtures"]
DATA = Path(__file__).parents[1] / "../shared/data"


@pytest.fixture(scope="session")
def data() -> Path:
    """Real payloads, which lie beside the repository."""
    if not DATA.is_dir():
        pytest.skip("the folder of real payloads (../shared/data) is not here")
    return DATA.resolve()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """An instance as in production, with all example cities; requests come through a proxy that it trusts."""
    settings = {"ALLMENDE_PRODUCTION": "true", "ALLMENDE_PROXIES": "127.0.0.1", "ALLMENDE_HOSTS": "api.example"}
    with instance(tmp_path_factory.mktemp("served"), **settings) as server:
        yield server


LAST = ("tests/authoring/", "tests/cli/", "tests/pages/test_browser.py")
"""What leaves its process changed: other copies of the plugins' modules, and the browser's own event loop."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These come after all others, so that nothing runs in what they leave behind."""
    items.sort(key=lambda item: next((n for n, part in enumerate(LAST, 1) if item.nodeid.startswith(part)), 0))
