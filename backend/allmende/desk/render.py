"""Jinja for the desk: its texts in German and English, and the environment of its templates."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment

from allmende.pages.render import environment
from allmende.registry import flatten

HERE = Path(__file__).parent
LANGUAGES = ("de", "en")
TITLES = {"de": "Deutsch", "en": "English"}


@cache
def _texts() -> dict[str, dict[str, str]]:
    """Language → key → text. The file `texts/<language>/feeds.toml` holds the keys `feeds.…`."""
    return {
        language: {
            f"{path.stem}.{key}": text
            for path in sorted((HERE / "texts" / language).glob("*.toml"))
            for key, text in flatten(tomllib.loads(path.read_text(encoding="utf-8"))).items()
        }
        for language in LANGUAGES
    }


def words(language: str, key: str, **values: Any) -> str:
    """A text of the desk; `{name}` is filled from `values`. With `n`, the key's `_one` is taken where n is 1."""
    texts = _texts()[language]
    if values.get("n") == 1 and f"{key}_one" in texts:
        key = f"{key}_one"
    text = texts.get(key)
    if text is None:
        raise KeyError(f"the desk has no text {key!r} in {language}")
    return text.format(**values) if values else text


@cache
def _environment() -> Environment:
    made = environment(HERE / "templates")
    made.lstrip_blocks = True
    return made


def render(name: str, **values: Any) -> str:
    """One template below templates/."""
    return _environment().get_template(name).render(**values)
