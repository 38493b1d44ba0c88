"""`allmende dev`: from nothing to all cities in a browser, on a developer's machine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click
from rich.console import Console

import allmende
from allmende.app import load_town
from allmende.cli.serve import server
from allmende.settings import Settings, load_settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
@click.option("--no-import", "skip", is_flag=True, help="Serve what is in the database, without importing first.")
def dev(host: str, port: int, skip: bool) -> None:
    """Migrate the database, import every city's sources, and serve with reload."""
