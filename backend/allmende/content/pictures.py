"""Uploaded pictures of items: each item has its own, so that its copy keeps them whatever becomes of the original."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession

from allmende.contenttype import ContentType
from allmende.files.service import claim

SIZE = "full"
"""The size that the stored address names; the others lie beside it."""
_OWN = re.compile(r"/([a-z0-9-]+)/files/([0-9a-f]{32})/")


def picture(city: str, id_: str) -> str:
    """The stored address of an upload."""
    return f"/{city}/files/{id_}/{SIZE}.jpg"


def owner(id_: str) -> str:
    """To whom the room of files says that an item's pictures belong; citizens may fetch them while it is published."""
    return f"content:{id_}"


def uploads(type_: ContentType, values: Mapping[str, Any], city: str) -> list[str]:
    """Ids of the uploads of this city that the values name."""
    found = (_OWN.match(one["url"]) for one in _images(type_, values))
    return list(dict.fromkeys(match[2] for match in found if match and match[1] == city))


def readdressed(
    type_: ContentType, values: Mapping[str, Any], source: str, city: str, ids: Mapping[str, str]
) -> dict[str, Any]:
    """The values with addresses of copies in this city instead of the uploads of `source`: id → id of the copy."""
    there = {picture(source, old): picture(city, new) for old, new in ids.items()}
    changed = dict(values)
    for field in type_.fields:
        if field.kind == "images" and changed.get(field.name):
            changed[field.name] = [{**one, "url": there.get(one["url"], one["url"])} for one in changed[field.name]]
    return changed


async def claim_uploads(
    session: AsyncSession, type_: ContentType, values: Mapping[str, Any], city: str, id_: str, *, public: bool
) -> None:
    """The uploads that these values of an item name belong to it now, so that they do not expire. InputError
    (FILE_UNKNOWN) where one is not there, or is another item's."""
    await claim(session, uploads(type_, values, city), "content", owner(id_), public=public)


def _images(type_: ContentType, values: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for field in type_.fields:
        if field.kind == "images":
            yield from values.get(field.name) or ()
