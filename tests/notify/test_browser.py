"""A push that the browser has decrypted reaches the service worker of docs/app, which shows it, once for each tag.

A browser's own push service is on the internet, so here the debugger delivers; test_channels.py proves what is before.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from allmende.notify.channels.webpush import payload
from playwright.sync_api import sync_playwright

from ..pages.browser import CHROMIUM, launch
from .test_channels import NOTE

WORKER = Path(__file__).parents[2] / "docs" / "app" / "worker.js"
SHOWN = """async () => {
  const registration = await navigator.serviceWorker.ready;
  return (await registration.getNotifications()).map((one) => [one.title, one.body, one.tag, one.data.link]);
}"""


@pytest.fixture
def site() -> Iterator[str]:
    """A page with the service worker of the example app."""
    worker = WORKER.read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            script = self.path.endswith(".js")
            self.send_response(200)
            self.send_header("Content-Type", "text/javascript" if script else "text/html")
            self.end_headers()
            self.wfile.write(worker if script else b"<!doctype html><title>app</title>")

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.mark.skipif(not CHROMIUM, reason="no chromium here")
def test_push_is_shown_by_the_service_worker_and_a_repetition_replaces_it(site: str) -> None:
    with sync_playwright() as playwright:
        browser = launch(playwright)
        context = browser.new_context(permissions=["notifications"])
        page = context.new_page()
        page.goto(f"{site}/")
        page.evaluate("() => navigator.serviceWorker.register('/worker.js').then(() => navigator.serviceWorker.ready)")
        debugger = context.new_cdp_session(page)
        registrations: list[Any] = []
        debugger.on(
            "ServiceWorker.workerRegistrationUpdated", lambda event: registrations.extend(event["registrations"])
        )
        debugger.send("ServiceWorker.enable")
        page.wait_for_timeout(200)
        for _ in range(2):
            debugger.send(
                "ServiceWorker.deliverPushMessage",
                {
                    "origin": site,
                    "registrationId": registrations[-1]["registrationId"],
                    "data": payload(NOTE).decode(),
                },
            )
        shown: list[Any] = []
        for _ in range(50):
            shown = page.evaluate(SHOWN)
            if shown:
                break
            page.wait_for_timeout(100)
        browser.close()
    assert shown == [["Sturm", "Es stürmt.", "f" * 32, "warnings/1"]], json.dumps(shown)
