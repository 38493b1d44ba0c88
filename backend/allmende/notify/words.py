"""The room's own texts: what stands around a message in a mail, and on the pages for confirming and opting out."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent / "texts"


def word(language: str, key: str, **values: Any) -> str:
    """The text `section.name` in this language, else in English."""
    section, _, name = key.partition(".")
    known = _texts()
    texts = known.get(language) or known.get(language.partition("-")[0]) or known["en"]
    return texts[section][name].format(**values)


@cache
def _texts() -> dict[str, dict[str, dict[str, str]]]:
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in _HERE.glob("*.toml")}
