"""The change at hand, compared with where it began."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec import Struct

from allmende.impact.apps import app_findings, releases
from allmende.impact.deployments import city_findings, plugin_findings
from allmende.impact.picture import CITY, LEVELS, Finding, Picture
from allmende.impact.schema import schema_findings
from allmende.impact.settings import settings_findings
from allmende.impact.trees import extract, look


class Impact(Struct, frozen=True, kw_only=True):
    """What the working tree does to everybody, compared with a commit."""

    base: str
    before: Picture
    after: Picture
    findings: tuple[Finding, ...]

    @property
    def breaks(self) -> bool:
        return any(finding.level == "breaking" for finding in self.findings)


def compare(root: Path, base: str, today: date) -> Impact:
    """Look at both versions, each with its own code, and say what differs, the worst first."""
    with TemporaryDirectory(prefix="allmende-base-") as folder:
        tree = Path(folder)
        extract(root, base, tree)
        before, after = look(tree), look(root)
        findings = [
            *(
                Finding(level="breaking", about="plugin", text=failure, cities=after.using("") or before.using(""))
                for failure in after.failures
                if failure not in before.failures
            ),
            *plugin_findings(before, after),
            *city_findings(before, after),
            *schema_findings(before, after, today),
            *app_findings(before, after, releases(tree / "clients"), releases(root / "clients"), today),
            *settings_findings(before, after, lambda slug, plugin: _same(tree, root, slug, plugin)),
        ]
    ordered = sorted(findings, key=lambda finding: (LEVELS.index(finding.level), finding.about, finding.text))
    return Impact(base=base, before=before, after=after, findings=tuple(ordered))


def _same(old: Path, new: Path, slug: str, plugin: str) -> bool:
    """Whether the city's own file for a plugin (or for the city itself) says the same as before."""
    name = "city.toml" if plugin == CITY else f"plugins/{plugin}.toml"
    files = [tree / "cities" / slug / name for tree in (old, new)]
    return all(file.is_file() for file in files) and files[0].read_bytes() == files[1].read_bytes()
