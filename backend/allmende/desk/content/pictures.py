"""Pictures that editors upload with a form: kept as files of the item, public as long as it is published."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from allmende.content.items import owner
from allmende.content.tables import ContentItem
from allmende.desk.content.bench import Bench
from allmende.errors import InputError
from allmende.files.service import address, claim, owned
from allmende.files.upload import take_in

SIZE, THUMB = "full", "small"
_OWN = re.compile(r"/([a-z0-9-]+)/files/([0-9a-f]{32})/")


async def take_uploads(made: Bench) -> None:
    """Each uploaded picture becomes the address of its field; what is no picture is said beside it."""
    desk, store = made.desk, made.desk.office.files
    for field in made.type.fields:
        for number in range(field.most if field.kind == "images" else 0):
            name = f"f-{field.name}.{number}"
            file = desk.form.file(f"{name}.file")
            if desk.form.flag(f"{name}.drop"):
                desk.form.fill(**{f"{name}.url": ""})
            if file is None:
                continue
            try:
                row = await take_in(desk.office.database, store, desk.city.slug, file.content, desk.office.clock())
            except InputError:
                desk.form.fault(f"f-{field.name}", "content.fault.no_picture")
                continue
            desk.form.fill(**{f"{name}.url": f"/{desk.city.slug}/files/{row.id}/{SIZE}.jpg"})


async def claim_pictures(session: AsyncSession, made: Bench, item: ContentItem) -> None:
    """The item's own uploads belong to it now, so that they do not expire."""
    ids = [
        match[2]
        for field in made.type.fields
        if field.kind == "images"
        for one in item.values.get(field.name) or ()
        if (match := _OWN.match(one["url"])) and match[1] == made.desk.city.slug
    ]
    await claim(session, list(dict.fromkeys(ids)), "content", owner(item.id), public=item.live is not None)


async def show_pictures(session: AsyncSession, item: ContentItem, now: datetime) -> Mapping[str, str]:
    """Stored address → one under which the desk can show a small picture, published or not."""
    files = (await owned(session, [owner(item.id)]))[owner(item.id)]
    return {f"/{file.city}/files/{file.id}/{SIZE}.jpg": address(file, THUMB, now) for file in files}
