"""Texts from feeds made safe and readable: HTML cleaned, plain text made from it, addresses checked."""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

import nh3

TAGS = {"a", "b", "blockquote", "br", "em", "h3", "h4", "i", "li", "ol", "p", "strong", "ul"}
_NAMES = """
    a abbr article audio b blockquote body br button center code del div em embed font footer form h\\d header hr html i
    iframe img input ins li link math meta object ol p pre q s script section small span strong style sub sup svg table
    td th tr u ul video
"""
_MARKUP = re.compile(rf"</?(?:{'|'.join(_NAMES.split())})\b[^>]*>", re.IGNORECASE)
"""`<5 Euro>` is none, and stays."""
_BREAK = re.compile(r"<br\s*/?>|</(?:p|div|li|h\d|blockquote|tr)>", re.IGNORECASE)
_URL = re.compile(r"(?:https?://|www\.)[^\s,;<>\"]+")


def prose(text: str) -> tuple[str, str | None]:
    """(plain text, sanitised HTML or None): what looks like HTML is cleaned, anything else is left as it is."""
    if not _MARKUP.search(text):
        return _tidy(text), None
    safe = nh3.clean(text, tags=TAGS, url_schemes={"http", "https", "mailto", "tel"})
    bare = nh3.clean(_BREAK.sub(lambda match: match[0] + "\n", safe), tags=set())
    return _tidy(html.unescape(bare)), safe.strip()


def one_line(text: object) -> str:
    """A title or name: no markup, no line breaks."""
    return " ".join(prose(str(text))[0].split())


def web_address(value: object) -> str | None:
    """The address if a browser may open it, else None."""
    address = str(value or "").strip()
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return address if parts.scheme in ("http", "https") and parts.netloc else None


def split_address(text: str) -> tuple[str, str | None]:
    """(text without the first web address in it, that address)."""
    match = _URL.search(text)
    if not match:
        return one_line(text), None
    rest = one_line(text[: match.start()].rstrip(" ,;(-–:") + " " + text[match.end() :].lstrip(" )"))
    address = match[0].rstrip(".)")
    return rest, web_address(address if address.startswith("http") else f"https://{address}")


def _tidy(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
