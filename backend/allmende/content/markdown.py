"""Markdown as editors write it to HTML that is safe to show, and to plain text."""

from __future__ import annotations

import re

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from allmende.contenttype import Rich

TAGS = {"a", "blockquote", "br", "code", "em", "h3", "h4", "hr", "li", "ol", "p", "pre", "strong", "ul"}
SCHEMES = {"http", "https", "mailto", "tel"}
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True})
"""CommonMark 0.31; HTML stays text, and a line break is one."""
_BLANK = re.compile(r"\n{3,}")


def rich(source: str) -> Rich:
    """The text as HTML (headings begin at h3, since the page has its own) and as plain text with bullets."""
    tokens = _MARKDOWN.parse(source.replace("\r\n", "\n"))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + 2, 4)}"
    markup = _MARKDOWN.renderer.render(tokens, _MARKDOWN.options, {})
    safe = nh3.clean(markup, tags=TAGS, attributes={"a": {"href"}}, url_schemes=SCHEMES, link_rel="noopener noreferrer")
    return Rich(source=source, html=safe.strip(), text=_plain(tokens))


def _plain(tokens: list[Token]) -> str:
    parts: list[str] = []
    for token in tokens:
        if token.type == "list_item_open":
            parts.append("\n• ")
        elif token.type == "inline":
            parts.append("".join(_inline(child) for child in token.children or ()))
        elif token.type in ("paragraph_close", "heading_close", "bullet_list_close", "ordered_list_close"):
            parts.append("\n" if token.hidden else "\n\n")
        elif token.type in ("code_block", "fence"):
            parts.append(f"{token.content}\n")
    lines = (line.rstrip() for line in "".join(parts).replace("• \n", "• ").split("\n"))
    return _BLANK.sub("\n\n", "\n".join(lines)).replace("\n\n•", "\n•").strip()


def _inline(token: Token) -> str:
    if token.type in ("softbreak", "hardbreak"):
        return "\n"
    return token.content if token.type in ("text", "code_inline") else token.content if token.type == "image" else ""
