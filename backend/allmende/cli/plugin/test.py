"""`allmende plugin test`: one plugin's tests, with nothing else installed and without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from allmende.city.walk import unknown
from allmende.registry import load_registry
from allmende.settings import load_settings

OPTIONS = (
    "--quiet",
    "--import-mode=importlib",
    "--override-ini=addopts=",
    "--override-ini=asyncio_mode=auto",
    "--override-ini=asyncio_default_fixture_loop_scope=function",
)


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("name")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(name: str, arguments: tuple[str, ...]) -> None:
    """Run the tests of the plugin NAME alone: no other plugin is there, and nothing beyond this machine is reached.

    They are those in tests/plugins/NAME, or what ARGUMENTS name; these are handed to pytest.
    """
    if not find_spec("pytest"):
        raise click.ClickException("pytest is not installed here; run make setup")
    settings = load_settings()
    registry = load_registry(settings)
    known = registry.plugins.keys() | registry.broken.keys()
    if name not in known:
        raise click.ClickException("; expected ".join(unknown("plugin", name, known)))
    default = Path("tests/plugins") / name
    if not any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        if not default.is_dir():
            raise click.ClickException(f"there are no tests in {default}; write some, or say where they are")
        arguments = (*arguments, str(default))
    with TemporaryDirectory() as empty:
        alone = Path(empty)
        folder = settings.plugins / name
        if folder.is_dir():
            (alone / name).symlink_to(folder.resolve())
        sys.exit(subprocess.run(_command(name, arguments), env=_environ(alone), check=False).returncode)


def _command(name: str, arguments: tuple[str, ...]) -> list[str]:
    plugins = ("allmende.testing.alone", "allmende.testing.fixtures")
    loaded = [part for plugin in plugins for part in ("-p", plugin)]
    return [sys.executable, "-m", "pytest", *loaded, *OPTIONS, f"--allmende-plugin={name}", *arguments]


def _environ(plugins: Path) -> dict[str, str]:
    """The environment without ways out (a proxy on this machine would be one), and with this plugin only."""
    kept = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy")}
    return {**kept, "ALLMENDE_PLUGINS": str(plugins)}
