"""`make pictures`: the screenshots of the README, made from a fresh instance with all example cities."""

from __future__ import annotations

import sys
import tempfile
from base64 import b64encode
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.pages.browser import launch
from tests.server import instance

FOLDER = Path(__file__).parents[2] / "docs/pictures"
SHEET = """<style>
body {{ margin: 0; padding: 40px 56px; display: flex; gap: 48px; align-items: center; background: #e6ece8; }}
img {{ display: block; box-shadow: 0 10px 40px #0003; }}
.desk {{ width: 980px; border-radius: 14px; }}
.phone {{ width: 330px; border-radius: 34px; border: 10px solid #1c2326; }}
</style><img class="desk" src="{desk}"><img class="phone" src="{phone}">"""


def picture(page: Page, address: str, width: int, height: int) -> str:
    """What is seen there, as a data URL."""
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address)
    return "data:image/png;base64," + b64encode(page.screenshot()).decode()


def save(image: Image.Image, name: str) -> Path:
    """As a PNG with a palette, which is small and fine enough for pages of few colours; where it is."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.png"
    few = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    return path


def main() -> None:
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        with instance(Path(name)) as server:
            page = launch(playwright).new_page(device_scale_factor=2, locale="de-DE")
            desk = picture(page, f"{server.url}/", 1180, 830)
            phone = picture(page, f"{server.url}/muenster", 390, 844)
        page = launch(playwright).new_page(viewport={"width": 1470, "height": 760})
        page.set_content(SHEET.format(desk=desk, phone=phone))
        page.wait_for_timeout(300)
        sys.stdout.write(f"{save(Image.open(BytesIO(page.screenshot())), 'readme')}\n")


if __name__ == "__main__":
    main()
