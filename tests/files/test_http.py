"""Uploads over HTTP: slow lines, too much, the wrong thing; what comes back, and what caches may do with it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx2
import pytest

from tests.server import Server

from .photos import SVG, photo

CITY = "musterstadt"
JPEG = {"Content-Type": "image/jpeg"}


def post(served: Server, content: Any, city: str = CITY, **headers: str) -> httpx2.Response:
    return httpx2.post(f"{served.url}/{city}/files", content=content, headers={**JPEG, **headers}, timeout=30)


def code(answer: httpx2.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


def test_a_photo_goes_in_and_comes_out_small_and_only_by_its_signed_address(served: Server) -> None:
    key = {"Idempotency-Key": str(uuid4())}
    answer = post(served, photo(3000, 2000), **key)
    assert (answer.status_code, answer.headers["cache-control"]) == (201, "no-store")
    file = answer.json()
    assert (file["width"], file["height"], list(file["addresses"])) == (2048, 1365, ["full", "medium", "small"])
    assert post(served, photo(3000, 2000), **key).json()["id"] == file["id"]
    picture = httpx2.get(served.url + file["addresses"]["small"])
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/jpeg")
    assert picture.headers["cache-control"] == "private, no-store"
    assert (picture.headers["x-content-type-options"], b"Exif" in picture.content) == ("nosniff", False)
    bare = file["addresses"]["small"].partition("?")[0]
    for address in (bare, file["addresses"]["small"].replace("small", "full"), bare.replace(CITY, "niemandsland")):
        assert code(httpx2.get(served.url + address)) == (404, "NOT_FOUND")


def test_a_photo_on_a_slow_line_arrives_whole(served: Server) -> None:
    raw = photo(2000, 1500)

    def slowly() -> Iterator[bytes]:
        for part in (raw[:1000], raw[1000:2000], raw[2000:]):
            yield part
            time.sleep(0.7)  # the door looks after a second whether anybody is still there

    assert post(served, slowly()).status_code == 201


@pytest.mark.parametrize("announced", [True, False])
def test_fifty_megabytes_are_refused_with_a_code(served: Server, announced: bool) -> None:
    raw = b"\xff\xd8" + bytes(50_000_000)
    content = raw if announced else (raw[start : start + 1_000_000] for start in range(0, len(raw), 1_000_000))
    try:
        answer = post(served, content)
    except httpx2.TransportError:
        pytest.fail("the connection ended before the refusal could be read")
    assert code(answer) == (413, "LIMIT_BODY")


@pytest.mark.parametrize(
    ("content", "headers", "city", "expected"),
    [
        (SVG, {"Content-Type": "image/svg+xml"}, CITY, (422, "FILE_POLYGLOT")),
        (b"hello", {}, CITY, (415, "FILE_TYPE")),
        (b"", {}, CITY, (415, "FILE_TYPE")),
        (photo(), {"Content-Type": "multipart/form-data; boundary=x"}, CITY, (415, "FILE_TYPE")),
        (photo(), {"Content-Type": "text/plain"}, CITY, (415, "FILE_TYPE")),
        (photo()[:3000], {}, CITY, (422, "FILE_BROKEN")),
        (photo(), {"Idempotency-Key": "short"}, CITY, (400, "BAD_INPUT")),
        (photo(), {}, "niemandsland", (404, "NOT_FOUND")),
    ],
)
def test_what_cannot_be_used_is_refused_with_a_code(
    served: Server, content: bytes, headers: dict[str, str], city: str, expected: tuple[int, str]
) -> None:
    assert code(post(served, content, city, **headers)) == expected
