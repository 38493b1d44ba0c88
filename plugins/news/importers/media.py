"""Media RSS, taken from the tree before feedparser sees it: there, captions of pictures replace the item's own text."""

from __future__ import annotations

from xml.etree.ElementTree import Element, tostring

from msgspec import Struct

from .document import Document
from .pictures import Picture, is_picture, picture

_NAMESPACES = ("{http://search.yahoo.com/mrss/}", "{http://search.yahoo.com/mrss}")
_SAID = {"title", "description", "text", "credit"}


class Media(Struct, frozen=True, kw_only=True):
    """One media:content, with what is said of it."""

    url: str
    kind: str
    medium: str
    width: str
    height: str
    alt: str
    caption: str
    credit: str

    def picture(self, base: str) -> Picture | None:
        if not is_picture(self.kind, self.medium, self.url):
            return None
        return picture(
            self.url,
            base,
            alt=self.alt,
            caption=self.caption,
            credit=self.credit,
            width=self.width,
            height=self.height,
        )


def take_media(document: Document) -> tuple[bytes, list[list[Media]]]:
    """The document without words about media, and the media of each entry in the document's order."""
    root = document.root
    if root is None:
        return document.text.encode(), []
    media = [
        [_media(one) for space in _NAMESPACES for one in item.iter(space + "content")]
        for item in root.iter()
        if isinstance(item.tag, str) and item.tag.rpartition("}")[2] in ("item", "entry")
    ]
    if not any(media):
        return document.text.encode(), media
    names = {space + name for space in _NAMESPACES for name in _SAID}
    for parent in root.iter():
        for child in [child for child in parent if child.tag in names]:
            parent.remove(child)
    return tostring(root, "utf-8"), media


def _media(one: Element) -> Media:
    return Media(
        url=one.get("url", ""),
        kind=one.get("type", ""),
        medium=one.get("medium", ""),
        width=one.get("width", ""),
        height=one.get("height", ""),
        alt=_said(one, "text") or _said(one, "title"),
        caption=_said(one, "description"),
        credit=_said(one, "credit"),
    )


def _said(one: Element, name: str) -> str:
    found = (one.find(space + name) for space in _NAMESPACES)
    return next((" ".join("".join(element.itertext()).split()) for element in found if element is not None), "")
