"""The fixtures of `allmende.testing` (databases, a town), which outside plugins use too, and the real payloads."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest_plugins = ["allmende.testing.fixtures"]
DATA = Path(__file__).parents[1] / "../shared/data"


@pytest.fixture(scope="session")
def data() -> Path:
    """Real payloads, which lie beside the repository."""
    if not DATA.is_dir():
        pytest.skip("the folder of real payloads (../shared/data) is not here")
    return DATA.resolve()
