"""The gallery under `allmende serve`, two workers: it starts, answers, names culprits, survives who blocks it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.server import Server, clean_environment, eventually, running
from tests.warm import allmende

GALLERY = Path(__file__).parent / "gallery"
SOUND = '{ adorf: city(slug: "adorf") { sound { city } } bedorf: city(slug: "bedorf") { sound { city } } }'
ANSWER = {"data": {"adorf": {"sound": {"city": "adorf"}}, "bedorf": {"sound": {"city": "bedorf"}}}}


@pytest.fixture
def environ(empty_database_url: str, tmp_path: Path) -> dict[str, str]:
    shutil.copytree(GALLERY / "cities", tmp_path / "cities")
    return {
        "ALLMENDE_DATABASE": empty_database_url,
        "ALLMENDE_CITIES": str(tmp_path / "cities"),
        "ALLMENDE_PLUGINS": str(GALLERY / "plugins"),
        "ALLMENDE_SCHEMA": "none",
    }


@pytest.fixture
def server(environ: dict[str, str], tmp_path: Path) -> Iterator[Server]:
    done = allmende("db", "upgrade", environ=clean_environment(**environ))
    assert (done.returncode, "broken_migration: not upgraded" in done.stderr) == (1, True), done
    with running(tmp_path, "serve", "--workers", "2", **environ) as server:
        yield server


def ask(server: Server, query: str, timeout: float = 60) -> Any:
    # A connection of its own each time, so that either worker may get it.
    return httpx2.post(f"{server.url}/graphql", json={"query": query}, timeout=timeout, verify=False).json()


def get(server: Server, path: str) -> httpx2.Response:
    return httpx2.get(f"{server.url}{path}", timeout=60, verify=False)


def test_it_serves_names_culprits_and_reloads(server: Server, environ: dict[str, str]) -> None:
    assert ask(server, SOUND) == ANSWER
    body = ask(server, '{ city(slug: "adorf") { broken_migration { things } sound { city } } }')
    assert body["data"] == {"city": {"broken_migration": None, "sound": {"city": "adorf"}}}
    for path, code in {"raises": 503, "exits": 503, "nonsense": 503, "huge": 503, "none": 404}.items():
        answer = get(server, f"/adorf/routes/{path}")
        assert (path, answer.status_code, "secret" in answer.text) == (path, code, False)
    assert get(server, "/adorf/sound/hello").text == "adorf"
    assert get(server, "/adorf").status_code == 200
    ready = get(server, "/health/ready").json()
    assert (ready["status"], ready["cities"]) == ("degraded", 5)
    assert {entry["owner"] for entry in ready["plugins"].values()} == {f"owner-of-{name}" for name in ready["plugins"]}
    assert {"bad-toml", "binary", "unlucky"} <= ready["troubled_cities"].keys()
    doctor = allmende("doctor", "--url", server.url, environ=clean_environment(**environ))
    assert doctor.returncode == 1
    for expected in (
        "import_exit is not loaded",
        "[owner-of-import_exit]",
        "bad-toml is NOT served",
        "broken_migration",
    ):
        assert expected in doctor.stdout
    keeps_the_last_good_version(server, Path(environ["ALLMENDE_CITIES"]), environ)
    breaker_is_seen_by_all(server, environ)
    metrics = get(server, "/metrics").text
    assert 'allmende_plugin{owner="owner-of-import_error",plugin="import_error",version=""} 0.0' in metrics
    assert 'allmende_plugin_failures_total{city="adorf",code="PLUGIN_FAILED",plugin="raises"}' in metrics
    assert "/etc/passwd" not in metrics


def keeps_the_last_good_version(server: Server, cities: Path, environ: dict[str, str]) -> None:
    """A broken edit of one city and a good one of another, while the server runs."""
    good, other = (cities / "adorf" / "city.toml"), (cities / "bedorf" / "city.toml")
    before = good.read_text()
    good.write_text(before.replace('name = "Adorf"', 'name = "Neu'))
    other.write_text(other.read_text().replace('name = "Bedorf"', 'name = "Bedorf am See"'))
    names = '{ adorf: city(slug: "adorf") { name } bedorf: city(slug: "bedorf") { name } }'
    expected = {"data": {"adorf": {"name": "Adorf"}, "bedorf": {"name": "Bedorf am See"}}}
    told = {"serves": "last good version", "contact": "rathaus@adorf.example"}
    # Each look may be answered by either worker, and one of them may not have read the folder yet.
    eventually(lambda: all(ask(server, names) == expected for _ in range(6)))
    eventually(lambda: get(server, "/health/ready").json()["troubled_cities"].get("adorf") == told)
    eventually(lambda: "adorf/city.toml:1" in str(get(server, "/health/ready").json()["problems"]))
    eventually(lambda: "adorf/city.toml:1" in get(server, "/").text)
    assert "adorf/city.toml:1" in server.log.read_text()
    good.write_text(before)
    eventually(lambda: "adorf" not in get(server, "/health/ready").json()["troubled_cities"])


def breaker_is_seen_by_all(server: Server, environ: dict[str, str]) -> None:
    failing = '{ city(slug: "adorf") { raises { now } sound { city } } }'
    codes = set()

    def opened(seen: Callable[[], bool]) -> bool:
        """It closes again after a while, so each look is taken right after failures in (nearly surely) both workers."""
        codes.update(ask(server, failing)["errors"][0]["extensions"]["code"] for _ in range(25))
        return seen()

    named = {"city": "adorf", "plugin": "raises", "owner": "owner-of-raises"}
    said = "the breaker of raises in adorf is open [owner-of-raises]"
    doctor = ("doctor", "--url", server.url)
    eventually(lambda: opened(lambda: named in get(server, "/health/ready").json()["breakers"]))
    eventually(lambda: opened(lambda: said in allmende(*doctor, environ=clean_environment(**environ)).stdout))
    assert codes == {"PLUGIN_FAILED", "PLUGIN_UNAVAILABLE"}


@pytest.mark.parametrize("field", ["sleeps(seconds: 60)", "backtracks(length: 60)"])
def test_a_plugin_that_blocks_a_worker_is_shut_out_and_the_worker_replaced(
    field: str, sqlite_url: str, tmp_path: Path
) -> None:
    environ = {
        "ALLMENDE_DATABASE": sqlite_url,
        "ALLMENDE_CITIES": str(GALLERY / "cities"),
        "ALLMENDE_PLUGINS": str(GALLERY / "plugins"),
        "ALLMENDE_SCHEMA": "none",
    }
    allmende("db", "upgrade", environ=clean_environment(**environ))
    with running(tmp_path, "serve", "--workers", "2", **environ) as server, ThreadPoolExecutor() as pool:
        lost = pool.submit(blocking, server, f'{{ city(slug: "adorf") {{ blocks {{ {field} }} }} }}')

        # The other worker may answer at once and the stopped one not at all, so one look is one answer.
        eventually(lambda: ready(server).get("blocked") == {"blocks": {"owner": "owner-of-blocks"}})
        query = '{ city(slug: "adorf") { blocks { sleeps(seconds: 0) } sound { city } } }'
        without = {"city": {"blocks": None, "sound": {"city": "adorf"}}}
        eventually(lambda: shut_out(patiently(server, query)) == (without, ["PLUGIN_UNAVAILABLE"]))
        eventually(lambda: lost.done())
        assert lost.result() == "lost"
        eventually(lambda: all(patiently(server, SOUND) == ANSWER for _ in range(10)))
        log = server.log.read_text()
        assert ("loop_blocked" in log, "plugins/blocks/__init__.py" in log) == (True, True)


def shut_out(body: Any) -> tuple[Any, list[str]]:
    return body["data"], [error["extensions"]["code"] for error in body.get("errors", [])]


def blocking(server: Server, query: str) -> str:
    try:
        ask(server, query, timeout=200)
    except httpx2.TransportError:
        return "lost"
    return "answered"


def ready(server: Server) -> Any:
    try:
        return httpx2.get(f"{server.url}/health/ready", timeout=5, verify=False).json()
    except httpx2.TransportError:  # that was the worker which stands still
        return {}


def patiently(server: Server, query: str) -> Any:
    for _ in range(15):
        try:
            return ask(server, query, timeout=8)
        except httpx2.TransportError:
            time.sleep(0.3)
    raise AssertionError("no worker answers")
