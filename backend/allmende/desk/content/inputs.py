"""Stored values as the inputs of a form, the other way round than content.values.from_form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from allmende.contenttype import ContentType, Field
from allmende.context import Context


def inputs(
    type_: ContentType, values: Mapping[str, Any], ctx: Context[Any], only: Sequence[str] | None = None
) -> dict[str, list[str]]:
    """Name of each input → what it shows. With `only`, just these fields, and none of them translated."""
    found: dict[str, list[str]] = {}
    for field in type_.fields:
        if only is not None and field.name not in only:
            continue
        value, name = values.get(field.name), f"f-{field.name}"
        if field.translated and only is None:
            for language in ctx.city.languages:
                found[f"{name}.{language}"] = [str((value or {}).get(language, ""))]
        else:
            found |= _one(field, name, value, ctx)
    return found


def _one(field: Field, name: str, value: Any, ctx: Context[Any]) -> dict[str, list[str]]:
    match field.kind:
        case "datetime":
            return {name: [_local(value, ctx)]}
        case "dates" | "tags":
            return {name: ["\n".join(value or ())]}
        case "boolean":
            return {name: ["1"] if value else []}
        case "position":
            return {f"{name}.{axis}": [str((value or {}).get(axis, "")).replace(".", ",")] for axis in ("lat", "lon")}
        case "images":
            return {
                f"{name}.{number}.{part}": [_percent(text) if part in ("x", "y") else str(text)]
                for number, one in enumerate(value or ())
                for part, text in one.items()
            }
    return {name: ["" if value is None else str(value)]}


def _local(value: Any, ctx: Context[Any]) -> str:
    try:
        return ctx.localize(datetime.fromisoformat(value)).strftime("%Y-%m-%dT%H:%M") if value else ""
    except (ValueError, TypeError):
        return str(value)


def _percent(share: Any) -> str:
    return str(round(float(share) * 100))
