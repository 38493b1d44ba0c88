"""Pictures by their address: fetched by a chore, over real HTTP, made anew like any upload; what fails is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from allmende import cases
from allmende.cases import fetching
from allmende.cases.chores import case_chores
from allmende.cases.tables import CaseFetch
from allmende.db.engine import Database
from allmende.files.store import Store
from allmende.outside import Outside
from allmende.testing import NOON
from sqlalchemy import select

from tests.files.photos import SVG, photo

from .lamps import THERE, WORKER, context, history, submit
from .test_transfer import receiver


class Album:
    """A server with pictures that keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: dict[str, list[tuple[int, bytes]]] = {}
        """Path → what it says, the last of it again and again."""
        album = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *arguments: Any) -> None: ...

            def do_GET(self) -> None:
                album.asked.append(self.path)
                answers = album.answers.get(self.path.partition("?")[0], [(404, b"")])
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                if 300 <= status < 400:
                    self.send_header("Location", body.decode())
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def album() -> Iterator[Album]:
    album = Album()
    yield album
    album.server.shutdown()
    album.server.server_close()


class House:
    """What the chore works with, and a clock that the test sets."""

    def __init__(self, database: Database, folder: Path, album: Album) -> None:
        self.database, self.album, self.now = database, album, NOON
        self.store = Store(str(folder / "files"))
        self.outside = Outside(allowed=frozenset({("127.0.0.1", album.port)}))
        self.ctx = context(database, WORKER)

    async def named(self, *urls: str, published: bool = False, shown: bool = False, trusted: bool = True) -> cases.Case:
        """A case that names these addresses."""
        case = (await submit(self.ctx)).case
        async with self.ctx.transaction() as session:
            found = await cases.find(session, id=case.id)
            assert found is not None
            for url in urls:
                await cases.fetch(session, self.ctx, found, url, shown=shown, trusted=trusted)
            if published:
                await cases.publish(session, self.ctx, found)
                found.shown = True
        return case

    async def run(self, times: int = 1) -> None:
        """The chore, as the application makes it."""
        made = case_chores(
            self.database, self.store, lambda: self.now, lambda _: None, receiver(self.database), self.outside
        )
        (chore,) = [one for one in made if one.name == "cases-fetch"]
        for _ in range(times):
            await chore.run(self.ctx.city)
            self.now += timedelta(hours=3)

    async def pictures(self, case: cases.Case) -> list[cases.Picture]:
        async with self.ctx.session() as session:
            return (await cases.pictures(session, self.ctx, [case], every=True))[case.id]

    async def notes(self, case: cases.Case) -> list[str]:
        async with self.ctx.session() as session:
            return [text for event, text in await cases.events(session, case) if text and event.actor == "system"]

    async def waiting(self) -> int:
        async with self.database.session(self.ctx.city.slug) as session:
            return len((await session.scalars(select(CaseFetch))).all())


@pytest.fixture
def house(database: Database, tmp_path: Path, album: Album) -> House:
    return House(database, tmp_path, album)


async def test_a_picture_is_fetched_once_and_made_anew(house: House) -> None:
    house.album.answers = {"/a.jpg": [(302, b"/b.jpg")], "/b.jpg": [(200, photo(3000, 2000))]}
    url = f"{house.album.url}/a.jpg?key=1"
    case = await house.named(url, url)
    assert (await house.pictures(case), house.album.asked) == ([], []), "nothing is fetched while somebody waits"
    async with house.database.system(write=False) as session:
        assert await fetching.waiting(session, NOON) == {house.ctx.city.slug}
    await house.run(2)
    (picture,) = await house.pictures(case)
    raw = await house.store.get(house.ctx.city.slug, picture.id, "full")
    assert (raw[:3], b"Exif" in raw, picture.public, picture.held) == (b"\xff\xd8\xff", False, False, False)
    assert (house.album.asked, await house.waiting()) == (["/a.jpg?key=1", "/b.jpg"], 0)
    assert await history(house.ctx, case) == [("submitted", "staff:" + "5" * 32), ("attached", "system")]
    async with house.ctx.session() as session:
        found = await cases.find(session, id=case.id)
        assert found is not None
        assert await cases.verify(session, found) == []


