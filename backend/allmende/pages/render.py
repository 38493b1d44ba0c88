"""Jinja for the pages: texts in the reader's language, dates in words, the plugins' own fragments, generic ones."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date, datetime
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import structlog
from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_decimal
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context as JinjaContext
from jinja2.runtime import Undefined
from markupsafe import Markup

from allmende.context import Context
from allmende.registry import Installed, flatten

log = structlog.get_logger(__name__)
HERE = Path(__file__).parent
NONE: Mapping[str, Any] = MappingProxyType({})


@cache
def _words() -> dict[str, dict[str, str]]:
    return {path.stem: flatten(tomllib.loads(path.read_text())) for path in (HERE / "texts").glob("*.toml")}


def words(language: str, key: str, **values: Any) -> str:
    """A text of the pages themselves; languages without a file are answered in English, keys never fail."""
    for tag in (language, language.partition("-")[0], "en"):
        if key in _words().get(tag, {}):
            return _words()[tag][key].format(**values)
    return key


@cache
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language, sep="-")
    except (ValueError, UnknownLocaleError):
        return Locale("de")


def _moment(value: str | date) -> date:
    if not isinstance(value, str):
        return value
    return datetime.fromisoformat(value) if "T" in value else date.fromisoformat(value)


@pass_context
def _date(context: JinjaContext, value: str | date | None) -> str:
    """`2026-11-23…` → `Mo., 23. Nov. 2026` in the reader's language; nothing for null."""
    if not value or isinstance(value, Undefined):
        return ""
    return str(format_skeleton("yMMMEd", _moment(value), locale=_locale(context["language"])))


@pass_context
def _day(context: JinjaContext, value: str | date | None) -> str:
    """The date in full: `Montag, 23. November 2026`."""
    if not value or isinstance(value, Undefined):
        return ""
    return str(format_date(_moment(value), "full", locale=_locale(context["language"])))


@pass_context
def _time(context: JinjaContext, value: str | datetime | None) -> str:
    """The wall-clock time that the value's own offset says: `19:30`."""
    if not value or isinstance(value, Undefined):
        return ""
    moment = _moment(value)
    if not isinstance(moment, datetime):
        return ""
    return str(format_time(moment.time(), "short", locale=_locale(context["language"])))


@pass_context
def _datetime(context: JinjaContext, value: str | datetime | None) -> str:
    if not value or isinstance(value, Undefined):
        return ""
    return f"{_date(context, value)}, {_time(context, value)}".removesuffix(", ")


@pass_context
def _number(context: JinjaContext, value: float | None, digits: int = 0) -> str:
    if value is None or isinstance(value, Undefined):
        return ""
    return str(format_decimal(round(value, digits), locale=_locale(context["language"])))


def environment(folder: Path) -> Environment:
    """Templates of this folder. Everything is escaped; a missing name is an error, never silently nothing."""
    made = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.filters.update(date=_date, day=_day, time=_time, datetime=_datetime, number=_number)
    made.globals["w"] = words
    return made


_environment = cache(environment)


def page(name: str, **values: Any) -> str:
    """One of the core's own pages."""
    return _environment(HERE / "templates").get_template(name).render(**values)


def fragment(installed: Installed, ctx: Context[Any], data: Any, variables: Mapping[str, Any] = NONE) -> Markup | None:
    """The plugin's part of the preview: its preview.html, or generically where it has none; None where that fails."""
    values = {"data": data, "variables": variables, "t": ctx.text}
    values |= {"city": ctx.city, "language": ctx.language, "now": ctx.now}
    own = installed.folder / "preview.html"
    try:
        if own.is_file():
            return Markup(_environment(installed.folder).get_template(own.name).render(**values))
        return Markup(page("generic.html", **values))
    except Exception:
        log.exception("preview_failed", plugin=ctx.plugin, city=ctx.city.slug)
        return None
