"""`allmende dev` on a developer's machine, `allmende serve` in production."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from granian import Granian
from granian.constants import Interfaces
from rich.console import Console

from allmende.settings import Settings, load_settings

HERE = Path(__file__).parents[1]


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--workers", default=2, show_default=True, help="Processes that answer.")
def serve(host: str, port: int, workers: int) -> None:
    """Serve in production. Migrate first: `allmende db upgrade`; imports run in `allmende work` (PostgreSQL)."""
    _server(host, port, workers).serve()


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--no-import", "skip", is_flag=True, help="Serve what is in the database, without importing first.")
def dev(host: str, port: int, skip: bool) -> None:
    """Migrate the database, import every city's sources, and serve with reload."""
    from allmende.cli.prepare import prepare

    settings = load_settings()
    console = Console()
    asyncio.run(prepare(settings, console, imports=not skip))
    base = f"http://{host}:{port}"
    console.print(f"\n  start page      [link]{base}/[/]")
    console.print(f"  a city's app    [link]{base}/<city>[/]")
    console.print(f"  GraphiQL        [link]{base}/graphql[/]")
    console.print("  Cities reload by themselves; a changed plugin restarts the server. Stop with Ctrl+C.\n")
    _server(host, port, 1, reload=reload_paths(settings)).serve()


def reload_paths(settings: Settings) -> list[Path]:
    """What restarts a development server: the plugins, and the core itself when it is worked on."""
    return [path.resolve() for path in (settings.plugins, HERE) if path.is_dir()]


def _server(host: str, port: int, workers: int, reload: list[Path] | None = None) -> Granian:
    return Granian(
        "allmende.app:create_app",
        factory=True,
        address=host,
        port=port,
        interface=Interfaces.ASGI,
        workers=workers,
        backlog=2048,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
        log_access=False,  # addresses and queries of citizens are nobody's business
        reload=bool(reload),
        reload_paths=reload,
        reload_ignore_patterns=[r".*\.pyc$", r".*\.sqlite.*$"],
        reload_ignore_worker_failure=bool(reload),
    )
