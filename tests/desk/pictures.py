"""`make pictures`: the screenshots of docs/desk.md, made from a fresh instance as an admin of the fictional city."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.pages.browser import launch
from tests.server import ROOT, clean_environment, instance

FOLDER = ROOT / "docs/pictures"
CITY = "musterstadt"
SHOTS = (("desk-feeds", "feeds", "light"), ("desk-modules", "modules", "dark"), ("desk-users", "users/new", "light"))


def shoot(base: str, link: str) -> list[Path]:
    """Sign in by the link and take all pictures; where they are."""
    made = []
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1180, "height": 760}, locale="de-DE")
        page.goto(link)
        page.get_by_role("button", name="Jetzt anmelden").click()
        page.wait_for_load_state()
        for name, path, scheme in SHOTS:
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.goto(f"{base}/{CITY}/desk/{path}")
            made.append(FOLDER / f"{name}.png")
            page.screenshot(path=made[-1])
        browser.close()
    return made


def main() -> None:
    with tempfile.TemporaryDirectory() as name, instance(Path(name)) as server:
        environ = clean_environment(ALLMENDE_DATABASE=f"sqlite:///{Path(name) / 'instance.sqlite'}")
        allmende = str(Path(sys.executable).parent / "allmende")
        person = [CITY, "probe@example.org", "--name", "Maria Probe", "--role", "admin", "--role", "publisher"]
        command = [allmende, "user", "add", *person, "--base", server.url]
        added = subprocess.run(command, cwd=ROOT, env=environ, check=True, capture_output=True, text=True)
        for path in shoot(server.url, added.stdout.strip()):
            sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
