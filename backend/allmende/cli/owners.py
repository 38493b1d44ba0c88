"""`allmende owners`: CODEOWNERS, made from what plugin.toml and city.toml say of who looks after what."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

FILE = Path("CODEOWNERS")
HEAD = """# Who reviews a change, by folder. Written by `allmende owners --write` from `maintainers` in pyproject.toml
# (`[tool.allmende]`), plugin.toml and city.toml; a plugin without any has those of the city that owns it.
"""
JOINT = "allmende"
"""The owner of plugins that are maintained jointly."""


@click.command()
@click.option("--write", is_flag=True, help=f"Write it to {FILE}.")
@click.option("--check", is_flag=True, help=f"Fail unless {FILE} is up to date and everything has an owner.")
def owners(write: bool, check: bool) -> None:
    """CODEOWNERS of all plugins and cities: printed, written or compared with the file."""
    text, problems = codeowners(Path())
    for problem in problems:
        click.echo(problem, err=True)
    if write:
        FILE.write_text(text, encoding="utf-8")
        click.echo(f"wrote {FILE}")
    elif not check:
        click.echo(text, nl=False)
    elif not FILE.is_file() or FILE.read_text(encoding="utf-8") != text:
        problems.append(f"{FILE} is not up to date: run `allmende owners --write`")
        click.echo(problems[-1], err=True)
    else:
        click.echo(f"{FILE} is up to date")
    if problems and not write:
        raise click.exceptions.Exit(1)


def codeowners(root: Path) -> tuple[str, list[str]]:
    """The file's text, and what is wrong: plugins whose owner nobody knows. The last line that fits a path counts."""
    core = _toml(root / "pyproject.toml").get("tool", {}).get("allmende", {}).get("maintainers", [])
    cities = {path.parent.name: _toml(path) for path in sorted((root / "cities").glob("[!_.]*/city.toml"))}
    plugins = {path.parent.name: _toml(path) for path in sorted((root / "plugins").glob("*/plugin.toml"))}
    problems = [] if core else ["pyproject.toml: [tool.allmende] maintainers is missing"]
    lines = [("*", core)]
    for slug, city in cities.items():
        lines.append((f"/cities/{slug}/", city.get("maintainers") or core))
    for name, plugin in plugins.items():
        owner = plugin.get("owner", "")
        known = {JOINT: core, **{slug: city.get("maintainers") for slug, city in cities.items()}}
        handles = plugin.get("maintainers") or known.get(owner)
        if not handles:
            needed = "maintainers, or an owner that has some: allmende or a city"
            problems.append(f"plugins/{name}/plugin.toml owner: {owner!r} has no maintainers; expected {needed}")
        lines.append((f"/plugins/{name}/", handles or core))
        lines.append((f"/tests/plugins/{name}/", handles or core))
    width = max(len(path) for path, _ in lines)
    return HEAD + "\n" + "\n".join(_rows(lines, width)) + "\n", problems


def _rows(lines: list[tuple[str, list[str]]], width: int) -> Iterator[str]:
    for path, handles in lines:
        yield f"{path:<{width}}  {' '.join(handles)}"


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
