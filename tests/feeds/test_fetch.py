"""Fetching from a real server on this machine, well-behaved and not; and from files below the city's folder."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from allmende import FeedError
from allmende.db.engine import Database
from allmende.egress import parse_allowed
from allmende.feeds.fetch import USER_AGENT, Fetcher, Limits
from allmende.feeds.fetched import Fetched, Validators
from allmende.feeds.importing import import_source

from .server import Server, answer, drip, flood, serving, silence
from .village import benches, make, make_services, outcome, plugin, titles


async def fetch(server: Server, known: Validators | None = None, secret: Any = None, **source: Any) -> Fetched:
    city, configured = make(**({"url": server.url} | source))
    limits = Limits(connect=1, read=0.4, total=1.0, size=2_000_000, pause=0.01, retry_after=0.5)
    fetcher = Fetcher(allowed=parse_allowed(f"127.0.0.1:{server.port}"), limits=limits, secret=secret)
    return await fetcher.fetch(city, configured, known)


async def test_payload_says_what_the_server_said() -> None:
    with serving(answer(body=b"caf\xe9", Content_Type="Text/Plain; charset=cp1252", ETag='"1"')) as server:
        fetched = await fetch(server)
    payload = fetched.payload
    assert payload is not None
    assert (payload.text(), payload.media_type, payload.encoding) == ("café", "text/plain", "cp1252")
    assert fetched.validators.etag == '"1"'
    assert server.requests[0]["user-agent"] == USER_AGENT


async def test_second_fetch_asks_whether_anything_changed() -> None:
    date = "Mon, 23 Nov 2026 10:00:00 GMT"
    with serving(answer(ETag='"1"', Last_Modified=date), answer(304)) as server:
        first = await fetch(server)
        second = await fetch(server, first.validators)
    assert second == Fetched(payload=None, validators=first.validators)
    assert (server.requests[1]["if-none-match"], server.requests[1]["if-modified-since"]) == ('"1"', date)


async def test_same_bytes_count_as_unchanged_whatever_the_headers_say() -> None:
    with serving(answer(ETag='"1"'), answer(ETag='"2"')) as server:
        first = await fetch(server)
        second = await fetch(server, first.validators)
    assert second.payload is None
    assert second.validators.etag == '"2"'


async def test_server_error_is_tried_again() -> None:
    with serving(answer(500), answer(503), answer(body=b"[1]")) as server:
        fetched = await fetch(server)
    assert fetched.payload is not None
    assert (fetched.payload.content, len(server.requests)) == (b"[1]", 3)


async def test_too_many_requests_waits_as_long_as_it_is_told() -> None:
    with serving(answer(429, Retry_After="0"), answer(body=b"[1]")) as server:
        assert (await fetch(server)).payload is not None


async def test_server_that_wants_a_long_pause_is_left_to_the_schedule() -> None:
    with serving(answer(503, Retry_After="3600")) as server, pytest.raises(FeedError, match="answered 503"):
        await fetch(server)
    assert len(server.requests) == 1


async def test_not_found_is_not_tried_again() -> None:
    with serving(answer(404)) as server, pytest.raises(FeedError) as error:
        await fetch(server)
    assert error.value.message == f"http://127.0.0.1:{server.port}/benches.json: the server answered 404 Not Found"
    assert len(server.requests) == 1


@pytest.mark.parametrize("slow", [silence, drip])
async def test_slow_server_is_given_up(slow: Any) -> None:
    with serving(slow) as server, pytest.raises(FeedError, match="did not answer in time"):
        await fetch(server)


async def test_body_beyond_the_limit_is_refused_by_its_length() -> None:
    with serving(answer(body=b" " * 2_000_001)) as server, pytest.raises(FeedError, match="is larger than 2 MB"):
        await fetch(server)


async def test_body_beyond_the_limit_is_refused_while_it_comes() -> None:
    with serving(flood) as server, pytest.raises(FeedError, match="is larger than 2 MB"):
        await fetch(server)


async def test_gzip_bomb_does_not_unfold() -> None:
    bomb = gzip.compress(b" " * 200_000_000, 1)
    assert len(bomb) < 2_000_000
    with (
        serving(answer(body=bomb, Content_Encoding="gzip")) as server,
        pytest.raises(FeedError, match="is larger than 2 MB"),
    ):
        await fetch(server)


async def test_gzip_within_gzip_is_refused() -> None:
    bomb = gzip.compress(gzip.compress(b" " * 100_000_000, 1))
    with (
        serving(answer(body=bomb, Content_Encoding="gzip, gzip")) as server,
        pytest.raises(FeedError, match="is packed as 'gzip, gzip', which was not asked for"),
    ):
        await fetch(server)


@pytest.mark.parametrize("name", ["gzip", "x-gzip"])
async def test_gzip_of_several_members_is_read_to_the_end(name: str) -> None:
    """As a server makes it that joins files; the zeros are padding."""
    parts = [b"[" + b"1," * 2_000_00, b"2]"]
    packed = b"".join(gzip.compress(part) for part in parts) + bytes(9)
    with serving(answer(body=packed, Content_Encoding=name)) as server:
        payload = (await fetch(server)).payload
    assert payload is not None
    assert payload.content == b"".join(parts)


@pytest.mark.parametrize(("kept", "reason"), [(0.5, "the gzip ends in the middle"), (0, "the gzip is damaged")])
async def test_half_a_gzip_is_not_taken_for_the_whole(kept: float, reason: str) -> None:
    packed = gzip.compress(b"[" + b"1," * 100_000 + b"2]")
    body = packed[: int(len(packed) * kept)] or b"no gzip"
    with serving(answer(body=body, Content_Encoding="gzip")) as server, pytest.raises(FeedError, match=reason):
        await fetch(server)


async def test_packing_that_was_not_asked_for_is_named() -> None:
    with (
        serving(answer(body=b"...", Content_Encoding="br")) as server,
        pytest.raises(FeedError, match="is packed as 'br', which was not asked for"),
    ):
        await fetch(server)


async def test_server_that_says_unchanged_without_being_asked_is_refused() -> None:
    """Otherwise a source would be fresh, with nothing in it."""
    with serving(answer(304)) as server, pytest.raises(FeedError, match="nothing has changed, and was not asked that"):
        await fetch(server)


async def test_etag_that_cannot_be_sent_back_is_forgotten() -> None:
    with serving(answer(ETag='"\xe9"', Last_Modified="M\xe4rz")) as server:
        first = await fetch(server)
        assert (await fetch(server, first.validators)).payload is None
    assert (first.validators.etag, first.validators.last_modified) == ("", "")


@pytest.mark.parametrize("body", ['["café"]'.encode(), '["café"]'.encode("cp1252"), '["café"]'.encode("utf-32")])
@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-8", "klingon", "undefined"])
async def test_text_is_read_whatever_the_server_says_of_its_encoding(body: bytes, charset: str) -> None:
    with serving(answer(body=body, Content_Type=f"application/json; charset={charset}")) as server:
        payload = (await fetch(server)).payload
    assert payload is not None
    assert payload.text() == '["café"]'


def test_encoding_that_nobody_knows_is_an_error_of_the_city() -> None:
    with pytest.raises(ValueError, match="encoding 'klingon' is not known"):
        make(url="https://a.example/", encoding="klingon")


async def test_reason_holds_nothing_that_a_terminal_would_obey(database: Database) -> None:
    with serving(answer(302, Location="http://a/\x1b]0;title\x07\x1b[31m")) as server:
        city, source = make(url=server.url)
        run = await import_source(make_services(database, port=server.port), city, plugin, source)
    assert run.status == "failed"
    assert run.reason.isprintable()


async def test_redirect_is_refused_and_named() -> None:
    with serving(answer(302, Location="http://10.0.0.1/")) as server, pytest.raises(FeedError) as error:
        await fetch(server)
    assert error.value.message.endswith("redirects to http://10.0.0.1/; if that is right, make it the url")
    assert len(server.requests) == 1


async def test_token_is_sent_and_comes_from_a_secret() -> None:
    with serving(answer()) as server:
        await fetch(server, secret={"secret:BENCHES": "abc"}.__getitem__, token="secret:BENCHES")
    assert server.requests[0]["authorization"] == "Bearer abc"


async def test_password_in_the_url_is_refused_and_not_repeated() -> None:
    with serving(answer()) as server, pytest.raises(FeedError) as error:
        await fetch(server, url=f"http://user:geheim@127.0.0.1:{server.port}/")
    assert error.value.message == 'url: a url holds no name or password; give a token = "secret:NAME" instead'
    assert server.requests == []


async def test_missing_file_is_named(tmp_path: Path) -> None:
    city, source = make(tmp_path)
    with pytest.raises(FeedError) as error:
        await Fetcher().fetch(city, source)
    assert error.value.message == "benches.json: there is no such file below the city's folder"


@pytest.mark.parametrize(
    "path", ["../secret.json", "/etc/hostname", "data/../../secret.json", "link.json", "up/secret.json"]
)
async def test_file_outside_the_citys_folder_is_refused(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "adorf"
    folder.mkdir()
    (tmp_path / "secret.json").write_text("[]")
    (folder / "link.json").symlink_to(tmp_path / "secret.json")
    (folder / "up").symlink_to(tmp_path)
    city, source = make(folder, file=path)
    with pytest.raises(FeedError, match="is outside the city's folder"):
        await Fetcher().fetch(city, source)


@pytest.mark.parametrize("path", ["circle", "a\0b", "."])
async def test_path_that_leads_nowhere_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    city, source = make(tmp_path, file=path)
    with pytest.raises(FeedError) as error:
        await Fetcher().fetch(city, source)
    assert error.value.message.startswith(f"{path}: ")
    assert str(tmp_path) not in error.value.message


async def test_file_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    city, source = make(tmp_path)
    (tmp_path / "benches.json").write_bytes(b" " * 3_000_000)
    with pytest.raises(FeedError, match="is larger than 2 MB"):
        await Fetcher(limits=Limits(size=2_000_000)).fetch(city, source)


async def test_feed_over_http_from_first_import_to_deletion(database: Database) -> None:
    """The whole way: import, 304, a change, a bad day, and the good data that stays."""
    one, two = (json.dumps(benches(*keys)).encode() for keys in ("12", "23"))
    with serving(answer(body=one, ETag='"1"'), answer(304), answer(body=two, ETag='"2"'), answer(500)) as server:
        city, source = make(url=server.url)
        services = make_services(database, port=server.port)
        runs = [await import_source(services, city, plugin, source) for _ in range(4)]
    assert [outcome(run) for run in runs] == [
        ("fresh", 2, 0, 0, 0, 0),
        ("unchanged", 0, 0, 0, 0, 0),
        ("fresh", 1, 0, 1, 1, 0),
        ("failed", 0, 0, 0, 0, 0),
    ]
    assert runs[3].reason.endswith("the server answered 500 Internal Server Error")
    assert await titles(database) == ["Bench 2", "Bench 3"]
