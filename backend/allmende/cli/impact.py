"""`allmende impact`: whom a change concerns, and how, before it is merged."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click


@click.command()
@click.option("--base", default="", help="Commit to compare with; by default where this branch left main.")
@click.option("--markdown", is_flag=True, help="Markdown, for a comment in a pull request.")
def impact(base: str, markdown: bool) -> None:
    """What the working tree changes for every city: schema, settings, plugins, released apps.

    Exit code 1 if anything breaks that was not announced with `@deprecated(reason: "… until YYYY-MM-DD")`.
    """
    from allmende.impact.compare import compare
    from allmende.impact.report import report
    from allmende.impact.trees import NoBase, base_revision, git

    try:
        root = Path(git(Path.cwd(), "rev-parse", "--show-toplevel").decode().strip())
        revision = base_revision(root, base)
    except NoBase as error:
        if base:
            raise click.ClickException(f"there is no commit {base}: {error.message}") from error
        click.echo("impact: skipped, there is no earlier version here to compare with (a shallow clone?)", err=True)
        return
    found = compare(root, revision, datetime.now(UTC).date())
    click.echo(report(found, markdown=markdown), nl=False)
    if found.breaks:
        raise click.exceptions.Exit(1)
