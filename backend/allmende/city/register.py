"""Reads the official register of municipalities (GV100AD, Destatis): fixed columns, counted in characters.

Format: "Datensatzbeschreibung GV100AD" of the Gemeindeverzeichnis. Sources: Statistisches Bundesamt (Destatis).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path

from msgspec import Struct

from allmende.errors import InputError

_KINDS = ("10", "20", "30", "40", "50", "60")
_CUT = 50
"""Names are cut at this length in the file."""


class Municipality(Struct, frozen=True, kw_only=True):
    """What the register says of one municipality."""

    ags: str
    ars: str
    name: str
    official_name: str
    """`Stadt Neudorf`, where the register writes `Neudorf, Stadt`."""
    land: str
    kreis: str
    km2: float
    population: int
    postal_code: str
    """That of the town hall, where there are several."""
    as_of: date | None = None
    """Date of the territory; None where no register was asked."""
    cut: bool = False
    """The register may have cut the name."""


def read_register(path: Path) -> list[Municipality]:
    """All municipalities of a GV100AD file. InputError names the line of a record that cannot be read."""
    land = kreis = ""
    found = []
    for number, line in _lines(path):
        kind, name = line[:2], line[22:72].strip()
        if kind == "10":
            land = name
        elif kind == "40":
            kreis = _split(name)[0]
        elif kind == "60":
            try:
                found.append(_municipality(line, name, land, kreis))
            except ValueError as error:
                raise InputError(f"{path}:{number}: not a municipality's record ({error})") from error
        elif kind not in _KINDS:
            raise InputError(f"{path}:{number}: unknown record type {kind!r}; expected a GV100AD file")
    if not found:
        raise InputError(f"{path}: holds no municipality; expected a GV100AD file")
    return found


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield number, line.rstrip("\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: is not UTF-8 text; expected a GV100AD file of 2008 or later") from error


def _municipality(line: str, name: str, land: str, kreis: str) -> Municipality:
    ags, association = line[10:18], line[18:22]
    if not (ags + association).isdigit() or len(association) != 4:
        raise ValueError(f"key {ags + association!r}")
    short, official = _split(name)
    return Municipality(
        ags=ags,
        ars=ags[:5] + association + ags[5:],
        name=short,
        official_name=official,
        land=land,
        kreis=kreis,
        km2=int(line[128:139]) / 100,
        population=int(line[139:150]),
        postal_code=line[165:170].strip(),
        as_of=datetime.strptime(line[2:10], "%Y%m%d").date(),  # noqa: DTZ007 (a date without time)
        cut=len(name) >= _CUT,
    )


def _split(name: str) -> tuple[str, str]:
    """`Neudorf, Stadt` → (`Neudorf`, `Stadt Neudorf`)."""
    short, *titles = name.split(", ")
    return (short, f"{titles[-1]} {short}") if titles else (name, name)


def find(municipalities: Sequence[Municipality], wanted: str) -> Municipality:
    """The municipality with this AGS, ARS or name. InputError lists the candidates where there is not exactly one."""
    text = wanted.strip().casefold()
    key = "".join(text.split())  # officially written in groups: 05 5 70 016
    if not text:
        raise InputError("expected an AGS (8 digits), an ARS (12 digits) or a name")
    exact = [m for m in municipalities if key in (m.ags, m.ars)]
    exact = exact or [m for m in municipalities if text in (m.name.casefold(), m.official_name.casefold())]
    if len(exact) == 1:
        return exact[0]
    if key.isdigit():
        raise InputError(f"no municipality has the key {wanted}; expected an AGS (8 digits) or ARS (12 digits)")
    names = {m.name.casefold() for m in municipalities}
    near = {*get_close_matches(text, names, n=5), *(name for name in names if text in name)}
    candidates = [m for m in municipalities if m.name.casefold() in near]
    candidates.sort(key=lambda m: (m not in exact, not m.name.casefold().startswith(text)))
    lines = [f"  {m.ars}  {m.official_name} ({m.kreis}, {m.land})" for m in candidates[:10]]
    count = "several municipalities are" if exact else "no municipality is"
    more = [f"  … and {len(candidates) - 10} more"] if len(candidates) > 10 else []
    raise InputError("\n".join([f"{count} named {wanted!r}; give the key:", *lines, *more]).rstrip(":"))


def unregistered(wanted: str) -> Municipality:
    """What a key or a name says by itself, where no register is at hand; all else stays empty."""
    text, key = " ".join(wanted.split()), "".join(wanted.split())
    if not text or (key.isdigit() and len(key) not in (8, 12)):
        raise InputError("expected an AGS (8 digits), an ARS (12 digits) or a name")
    name, ars = ("", key if len(key) == 12 else "") if key.isdigit() else (text, "")
    return Municipality(
        ags=(ars[:5] + ars[9:] or key) if key.isdigit() else "",
        ars=ars,
        name=name,
        official_name=name,
        land="",
        kreis="",
        km2=0,
        population=0,
        postal_code="",
    )


def read_coordinates(path: Path) -> dict[str, tuple[float, float]]:
    """AGS → latitude and longitude, from the register's CSV edition with `laengengrad` and `breitengrad`."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file)
            missing = {"satzart", "laengengrad", "breitengrad", "land", "rb", "kreis", "gemeinde"} - {
                *(rows.fieldnames or ())
            }
            if missing:
                raise InputError(f"{path}:1: the columns {', '.join(sorted(missing))} are missing")
            return {
                row["land"] + row["rb"] + row["kreis"] + row["gemeinde"]: (
                    float(row["breitengrad"].replace(",", ".")),
                    float(row["laengengrad"].replace(",", ".")),
                )
                for row in rows
                if row["satzart"] == "60" and row["laengengrad"] and row["breitengrad"]
            }
    except (OSError, UnicodeDecodeError, ValueError, TypeError) as error:
        raise InputError(f"{path}: cannot be read as a table of coordinates ({error})") from error
