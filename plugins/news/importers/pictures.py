"""Pictures of an entry, from wherever a feed may put them; tracking pixels and embedded data are none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from html.parser import HTMLParser
from urllib.parse import urlsplit

from msgspec import Struct

from .markup import fold, one_line, web_url

MAX_PICTURES = 12
_LATE = ("data-src", "data-lazy-src", "data-original")
_SIZES = re.compile(r"(\S+?)(?:\s+(\d+(?:\.\d+)?)[wx])?\s*(?:,\s|,?$)")
"""Of a `srcset`: addresses, which may hold commas, with their width or density."""
_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".webp", ".avif", ".svg")


class Picture(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One picture, by its address: nothing is loaded."""

    url: str
    alt: str = ""
    caption: str | None = None
    credit: str | None = None
    width: int | None = None
    height: int | None = None


def picture(
    url: str | None,
    base: str,
    *,
    alt: str | None = "",
    caption: str | None = None,
    credit: str | None = None,
    width: object = None,
    height: object = None,
) -> Picture | None:
    """A picture, unless the address is none or the size is that of a counting pixel."""
    address = web_url(url, base)
    wide, high = _pixels(width), _pixels(height)
    if address is None or (wide is not None and wide < 3) or (high is not None and high < 3):
        return None
    return Picture(
        url=address,
        alt=one_line(fold(alt or "")),
        caption=one_line(fold(caption or ""), 500) or None,
        credit=one_line(fold(credit or "")) or None,
        width=wide,
        height=high,
    )


def is_picture(media_type: str | None, medium: str | None, url: str | None) -> bool:
    """Whether an attachment is a picture: by its media type, else by what the feed calls it, else by its ending."""
    if media_type:
        return media_type.lower().startswith("image/")
    if medium:
        return medium.lower() == "image"
    try:
        return urlsplit(url or "").path.lower().endswith(_ENDINGS)
    except ValueError:
        return False


def pictures_in(markup: str, base: str) -> list[Picture]:
    """The <img> of a piece of HTML, with the <figcaption> of the figure that they stand in."""
    parser = _Images()
    parser.feed(markup)
    parser.close()
    found = (
        picture(
            _address(attrs),
            base,
            alt=attrs.get("alt"),
            caption=attrs.get("figcaption") or attrs.get("title"),
            width=attrs.get("width"),
            height=attrs.get("height"),
        )
        for attrs in parser.images
    )
    return [one for one in found if one]


def _address(attrs: Mapping[str, str]) -> str | None:
    """Where the picture is: pages that load it late have a placeholder in `src`. Of several sizes, the largest."""
    for name in (*_LATE, "src"):
        if (address := attrs.get(name)) and not address.lstrip().startswith("data:"):
            return address
    sizes = _SIZES.findall(attrs.get("data-srcset") or attrs.get("srcset") or "")
    return max(sizes, key=lambda size: float(size[1] or 0))[0] if sizes else None


def distinct(pictures: Iterable[Picture | None]) -> list[Picture]:
    """Each address once, with whatever any of its mentions says of it; in order."""
    found: dict[str, Picture] = {}
    for one in pictures:
        if one is None:
            continue
        old = found.get(one.url, one)
        found[one.url] = Picture(
            url=one.url,
            alt=old.alt or one.alt,
            caption=old.caption or one.caption,
            credit=old.credit or one.credit,
            width=old.width or one.width,
            height=old.height or one.height,
        )
    return list(found.values())[:MAX_PICTURES]


def _pixels(value: object) -> int | None:
    digits = str(value if value is not None else "").strip().removesuffix("px")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else None


class _Images(HTMLParser):
    """Collects the attributes of images; those of a figure get its caption as `figcaption`."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.images: list[dict[str, str]] = []
        self._figure: int | None = None
        self._caption: list[str] | None = None
        self._done: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img" and len(self.images) < 4 * MAX_PICTURES:
            self.images.append({name: value for name, value in attrs if value})
        elif tag == "figure":
            self._figure = len(self.images)
        elif tag == "figcaption":
            self._caption = []

    def handle_data(self, data: str) -> None:
        if self._caption is not None:
            self._caption.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "figcaption":
            self._done, self._caption = self._caption, None
        elif tag == "figure" and self._figure is not None:
            caption = " ".join("".join(self._done or []).split())
            for image in self.images[self._figure :] if caption else []:
                image["figcaption"] = caption
            self._figure = self._done = None
