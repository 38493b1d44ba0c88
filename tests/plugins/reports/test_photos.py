"""Photos go to the town hall's own Open311 server as addresses, come back from it, and come in by `media_url`."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import pytest
from allmende import cases
from allmende.cases.erasure import room_context
from allmende.cases.fetching import fetch_due
from allmende.cases.tables import CaseFetch
from allmende.files.store import Store
from allmende.files.upload import take_in
from allmende.reader import Reader
from allmende.testing import Town
from allmende.uploads import upload_routes
from litestar import Litestar
from sqlalchemy import select

from plugins.reports.georeport.reading import photos_of, read
from tests.files.photos import photo

from .test_passing import TownHall, notes, rows, work

PARTNER = Reader(kind="service", id="7" * 32, city="teststadt", permissions=frozenset({"reports.post"}))


class Gallery(TownHall):
    """A town hall whose server has photos, too."""

    def __init__(self) -> None:
        super().__init__()
        self.media: dict[str, Any] = {}
        self.forms: list[list[tuple[str, str]]] = []
        self.fetched: list[str] = []
        self.document = b""

    def post(self, request: BaseHTTPRequestHandler) -> None:
        length = int(request.headers["content-length"])
        body = request.rfile.read(length)
        self.forms.append(parse_qsl(body.decode()))
        self.requests.append(dict(self.forms[-1]))
        self.states[str(len(self.requests))] = ("open", "")
        self.say(request, 201, [{"service_request_id": str(len(self.requests))}])

    def get(self, request: BaseHTTPRequestHandler) -> None:
        path = urlsplit(request.path).path
        if path.endswith(".jpg"):
            self.fetched.append(path)
            return self.send(request, photo())
        if self.document and path.startswith("/v2/requests"):
            return self.send(request, self.document)
        rows = [
            {"service_request_id": id, "status": status, "status_notes": notes, "media_url": self.media.get(id)}
            for id, (status, notes) in self.states.items()
        ]
        return self.say(request, 200, rows)

    def send(self, request: BaseHTTPRequestHandler, body: bytes) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)


@pytest.fixture
def hall() -> Iterator[Gallery]:
    hall = Gallery()
    yield hall
    hall.server.shutdown()
    hall.server.server_close()


@pytest.fixture
def linked(desk: Any, hall: Gallery) -> Any:
    """A city with a host name whose reports go to this town hall, with all their photos."""
    there = desk.town.folder / "city.toml"
    desk.town.write("city.toml", 'hosts = ["stadt.example"]\n' + there.read_text(encoding="utf-8"))
    desk.town.reach("127.0.0.1", hall.port)
    desk.forward = f'\n[forward]\nurl = "http://127.0.0.1:{hall.port}/v2"\n'
    desk.open(further=desk.forward + 'photos = "all"\n')
    return desk


@pytest.fixture
def store(town: Town, tmp_path: Path) -> Store:
    town.instance.services.files = Store(str(tmp_path / "files"))
    return town.instance.services.files


async def upload(town: Town, store: Store) -> str:
    return (await take_in(town.instance.database, store, town.slug, photo(), town.now)).id


async def fetch(town: Town, store: Store) -> None:
    ctx = room_context(town.city, town.instance.database, lambda: town.now)
    await fetch_due(ctx, store, town.instance.registry.outside)


async def waiting(town: Town) -> list[str]:
    async with town.context("reports").session() as session:
        return sorted(await session.scalars(select(CaseFetch.url)))


async def get(town: Town, url: str) -> int:
    """What an address of this city says to whoever has it."""
    app = Litestar(upload_routes(town.instance.services), openapi_config=None)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://stadt.example") as client:
        return (await client.get(url)).status_code


async def test_photos_are_passed_on_as_addresses_that_end(linked: Any, hall: Gallery, store: Store) -> None:
    linked.open("before", further=linked.forward + 'photos = "all"\n')
    town, ids = linked.town, [await upload(linked.town, store) for _ in range(3)]
    filed = await linked.file(photos=ids)
    answer = await town.answer(
        linked.MODERATE,
        reader=linked.worker,
        input={"city": town.slug, "report": filed["report"], "published": False, "hide": ids[:1]},
    )
    assert "errors" not in answer
    await town.work("reports", "pass_on")
    urls = [value for name, value in hall.forms[0] if name == "media_url"]
    assert [url.partition("?")[0] for url in urls] == [
        f"https://stadt.example/{town.slug}/files/{id}/full.jpg" for id in sorted(ids[1:])
    ], "what moderation has hidden stays here"
    assert [await get(town, url) for url in (urls[0], urls[0].partition("?")[0])] == [200, 404]
    town.wait(days=8)
    assert await get(town, urls[0]) == 404
    linked.open(further=linked.forward)
    await linked.file(photos=[await upload(town, store), await upload(town, store)])
    await town.work("reports", "pass_on")
    assert [name for name, _ in hall.forms[1]].count("media_url") == 1, "the standard knows one"
    linked.open(further=linked.forward + 'photos = "no"\n')
    await linked.file(photos=[await upload(town, store)])
    await town.work("reports", "pass_on")
    assert "media_url" not in dict(hall.forms[2])


async def test_a_city_without_a_host_name_passes_on_no_photos_and_says_so(
    desk: Any, hall: Gallery, store: Store
) -> None:
    desk.town.reach("127.0.0.1", hall.port)
    desk.open(further=f'\n[forward]\nurl = "http://127.0.0.1:{hall.port}/v2"\n')
    filed = await desk.file(photos=[await upload(desk.town, store)])
    await work(desk)
    assert "media_url" not in hall.requests[0]
    assert [note[:36] for note in await notes(desk, filed["report"])] == [
        "Weitergegeben an das Meldesystem der",
        "Die Fotos wurden nicht weitergegeben",
    ]


async def test_new_photos_of_the_other_side_become_updates_and_copies_of_ours_do_not(
    linked: Any, hall: Gallery, store: Store
) -> None:
    town, base = linked.town, f"http://127.0.0.1:{hall.port}"
    filed = await linked.file(photos=[await upload(town, store)])
    hall.media["1"] = f"{base}/copy.jpg?signed=1"
    await work(linked, 2)
    hall.media["1"] = [f"{base}/copy.jpg?signed=2", f"{base}/after.jpg", "javascript:alert(1)", 7]
    hall.states["1"] = ("closed", "Lampe getauscht")
    await work(linked, 2)
    await fetch(town, store)
    await work(linked, 2)
    await fetch(town, store)
    assert (hall.fetched, await waiting(town)) == (["/after.jpg"], [])
    (shown,) = await linked.listed()
    assert (shown["status"]["id"], len(shown["photos"])) == ("done", 2)
    updates = f'reports {{ updates(report: "{filed["report"]}") {{ text status {{ id }} photos {{ url }} }} }}'
    told = (await town.ask(updates))["reports"]["updates"]
    assert [(one["text"], len(one["photos"])) for one in told] == [("", 1), ("Lampe getauscht", 0), ("", 1)]


async def test_a_picture_that_was_posted_by_address_is_fetched_before_the_report_is_passed_on(
    linked: Any, hall: Gallery, store: Store
) -> None:
    town, url = linked.town, f"http://127.0.0.1:{hall.port}/citizen.jpg"
    form = {"service_code": "light", "lat": "51.96", "long": "7.63", "description": "Aus.", "media_url": url}
    linked.open(more='open311 = "open"', further=linked.forward)
    route = next(r for r in town.instance.installed("reports").plugin.routes if r.method == "POST")
    reply = await route.handle(town.context("reports", reader=PARTNER), {"format": "json"}, form)
    assert (reply.status, hall.fetched, await waiting(town)) == (201, [], [url])
    await town.work("reports", "pass_on")
    assert hall.requests == []
    await fetch(town, store)
    await town.work("reports", "pass_on")
    (shown,) = await linked.listed()
    assert [hall.requests[0]["media_url"].replace("full", "medium")] == [one["url"] for one in shown["photos"]]
    listed = await town.document("reports", "open311/v2/requests.{format}", format="json")
    assert f'"media_url":"{shown["photos"][0]["url"]}"'.encode() in bytes(listed.content)  # type: ignore[arg-type]


async def test_what_is_posted_by_address_is_not_shown_before_somebody_has_looked(
    linked: Any, hall: Gallery, store: Store
) -> None:
    town, url = linked.town, f"http://127.0.0.1:{hall.port}/citizen.jpg"
    form = {"service_code": "light", "lat": "51.96", "long": "7.63", "description": "Aus.", "media_url": url}
    linked.open("before", more='open311 = "open"')
    route = next(r for r in town.instance.installed("reports").plugin.routes if r.method == "POST")
    for _ in range(2):
        await route.handle(town.context("reports", reader=PARTNER), {"format": "json"}, form)
    async with town.context("reports").session() as session:
        first, second = [case.id for case in await session.scalars(cases.inbox(cases.Inbox()))]
    await linked.work(first, cases.publish)
    await fetch(town, store)
    await linked.work(second, cases.publish)
    assert {one["id"]: len(one["photos"]) for one in await linked.listed()} == {first: 0, second: 1}


REAL = {
    "cfa_service_requests.xml": ["http://open311.city.gov.s3.amazonaws.com/requests/media/638344.rss"],
    "ngsi_service_requests_example.json": ["http://exaple.org/media/638344.jpg"],
    "ngsi_service_requests_example-normalized.json": ["http://exaple.org/media/638344.jpg"],
    "requests_many.xml": [],
    "requests_single.xml": [],
    "service_requests.json": [],
}


@pytest.mark.parametrize("name", REAL)
async def test_what_real_servers_say_is_mirrored(linked: Any, hall: Gallery, data: Path, name: str) -> None:
    item = read((data / "open311" / name).read_bytes()).items[0]
    assert photos_of(item) == REAL[name]
    filed = await linked.file()
    await work(linked)
    async with linked.town.context("reports").transaction() as session:
        row = (await session.scalars(select(type((await rows(linked))[0])))).one()
        row.remote_id = str(item["service_request_id"])
    hall.document = (data / "open311" / name).read_bytes()
    await work(linked)
    (row,) = await rows(linked)
    said = f"{item['status']}: {item.get('status_notes') or ''}"
    assert (row.remote_status, row.remote_media, await waiting(linked.town)) == (
        said, "\n".join(REAL[name]), REAL[name],
    )  # fmt: skip
    (shown,) = [one for one in await linked.listed() if one["id"] == filed["report"]]
    expected = "done" if item["status"] == "closed" else "in_progress" if item.get("status_notes") else "received"
    assert shown["status"]["id"] == expected
