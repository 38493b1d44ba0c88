"""A case in words: as its kind and the city's configuration say it, by its keys where they are not there (any more).

A plugin may be off in the city, or gone from the instance; its cases stay, and stay readable.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from allmende.casekind import GONE, CaseKind
from allmende.cases.words import word
from allmende.context import Context

log = structlog.get_logger(__name__)
FIELDS = frozenset({"text", "name", "email", "phone", "media_url", "original"})
"""Fields that many kinds have; their names are in texts/."""


def kind_text(ctx: Context[Any], kind: CaseKind | None, key: str) -> str:
    """What readers call the kind `<plugin>.<kind>`."""
    return ctx.text(kind.text) if kind else key


def status_text(ctx: Context[Any], kind: CaseKind | None, name: str) -> str:
    """The state in the reader's language."""
    status = kind.status(name) if kind else None
    if status is not None:
        return ctx.text(status.text)
    return word(ctx.language, name) if GONE.status(name) else name


def categories(ctx: Context[Any], kind: CaseKind | None) -> dict[str, str]:
    """The city's categories of this kind, id → name; none where its module is off, since its file says them."""
    if kind is None or kind.categories is None or ctx.city.config(ctx.plugin) is None:
        return {}
    try:
        return {id: ctx.pick(name) for id, name in kind.categories(ctx).items()}
    except Exception as error:  # a plugin may raise anything; the desk goes on with the keys
        _warn(ctx, error)
        return {}


def lines(ctx: Context[Any], kind: CaseKind | None, category: str, fields: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Fields and their values in words, those that hold something; what lies in a table stands for itself."""
    found: list[tuple[str, str]] = []
    for name, value in fields.items():
        if isinstance(value, Mapping):
            found += lines(ctx, kind, category, value)
        elif value not in (None, "", []):
            found.append(_asked(ctx, kind, category, name, value) or (_name(ctx, name), _value(ctx, value)))
    return found


def _asked(ctx: Context[Any], kind: CaseKind | None, category: str, field: str, value: Any) -> tuple[str, str] | None:
    if kind is None or kind.wording is None or ctx.city.config(ctx.plugin) is None:
        return None
    try:
        return kind.wording(ctx, category, field, value)
    except Exception as error:  # as above
        _warn(ctx, error)
        return None


def _warn(ctx: Context[Any], error: Exception) -> None:
    log.warning(
        "case_wording_failed", city=ctx.city.slug, plugin=ctx.plugin, error=f"{type(error).__name__}: {error}"[:200]
    )


def _name(ctx: Context[Any], field: str) -> str:
    return word(ctx.language, f"field_{field}") if field in FIELDS else field.replace("_", " ").capitalize()


def _value(ctx: Context[Any], value: Any) -> str:
    if isinstance(value, bool):
        return word(ctx.language, "yes" if value else "no")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
