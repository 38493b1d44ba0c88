"""`allmende schema`: the public contract with the apps as text, kept in backend/schema.graphql and compared in CI."""

from __future__ import annotations

from difflib import unified_diff
from pathlib import Path

import click

FILE = Path("backend/schema.graphql")


@click.command(help="The GraphQL schema of all installed plugins: printed, written, or compared with the file.")
@click.option("--write", is_flag=True, help=f"Write it to {FILE}.")
@click.option("--check", is_flag=True, help=f"Fail, and show what differs, unless {FILE} is up to date.")
def schema(write: bool, check: bool) -> None:
    from allmende.graphql.compose import compose, undescribed
    from allmende.registry import load_registry
    from allmende.settings import load_settings

    composed = compose(load_registry(load_settings()))
    for broken in composed.registry.broken.values():
        click.echo(f"left out: {broken.name} ({broken.owner}): {broken.reason}", err=True)
    if write:
        FILE.write_text(composed.sdl)
        click.echo(f"wrote {FILE}")
    elif check:
        missing = undescribed(composed.schema)
        for place in missing:
            click.echo(f"{place} has no description", err=True)
        old = FILE.read_text() if FILE.exists() else ""
        difference = list(unified_diff(old.splitlines(), composed.sdl.splitlines(), str(FILE), "plugins", lineterm=""))
        click.echo("\n".join(difference) or f"{FILE} is up to date")
        if difference or missing or composed.registry.broken:
            raise click.exceptions.Exit(1)
    else:
        click.echo(composed.sdl, nl=False)
