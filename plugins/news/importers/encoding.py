"""Bytes to text. Wrong guesses would show citizens garbled words, so what cannot be known is refused with a hint."""

from __future__ import annotations

import codecs
import re

from allmende import FeedError, Payload

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_WITHOUT_MARK = ((b"<\0?\0", "utf-16-le"), (b"\0<\0?", "utf-16-be"))
_DECLARED = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_WESTERN = {"iso8859-1", "iso8859-15", "cp1252", "ascii"}
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff\ud800-\udfff]")


def read_text(payload: Payload) -> str:
    """The feed as text without control characters: by byte order mark, configuration or transport, XML declaration,
    UTF-8, and Windows-1252 if that gives words."""
    return _CONTROLS.sub("", _decode(payload)).lstrip("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _decode(payload: Payload) -> str:
    content = payload.content
    for mark, name in _MARKS:
        if content.startswith(mark):
            return content[len(mark) :].decode(name, errors="replace")
    for start, name in _WITHOUT_MARK:
        if content.startswith(start):
            return content.decode(name, errors="replace")
    declared = _DECLARED.search(content[:1000])
    for label in (payload.encoding, declared.group(1).decode() if declared else ""):
        if (text := _as(content, label)) is not None:
            return text
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        text = _western(content)
        if text is not None and _is_plausible(text):
            return text
        raise FeedError(
            "the text is neither UTF-8 nor in the encoding that it declares; "
            'set encoding = "…" for this source (koi8-r, euc-jp, windows-1255, for instance)',
            place=_place(error),
        ) from error


def _place(error: UnicodeDecodeError) -> str:
    line = error.object[: error.start].count(b"\n") + 1
    return f"line {line}, byte {error.start}"


def _as(content: bytes, label: str) -> str | None:
    """The text in this encoding. Where a western one is claimed and UTF-8 fits, it is UTF-8: servers claim a lot."""
    if not label:
        return None
    try:
        name = codecs.lookup(label).name
        if name in _WESTERN:
            try:
                return content.decode("utf-8")
            except UnicodeDecodeError:
                return _western(content) or content.decode("iso8859-1")
        return content.decode(name)
    except (UnicodeDecodeError, LookupError):
        return None


def _western(content: bytes) -> str | None:
    try:
        return content.decode("cp1252")
    except UnicodeDecodeError:
        return None


def _is_plausible(text: str) -> bool:
    """Whether it reads like a western European language: few of its letters are other than a to z."""
    letters = [char for char in re.sub(r"<[^>]*>", "", text) if char.isalpha() or not char.isascii()]
    foreign = sum(not char.isascii() for char in letters)
    return foreign * 4 <= len(letters)
