"""Jinja for the desk: its texts in German and English, and the environment of its templates."""

from __future__ import annotations

import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from babel.dates import format_datetime, format_timedelta
from jinja2 import Environment, pass_context
from jinja2.runtime import Context as JinjaContext
from jinja2.runtime import Undefined
from markupsafe import Markup

from allmende.pages.render import environment
from allmende.registry import flatten

HERE = Path(__file__).parent
LANGUAGES = ("de", "en")
TITLES = {"de": "Deutsch", "en": "English"}
LOCALES = {"de": "de", "en": "en_GB"}
"""How dates are written: the day before the month in English, too."""


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


def words(language: str, key: str, /, **values: Any) -> str:
    """A text of the desk; `{name}` is filled from `values`. With `n`, the key's `_one` is taken where n is 1."""
    texts = _texts()[language]
    if values.get("n") == 1 and f"{key}_one" in texts:
        key = f"{key}_one"
    text = texts.get(key)
    if text is None:
        raise KeyError(f"the desk has no text {key!r} in {language}")
    return text.format(**values) if values else text


@pass_context
def _when(context: JinjaContext, moment: datetime | None) -> Markup:
    """An instant as the city's clocks show it: `26.11.2026, 07:20`."""
    if moment is None or isinstance(moment, Undefined):
        return Markup("–")
    local = moment.astimezone(context["desk"].city.tz)
    text = format_datetime(local, "short", tzinfo=local.tzinfo, locale=LOCALES[context["language"]])
    return Markup('<time datetime="{}">{}</time>').format(local.isoformat(timespec="seconds"), text)


@pass_context
def _ago(context: JinjaContext, moment: datetime | None) -> Markup:
    """How long ago, or how soon: `vor 12 Minuten`; the instant itself is the title."""
    if moment is None or isinstance(moment, Undefined):
        return Markup("–")
    desk, language = context["desk"], context["language"]
    local = moment.astimezone(desk.city.tz)
    text = format_timedelta(moment - desk.now, add_direction=True, locale=language)
    title = format_datetime(local, "medium", tzinfo=local.tzinfo, locale=LOCALES[language])
    return Markup('<time datetime="{}" title="{}">{}</time>').format(local.isoformat(timespec="seconds"), title, text)


@cache
def _environment() -> Environment:
    made = environment(HERE / "templates")
    made.lstrip_blocks = True
    made.filters.update(when=_when, ago=_ago)
    return made


def render(template: str, /, **values: Any) -> str:
    """One template below templates/."""
    return _environment().get_template(template).render(**values)