@pytest.mark.parametrize(
    ("path", "answer", "reason"),
    [
        ("/gone", (404, b""), "the server answered 404"),
        ("/page", (200, b"<p>Not a picture"), "the file is no picture; JPEG, PNG or WEBP is needed"),
        ("/svg", (200, SVG), "the file is more than a picture; JPEG, PNG or WEBP is needed"),
        ("/half", (200, photo()[:2000]), "the picture is damaged or incomplete; send it again"),
        ("/huge", (200, bytes(20_000_001)), "{url}: the answer has more than 20 MB"),
    ],
)
async def test_what_is_no_picture_is_told_to_staff_at_once(
    house: House, path: str, answer: tuple[int, bytes], reason: str
) -> None:
    house.album.answers = {path: [answer]}
    url = house.album.url + path
    case = await house.named(f"{url}?secret=1")
    await house.run(2)
    said = f"Das Bild unter {url} konnte nicht geholt werden: {reason.format(url=url)}"
    assert (await house.notes(case), await house.waiting(), len(house.album.asked)) == ([said], 0, 1)


async def test_a_server_that_is_away_is_asked_again_and_given_up_in_the_end(house: House) -> None:
    house.album.answers = {"/late": [(503, b""), (429, b""), (200, photo())], "/never": [(500, b"")]}
    late, never = await house.named(f"{house.album.url}/late"), await house.named(f"{house.album.url}/never")
    await house.run(9)
    assert (len(await house.pictures(late)), await house.notes(late)) == (1, [])
    assert (len(await house.pictures(never)), house.album.asked.count("/never")) == (0, fetching.TRIES)
    assert await house.notes(never) == [
        f"Das Bild unter {house.album.url}/never konnte nicht geholt werden: the server answered 500"
    ]


async def test_nothing_inside_the_house_is_reached_not_even_by_a_redirect(house: House) -> None:
    house.album.answers = {"/out": [(302, b"http://169.254.169.254/latest/meta-data")], "/in": [(200, photo())]}
    hidden = Album()
    hidden.answers = {"/in": [(200, photo())]}
    try:
        urls = ["http://127.0.0.1:1/", f"{hidden.url}/in", f"{house.album.url}/out", "http://[::ffff:10.0.0.1]/x"]
        case = await house.named(*urls, f"{house.album.url}/in")
        await house.run(fetching.TRIES)
    finally:
        hidden.server.shutdown()
        hidden.server.server_close()
    assert (len(await house.pictures(case)), hidden.asked) == (1, []), (
        "the good one came, the others kept it from nothing"
    )
    assert [text.count("is not on the public internet") for text in await house.notes(case)] == [1] * 4


async def test_what_the_operator_allows_is_for_addresses_that_no_stranger_has_given(house: House) -> None:
    house.album.answers = {"/in": [(200, photo())]}
    case = await house.named(f"{house.album.url}/in", trusted=False)
    await house.run(fetching.TRIES)
    assert (await house.pictures(case), house.album.asked, len(await house.notes(case))) == ([], [], 1)


async def test_what_arrives_after_somebody_has_looked_stays_private_unless_it_may_be_shown(house: House) -> None:
    house.album.answers = {"/a": [(200, photo())], "/b": [(200, photo())]}
    unseen = await house.named(f"{house.album.url}/a", published=True)
    shown = await house.named(f"{house.album.url}/b", published=True, shown=True)
    await house.run()
    assert [(one.held, one.public) for one in await house.pictures(unseen)] == [(True, False)]
    assert [(one.held, one.public) for one in await house.pictures(shown)] == [(False, True)]
    assert [note[-30:] for note in await house.notes(unseen)] == ["Es wird nicht öffentlich gezeigt."[-30:]]


async def test_of_an_erased_case_nothing_is_fetched_and_a_handed_over_one_takes_its_pictures_along(
    house: House,
) -> None:
    house.album.answers = {"/a": [(200, photo())]}
    gone, moved = await house.named(f"{house.album.url}/a"), await house.named(f"{house.album.url}/a")
    async with house.ctx.transaction() as session:
        for case, do in ((gone, cases.erase), (moved, cases.hand_over)):
            found = await cases.find(session, id=case.id)
            assert found is not None
            await do(session, house.ctx, found, **({"city": THERE} if do is cases.hand_over else {}))  # type: ignore[operator]
    assert await cases.deliver(house.ctx, receiver(house.database), house.store) == 1
    assert await house.waiting() == 0
    there = House.__new__(House)
    there.__dict__.update(house.__dict__)
    there.ctx = context(house.database, slug=THERE)
    await there.run()
    assert (len(await there.pictures(moved)), house.album.asked) == (1, ["/a"])
