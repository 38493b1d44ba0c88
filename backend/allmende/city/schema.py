"""JSON Schema of every file in a city's folder, for completion in editors and for checks outside of Allmende."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from allmende.city.files import CityFile
from allmende.city.model import Brand, Config

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schemas(configs: Mapping[str, type[Config]]) -> dict[str, dict[str, Any]]:
    """File (below the city's folder) → schema. Nothing is required, since _shared/ may already say it."""
    types: dict[str, type] = {"city.toml": CityFile, "brand/theme.toml": Brand}
    types |= {f"plugins/{name}.toml": configs[name] for name in sorted(configs)}
    return {
        file: {"$schema": DRAFT, "title": file, **_relaxed(msgspec.json.schema(type))} for file, type in types.items()
    }


def _relaxed(schema: dict[str, Any]) -> dict[str, Any]:
    """Without `required` in the file's own table; the tables inside keep theirs (a source needs its kind)."""
    top = schema["$defs"][schema["$ref"].rpartition("/")[2]]
    top.pop("required", None)
    return schema


def write_schemas(folder: Path, configs: Mapping[str, type[Config]]) -> list[Path]:
    """One <file>.schema.json for each file."""
    written = []
    for file, schema in schemas(configs).items():
        path = folder / file.replace(".toml", ".schema.json")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        written.append(path)
    return written
