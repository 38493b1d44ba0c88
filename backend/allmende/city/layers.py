"""How layers become one: tables merge by key, lists of tables by their `id`, everything else replaces."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any

from allmende.city.positions import Path, Place, positions
from allmende.city.read import Layer, Raw

PREFIX = "ALLMENDE_CITY__"
"""ALLMENDE_CITY__<SLUG>__<PLUGIN or CITY>__<KEY>[__<KEY>…], capitals, `_` for the slug's hyphens. The value is read as
TOML (`21`, `true`, `["de"]`, `"text"`), and taken as plain text where it is not."""


def has_ids(value: object) -> bool:
    """A non-empty list of tables that each have an `id`, by which another layer can change one of them."""
    return isinstance(value, (list, tuple)) and bool(value) and all(isinstance(i, dict) and "id" in i for i in value)


def merge(base: Mapping[str, Any], top: Mapping[str, Any]) -> Raw:
    """`top` over `base`; neither is changed."""
    merged = dict(base)
    for key, value in top.items():
        below = merged.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = merge(below, value)
        elif has_ids(below) and has_ids(value):
            merged[key] = _merge_by_id(below, value)  # type: ignore[arg-type]
        else:
            merged[key] = value
    return merged


def _merge_by_id(base: Sequence[Raw], top: Sequence[Raw]) -> list[Raw]:
    """Items keep their order, new ones follow. An item of another kind replaces, since its keys are different ones."""
    merged = list(base)
    where = {item["id"]: index for index, item in enumerate(base) if isinstance(item["id"], str)}
    for item in top:
        index = where.get(item["id"]) if isinstance(item["id"], str) else None
        if index is None:
            merged.append(item)
        elif item.get("kind", merged[index].get("kind")) != merged[index].get("kind"):
            merged[index] = item
        else:
            merged[index] = merge(merged[index], item)
    return merged


def merge_all(layers: Iterable[Layer]) -> Raw:
    merged: Raw = {}
    for layer in layers:
        merged = merge(merged, layer.raw) if merged else layer.raw
    return merged


def translate(merged: object, raw: object, path: Path) -> Path | None:
    """The path that a place of the merged values has in one layer, or None where that layer does not say it."""
    result: Path = ()
    for step in path:
        if isinstance(step, int):
            if not isinstance(merged, list) or not isinstance(raw, list) or step >= len(merged):
                return None
            if has_ids(merged) and has_ids(raw):
                wanted = merged[step]["id"]
                before = sum(
                    item["id"] == wanted for item in merged[:step]
                )  # where two have one id, which is a mistake
                found = next(
                    islice((index for index, item in enumerate(raw) if item["id"] == wanted), before, None), None
                )
            else:
                found = step if step < len(raw) else None
            if found is None:
                return None
            merged, raw, result = merged[step], raw[found], (*result, found)
        else:
            if not isinstance(raw, dict) or step not in raw:
                return None
            merged = merged.get(step) if isinstance(merged, dict) else None
            raw, result = raw[step], (*result, step)
    return result


def locate(layers: Sequence[Layer], merged: Raw, path: Path) -> tuple[Layer, Place]:
    """The layer and place that set the value at a path; for a missing key, those of the table that it belongs in."""
    for length in range(len(path), 0, -1):
        for layer in reversed(layers):
            inner = translate(merged, layer.raw, path[:length])
            if inner is not None:
                return layer, positions(layer.text).get(inner, (1, 1)) if layer.text else (1, 1)
    return next((layer for layer in reversed(layers) if layer.text), layers[-1]), (1, 1)


def from_environment(environ: Mapping[str, str]) -> dict[str, dict[str, Raw]]:
    """Slug → section (`city` or a plugin) → values, from the variables that begin with ALLMENDE_CITY__."""
    result: dict[str, dict[str, Raw]] = {}
    for name in sorted(environ):
        slug, *keys = name.removeprefix(PREFIX).lower().split("__")
        if not name.startswith(PREFIX) or len(keys) < 2:
            continue
        table = result.setdefault(slug.replace("_", "-"), {}).setdefault(keys[0], {})
        for key in keys[1:-1]:
            below = table.setdefault(key, {})
            if not isinstance(below, dict):
                below = table[key] = {}
            table = below
        table[keys[-1]] = _value(environ[name])
    return result


def _value(text: str) -> Any:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    return parsed["value"] if len(parsed) == 1 else text


def variable(slug: str, section: str, path: Path) -> str:
    """The name of the environment variable that sets a value."""
    return PREFIX + "__".join(str(part) for part in (slug.replace("-", "_"), section, *path)).upper()
