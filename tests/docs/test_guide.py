"""The editors' guide names what is at the desk: every word in bold stands there, in German."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from allmende.registry import flatten

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs/redaktion.md").read_text(encoding="utf-8")
FILES = (*(ROOT / "backend/allmende/desk/texts/de").glob("*.toml"), *(ROOT / "plugins").glob("*/texts/de.toml"))
TEXTS = [text for path in FILES for text in flatten(tomllib.loads(path.read_text(encoding="utf-8"))).values()]
NAMED = [
    re.sub(r"\\{\w+\\}", "(.+)", re.escape(text))
    for text in TEXTS
    if "{" in text and len(re.sub(r"\{\w+\}|\W", "", text)) > 2  # and not only what is filled in
]
"""Texts with something to be filled in, as patterns: `Neu: {kind}`."""


def test_every_name_in_bold_is_one_of_the_desk() -> None:
    bold = {found.strip() for found in re.findall(r"\*\*([^*`\n]+)\*\*", GUIDE)}
    names = {name for name in bold if not name.endswith(":")}  # those that do are headings of their paragraph
    assert len(names) > 30
    there = "\n".join(TEXTS)
    assert [
        name for name in sorted(names) if name not in there and not any(re.fullmatch(one, name) for one in NAMED)
    ] == []
