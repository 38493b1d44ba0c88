"""The exit kit for city admins: everything of the city as one archive, to be kept, or imported elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO, Any

from litestar import Response
from litestar.response import Stream

from allmende.accounts.audit import audit
from allmende.db.engine import Database
from allmende.desk.exitkit import Counts, export_city, revisions
from allmende.desk.page import Nav, Page
from allmende.desk.request import Desk

PERMISSION = "desk.export"
SMALL = 20_000
PIECE = 1 << 16
_making: set[str] = set()
"""Cities whose archive this worker is making: one at a time each."""


async def show(desk: Desk) -> Response[Any]:
    return desk.page("admin/leaving.html")


async def export(desk: Desk) -> Response[Any]:
    """The archive. It is made in a thread with a loop of its own, since packing blocks, and the file has no name."""
    office, slug = desk.office, desk.city.slug
    if slug in _making:
        return desk.go("export", said="leaving.busy", kind="warn")
    target: IO[bytes] = TemporaryFile()  # noqa: SIM115 (it is closed when it has been sent)

    async def make() -> Counts:
        database = Database(office.database.url.render_as_string(hide_password=False), pool_size=1)
        try:
            folder = office.cities().folder / slug
            return await export_city(database, office.files, slug, folder, revisions(office.registry), target)
        finally:
            await database.close()

    _making.add(slug)
    try:
        counts = await asyncio.to_thread(asyncio.run, make())
        async with desk.transaction() as session:
            await audit(session, desk.reader, "city.export", slug, {"rows": sum(counts.values())}, now=desk.now)
    except BaseException:
        target.close()
        raise
    finally:
        _making.discard(slug)
    day = desk.now.date().isoformat()
    headers = {"Content-Disposition": f'attachment; filename="{slug}-{day}.zip"', "Content-Length": str(target.tell())}
    return Stream(_pieces(target), media_type="application/zip", headers=headers)


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        file.seek(0)
        while piece := file.read(PIECE):
            yield piece


PAGES = (
    Page(path="export", show=show, act=export, permission=PERMISSION, size=SMALL,
         nav=Nav(group="city", text="leaving.title", icon="external-link", order=56)),
)  # fmt: skip
