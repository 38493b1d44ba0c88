"""Pictures that editors upload with a form: kept as files of the item, public as long as it is published."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from allmende.content.pictures import owner, picture
from allmende.content.tables import ContentItem
from allmende.desk.content.bench import Bench
from allmende.errors import InputError
from allmende.files.service import address, owned
from allmende.files.upload import take_in

THUMB = "small"


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
            desk.form.fill(**{f"{name}.url": picture(desk.city.slug, row.id)})


async def show_pictures(session: AsyncSession, item: ContentItem, now: datetime) -> Mapping[str, str]:
    """Stored address → one under which the desk can show a small picture, published or not."""
    files = (await owned(session, [owner(item.id)]))[owner(item.id)]
    return {picture(file.city, file.id): address(file, THUMB, now) for file in files}
