"""Calls to servers of others: only public addresses, no redirects followed, limits, and what is known of their fate."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from allmende.errors import FeedError
from allmende.outside import SIZE, Answer, Outside, Unreached, parse_allowed


class Handler(BaseHTTPRequestHandler):
    def log_message(self, *arguments: Any) -> None: ...

    def do_POST(self) -> None:
        size = int(self.headers["content-length"])
        self.answer(201, b"got " + self.rfile.read(size), "text/plain; charset=utf-8")

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()
        elif self.path.startswith("/cut"):
            self.connection.close()
        else:
            self.answer(200, b"x" * (SIZE + 1) if self.path == "/huge" else self.path.encode(), "text/plain")

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


async def test_a_call_gives_the_answer_whatever_its_status(port: int) -> None:
    outside, base = Outside(allowed=parse_allowed(f"127.0.0.1:{port}")), f"http://127.0.0.1:{port}"
    posted = await outside.call("POST", f"{base}/", form={"a": "ü"})
    assert posted == Answer(status=201, content=b"got a=%C3%BC", media_type="text/plain")
    assert (await outside.call("GET", f"{base}/x", query={"b": "1,2"})).content == b"/x?b=1%2C2"
    assert (await outside.call("GET", f"{base}/moved")).status == 302


async def test_what_was_not_sent_is_told_from_what_nobody_knows(port: int) -> None:
    outside, base = Outside(allowed=parse_allowed(f"127.0.0.1:{port}, 127.0.0.1:1")), f"http://127.0.0.1:{port}"
    for url in ("http://127.0.0.1:1/", "http://127.0.0.1:2/", "ftp://127.0.0.1/", "http://169.254.169.254/"):
        with pytest.raises(Unreached):
            await outside.call("GET", url)
    for url, message in ((f"{base}/cut?key=secret", "did not answer"), (f"{base}/huge", "more than 5 MB")):
        with pytest.raises(FeedError, match=message) as error:
            await outside.call("GET", url)
        assert (isinstance(error.value, Unreached), "secret" in error.value.message) == (False, False)


def test_a_secret_is_found_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "HALL_KEY").write_text("opensesame\n")
    assert Outside(secrets=tmp_path).secret("secret:HALL_KEY") == "opensesame"
