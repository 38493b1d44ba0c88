"""Writes the folder of a new city from what the official register says of it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from typing import Any

from allmende.city.checks import LAENDER
from allmende.city.geo import around
from allmende.city.model import BBox, Slug
from allmende.city.register import Municipality
from allmende.city.walk import walk
from allmende.errors import InputError

ENLARGED = 1.6
"""Territories are not squares: the estimated box is this much wider than the square of the same area."""

_README = "Who runs this folder: name a team and an address that partner cities can reach.\n"
_THEME = """# Text in these colours stands on white: `allmende city check` tests the contrast.
primary = "#1f5f5b"
accent = "#b3541e"
"""
_PLUGIN = "# The module {name} is on, with its defaults. Its settings are described in plugins/{name}/README.md.\n"


def slug_of(name: str) -> str:
    """`Groß Köris` → `gross-koeris`."""
    text = name.casefold()
    for letter, letters in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.replace(letter, letters)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def estimated_box(lat: float, lon: float, km2: float) -> BBox:
    """A square around the centre, somewhat larger than one with the municipality's area."""
    return around(lat, lon, sqrt(km2) * 1000 / 2 * ENLARGED)


def write_city(
    folder: Path,
    municipality: Municipality,
    *,
    slug: str,
    position: tuple[float, float] | None,
    defaults: Mapping[str, Any],
    plugins: Sequence[str],
) -> list[Path]:
    """Write the folder; what `defaults` (from _shared/) already says is left out. Returns the files."""
    if walk(slug, Slug):
        raise InputError(
            f'"{slug}" cannot be the name of a folder; give a --slug of small letters, digits and single hyphens'
        )
    target = folder / slug
    if target.exists():
        raise InputError(f"{target} exists already; choose another --slug")
    files = {
        "city.toml": _city(municipality, position, defaults),
        "README.md": f"# {municipality.name or slug}\n\n{_README}",
        "brand/theme.toml": _THEME,
        **{f"plugins/{name}.toml": _PLUGIN.format(name=name) for name in plugins},
    }
    for name, text in files.items():
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return [target / name for name in files]


def _city(m: Municipality, position: tuple[float, float] | None, defaults: Mapping[str, Any]) -> str:
    lines = [_given("name", m.name) + ("  # the register may have cut it" if m.cut else "")]
    if m.official_name != m.name:
        lines.append(f"official_name = {_text(m.official_name)}")
    lines += [_given("ags", m.ags), _given("ars", m.ars)]
    for key, value in (("land", m.land), ("kreis", m.kreis), ("subdivision", LAENDER.get(m.ags[:2], ""))):
        if value and defaults.get(key) != value:
            lines.append(f"{key} = {_text(value)}")
    if "languages" not in defaults:
        lines.append('languages = ["de"]')
    lines += ["", "[area]"]
    if m.as_of:
        lines.append(f"# Gemeindeverzeichnis (Destatis), territory of {m.as_of:%Y-%m-%d}")
        lines += [f"km2 = {m.km2}", f"population = {m.population}"] if m.km2 else [f"population = {m.population}"]
    if position is None:
        lines += ["# MISSING: coordinates. Fill in the town hall's, and the box around the territory:"]
        lines += ["# lat = ", "# lon = ", "# bbox = { south = , west = , north = , east =  }"]
    else:
        box = estimated_box(*position, m.km2 or 1.0)
        lines += [f"lat = {position[0]}", f"lon = {position[1]}", "", "[area.bbox]"]
        lines += ["# ESTIMATE from centre and area: replace it by the box around the real territory."]
        lines += [f"{side} = {getattr(box, side):.4f}" for side in ("south", "west", "north", "east")]
    lines += ["", "[contact]"]
    lines += [
        f"{key} = {_text(value)}"
        for key, value in (("name", m.official_name), ("postal_code", m.postal_code), ("place", m.name))
        if value
    ]
    return "\n".join([*lines, ""])


def _given(key: str, value: str) -> str:
    return f"{key} = {_text(value)}" if value else f'# MISSING: {key} = ""'


def _text(value: str) -> str:
    """A TOML string; JSON's escapes are TOML's too."""
    return json.dumps(value, ensure_ascii=False)
