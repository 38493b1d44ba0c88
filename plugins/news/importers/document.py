"""What arrives where a feed should be: checked before anything reads it, so that each fault is named with its place."""

from __future__ import annotations

import re
from html import unescape
from xml.etree.ElementTree import Element, ParseError

from allmende import FeedError, Payload
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from msgspec import Struct

from .encoding import read_text

ROOTS = {"rss", "feed", "RDF"}
_DECLARATION = re.compile(r"<\?xml(?=\s)[^>]*\?>")
_ENTITY = re.compile(r"<!ENTITY\b", re.IGNORECASE)
_TITLE = re.compile(r"<title[^>]*>([^<]{1,200})", re.IGNORECASE)


class Document(Struct, frozen=True, kw_only=True):
    """An XML feed as text, with its tree, or with what keeps it from being well-formed."""

    text: str
    root: Element | None
    fault: str = ""
    """Why it is not well-formed, and where; feedparser may still make something of it."""
    place: str = ""


def read_document(payload: Payload) -> Document:
    """The document, or a FeedError: empty, JSON, a web page, entities that could explode or read files."""
    text = read_text(payload)
    content = text.strip()
    if not content:
        raise FeedError("is empty", place="the document")
    if content[0] in "{[":
        raise FeedError('is JSON, not RSS or Atom; for a JSON Feed, say kind = "jsonfeed"', place="line 1")
    text = _without_declaration(text)
    first = re.search(
        r"<[A-Za-z]", re.sub(r"<!--.*?(-->|\Z)", lambda match: " " * len(match.group()), text, flags=re.S)
    )
    head = text[: first.start()] if first else text
    if entity := _ENTITY.search(head):
        raise FeedError("declares XML entities, which feeds do not need and attacks use", place=_line(text, entity))
    if first is None:
        raise FeedError("has no element at all: this is no feed", place="the document")
    name = re.match(r"<([A-Za-z][\w:.-]*)", text[first.start() :])
    root_name = name.group(1) if name else ""
    if root_name.lower() in ("html", "head", "body"):
        title = _TITLE.search(text)
        said = f" titled “{' '.join(unescape(title.group(1)).split())}”" if title else ""
        raise FeedError(f"is a web page{said}, not a feed", place=_line(text, first))
    if root_name.rpartition(":")[2] not in ROOTS:
        raise FeedError(f"is <{root_name[:40]}>, expected <rss>, <feed> or <rdf:RDF>", place=_line(text, first))
    try:
        return Document(text=text, root=fromstring(text))
    except DefusedXmlException as error:
        raise FeedError(f"is refused as dangerous XML: {type(error).__name__}", place="the document type") from error
    except (ParseError, ValueError, RecursionError) as error:
        line, column = getattr(error, "position", (1, 0))
        fault = str(error).partition(": line")[0]
        return Document(text=text, root=None, fault=fault, place=f"line {line}, column {column + 1}")


def _without_declaration(text: str) -> str:
    """The text without its XML declaration, which no longer says the truth, and wherever it stands; lines are kept."""
    match = _DECLARATION.search(text[:4000])
    return text if match is None else text[: match.start()] + text[match.end() :]


def _line(text: str, match: re.Match[str]) -> str:
    return f"line {text.count(chr(10), 0, match.start()) + 1}"
