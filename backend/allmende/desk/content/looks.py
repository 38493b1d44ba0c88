"""Pictures on other servers, as the desk shows them: fetched by the server, made small, kept for a while.

The browsers of editors load nothing from elsewhere; the other server learns of this server, and of nobody who looks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from litestar import Response

from allmende.content import overlay
from allmende.content.items import find
from allmende.content.kinds import is_address
from allmende.desk.content.bench import Bench, bench
from allmende.desk.content.pictures import THUMB
from allmende.desk.request import Desk
from allmende.errors import AllmendeError, NotFound
from allmende.files.upload import MAX_BYTES, take_in, uploaded

REDIRECTS = 3
KEPT = "private, max-age=3600"


async def of_item(desk: Desk) -> Response[Any]:
    made = bench(desk)
    async with desk.session() as session:
        item = await find(session, made.at, str(desk.path["id"]))
    return await _small(made, item.values)


async def of_imported(desk: Desk) -> Response[Any]:
    made = bench(desk)
    async with desk.session() as session:
        said, correction = await overlay.compared(session, made.at, str(desk.path["id"]))
    return await _small(made, {**said, **(correction.values if correction else {})})


def addresses(made: Bench, values: Mapping[str, Any], *here: str) -> dict[str, str]:
    """Address of each picture elsewhere that the values name → where the desk shows it."""
    found = [one["url"] for one in _pictures(made, values)]
    return {url: made.address(*here, "picture", n=str(number)) for number, url in enumerate(found) if is_address(url)}


def _pictures(made: Bench, values: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [one for field in made.type.fields if field.kind == "images" for one in values.get(field.name) or ()]


async def _small(made: Bench, values: Mapping[str, Any]) -> Response[Any]:
    """Only what the item itself names is fetched. NotFound where there is no picture to be had."""
    desk, office, city = made.desk, made.desk.office, made.desk.city.slug
    number, there = desk.asked("n", 3), _pictures(made, values)
    if not number.isdecimal() or int(number) >= len(there) or not is_address(url := there[int(number)]["url"]):
        raise NotFound("there is no such picture")
    key = f"seen at the desk: {url}"
    row = await uploaded(office.database, city, key)
    if row is None:
        try:
            answer = await made.at.ctx.outside.call("GET", url, size=MAX_BYTES, redirects=REDIRECTS)
            if answer.status != 200:
                raise NotFound("the picture is gone")
            row = await take_in(office.database, office.files, city, answer.content, office.clock(), key)
        except AllmendeError as error:
            raise NotFound("the picture cannot be shown") from error
    content = await office.files.get(city, row.id, THUMB)
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": KEPT})
