"""Foreign HTML to HTML that is safe to show, and to plain text; entities that were escaped twice are put right."""

from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import nh3

_TAGS = """
    a abbr b blockquote br caption cite code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li mark ol p pre
    q s samp small strong sub sup table tbody td tfoot th thead time tr u ul var
"""
TAGS = set(_TAGS.split())
_DROPPED = """
    applet audio canvas embed frame frameset head iframe math noembed noframes noscript object option plaintext
    script select style svg template textarea title video xmp
"""
DROPPED = set(_DROPPED.split())
"""Tags that go together with what is in them; all others that are not in TAGS leave their contents behind."""
ATTRIBUTES = {
    "*": {"lang", "dir", "title"},
    "a": {"href", "hreflang"},
    "li": {"value"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "time": {"datetime"},
}
SCHEMES = {"http", "https", "mailto", "tel"}
_BLOCKS = {"blockquote", "caption", "div", "dl", "hr", "ol", "p", "pre", "table", "ul", *(f"h{n}" for n in range(1, 7))}
_LINES = {"br", "dd", "dt", "li", "tr"}
_SPACES = re.compile(r"[^\S\n]+")
_TWICE = re.compile(r"&amp;(#\d{2,6}|#x[0-9a-fA-F]{2,5}|[a-zA-Z][a-zA-Z0-9]{1,9});")
_ENTITY = re.compile(r"&(#\d{2,6}|#[xX][0-9a-fA-F]{2,5}|[a-zA-Z][a-zA-Z0-9]{1,9});")
_FIGURE = re.compile(r"<(/?)figure\b", re.IGNORECASE)
_CAPTION = re.compile(r"<figcaption\b(?:(?!<figcaption\b).)*?</figcaption\s*>", re.IGNORECASE | re.DOTALL)
_EMPTY = re.compile(r"<(p|div|li|ul|ol|h[1-6]|b|i|em|strong)>(?:\s|&nbsp;|<br>)*</\1>")
_SENTENCE = re.compile(r"(?<=[a-zäöüß)“”»]{2}[.!?])\s+(?=[\"„“»«(]?[A-ZÄÖÜ0-9])")
"""The end of a sentence: after a word of some length, so that `1. August`, `Dr.` and `z. B.` end none."""


def sanitise(markup: str, base: str = "") -> str:
    """The HTML with nothing in it that runs, loads or pretends: text, structure, and links resolved against `base`."""
    cleaned = nh3.clean(
        _ready(markup),
        tags=TAGS,
        clean_content_tags=DROPPED,
        attributes=ATTRIBUTES,
        url_schemes=SCHEMES,
        url_relative=("rewrite_with_base", base) if web_url(base) else "deny",
        link_rel="noopener noreferrer",
    )
    cleaned = cleaned.replace("\u00a0", "&nbsp;")
    while (shorter := _EMPTY.sub("", cleaned)) != cleaned:
        cleaned = shorter
    return _without_top_headings(cleaned).strip()


def plain(markup: str) -> str:
    """The text of a piece of HTML: whitespace folded, one empty line between paragraphs, list items with bullets."""
    parser = _Text()
    parser.feed(nh3.clean(_ready(markup), tags=TAGS, clean_content_tags=DROPPED))
    parser.close()
    return fold("".join(parser.parts))


def _ready(markup: str) -> str:
    """Entities that were escaped twice put right; captions of pictures taken out, which are shown with the pictures."""
    parts, done, begin = list[str](), 0, -1
    for edge in _FIGURE.finditer(markup):
        if not edge[1]:
            begin = edge.start()
        elif begin >= done and "<img" in (figure := markup[begin : edge.start()]).lower():
            parts += [markup[done:begin], _CAPTION.sub("", figure)]
            done, begin = edge.start(), -1
    return _TWICE.sub(r"&\1;", "".join(parts) + markup[done:])


def fold(text: str) -> str:
    """Plain text with its entities decoded (feeds escape them once too often) and its whitespace folded."""
    text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    lines = [_SPACES.sub(" ", line).strip() for line in text.replace("\r\n", "\n").split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def one_line(text: str, limit: int = 300) -> str:
    """Folded to one line of at most `limit` characters, cut between words."""
    text = " ".join(text.split())
    if len(text) <= limit:
        return text
    return text[: limit - 1].rsplit(" ", 1)[0].rstrip(" ,;:–-") + "…"


def first_sentences(text: str, limit: int = 280) -> str:
    """As many whole sentences from the beginning as fit, else the first one cut between words."""
    text = " ".join(text.split())
    end = 0
    for match in _SENTENCE.finditer(text[: limit + 2]):
        end = match.start()
    return text if len(text) <= limit else (text[:end] if end > 60 else one_line(text, limit))


def teaser(given: str, title: str, text: str) -> str:
    """The summary: the feed's own if it says more than the title and less than the text, else the first sentences."""
    given = " ".join(given.split())
    whole = " ".join(text.split())
    if given and given not in (title, whole):
        return first_sentences(given, 500)
    return first_sentences(whole) if whole != title else ""


def paragraphs(text: str) -> str:
    """Plain text as HTML, for feeds that bring no other."""
    blocks = [html.escape(block, quote=False).replace("\n", "<br>") for block in fold(text).split("\n\n") if block]
    return "".join(f"<p>{block}</p>" for block in blocks)


def web_url(address: str | None, base: str = "") -> str | None:
    """An absolute http(s) address, or None: for something to follow or to load, nothing else will do."""
    address = re.sub(r"[\s\x00-\x1f]", "", address or "")
    if not address:
        return None
    try:
        address = urljoin(base, address)
        parts = urlsplit(address)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.username
        _ = parts.port
    except ValueError:
        return None
    return address if good and len(address) <= 2048 and not set('<>"`') & set(address) else None


def _without_top_headings(cleaned: str) -> str:
    """h1 and h2 belong to the page on which the item is shown."""
    for level in ("1", "2"):
        cleaned = cleaned.replace(f"<h{level}", "<h3").replace(f"</h{level}>", "</h3>")
    return cleaned


class _Text(HTMLParser):
    """Collects the text of markup that nh3 has brought into order."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.in_pre = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.in_pre = self.in_pre or tag == "pre"
        if tag in _BLOCKS:
            self.parts.append("\n\n")
        elif tag in _LINES:
            self.parts.append("\n• " if tag == "li" else "\n")

    def handle_endtag(self, tag: str) -> None:
        self.in_pre = self.in_pre and tag != "pre"
        if tag in ("td", "th"):
            self.parts.append(" ")
        elif tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        self.parts.append(data if self.in_pre else re.sub(r"\s+", " ", data))
