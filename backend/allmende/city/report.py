"""From a path inside merged values to a Problem that names the file, line and key that somebody can go and change."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from allmende.city.layers import locate
from allmende.city.positions import Path
from allmende.city.read import Layer, Raw
from allmende.city.walk import Finding
from allmende.errors import Problem


def dotted(path: Path) -> str:
    """`sources[0].kind`, as msgspec writes it."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def _key(layer: Layer, path: Path) -> str:
    """As somebody finds it in that layer: a key of the file, or the name of the variable."""
    return "__".join((layer.variables, *map(str, path))).upper() if layer.variables else dotted(path)


def problems(findings: Iterable[Finding], layers: Sequence[Layer], merged: Raw) -> list[Problem]:
    """Findings in the merged values as problems in the layers' files, in the order of their lines."""
    found = []
    for finding in findings:
        layer, (line, column) = locate(layers, merged, finding.path)
        found.append(
            Problem(
                file=layer.name,
                line=line,
                column=column,
                key=_key(layer, finding.path),
                message=finding.message,
                expected=finding.expected,
            )
        )
    return sorted(found, key=lambda p: (p.file, p.line, p.column, p.key))
