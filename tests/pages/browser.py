"""Where the browser of the page tests comes from: Debian's Chromium, or the one that CHROMIUM names."""

from __future__ import annotations

import os
import shutil

from playwright.sync_api import Browser, Playwright, expect

# A busy machine is no fault of a page: what is waited for ends the wait, and only what never comes takes so long.
expect.set_options(timeout=60_000)
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""


def launch(playwright: Playwright) -> Browser:
    """A Chromium without a window. It needs no sandbox: it only ever sees this instance's own pages."""
    if not CHROMIUM:
        raise SystemExit("no chromium here: install it (Debian: apt-get install chromium), or name one by CHROMIUM=")
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
