"""An instance with all example cities, and a real browser to look at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, sync_playwright

from tests.pages.browser import CHROMIUM, launch
from tests.server import Server, instance


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pages")


@pytest.fixture(scope="session")
def server(folder: Path, imported: Path) -> Iterator[Server]:
    with instance(folder, imported) as server:
        yield server


@pytest.fixture(scope="module")  # its event loop runs as long as it is open, and no other test's can run meanwhile
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        try:
            started = launch(playwright)
        except Error as error:
            pytest.skip(f"{CHROMIUM} does not start here: {str(error).splitlines()[0]}")
        yield started
        started.close()
