"""The room's own texts: what stands in the export of a case."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent / "texts"


def word(language: str, key: str) -> str:
    """The text in this language, else in English; the key itself where there is none."""
    texts = _texts()
    for tag in (language, language.partition("-")[0], "en"):
        if key in texts.get(tag, {}):
            return texts[tag][key]
    return key


@cache
def _texts() -> dict[str, dict[str, str]]:
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in _HERE.glob("*.toml")}
