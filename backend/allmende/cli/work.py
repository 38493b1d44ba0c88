"""`allmende work`: a process that runs imports and jobs, watched over like a worker of the server."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import click

from allmende import metrics
from allmende.app import follow_files, make_house
from allmende.db.engine import Database
from allmende.jobs.embedded import EmbeddedRunner
from allmende.jobs.house import House
from allmende.jobs.queue import ensure_schema
from allmende.jobs.queue import work as work_on_queue
from allmende.jobs.stop import until_stopped
from allmende.log import configure_logging
from allmende.registry import load_registry
from allmende.settings import Settings, load_settings
from allmende.stderr import keep_stderr
from allmende.town import Town, load_town, tell
from allmende.watchdog import Watchdog


@click.command()
@click.option("--concurrency", default=4, show_default=True, help="Tasks at the same time in this process.")
@click.option("--metrics-host", default="127.0.0.1", show_default=True, help="Address of the metrics.")
@click.option("--metrics-port", type=int, help="Port that answers with the metrics (Prometheus) of this process.")
def work(concurrency: int, metrics_host: str, metrics_port: int | None) -> None:
    """Run the jobs until stopped. On PostgreSQL any number of machines may run this.

    A plugin that holds up the whole process is shut out, and the process ends with 70: let something start it again.
    """
    keep_stderr()
    settings = load_settings()
    if metrics_port is not None:
        metrics.serve(metrics_host, metrics_port)
    asyncio.run(_work(settings, concurrency))


async def _work(settings: Settings, concurrency: int) -> None:
    configure_logging(production=settings.production)
    registry, database = load_registry(settings), Database(settings.database)
    town = load_town(settings, registry)
    folders = {name: installed.folder for name, installed in registry.plugins.items()}
    watchdog = Watchdog(folders, run_folder(settings))
    house = make_house(settings, registry, town, database, blocked=watchdog.blocklist.holds)
    metrics.started()
    tell(registry, town)
    watchdog.blocklist.refresh()
    watchdog.start()
    watching = asyncio.create_task(town.watch())
    try:
        if settings.is_sqlite:
            await _embedded(town, house, concurrency)
        else:
            role = urlsplit(settings.database).username or ""
            await ensure_schema(settings.database_owner or settings.database, role)
            await work_on_queue(house, settings.database, concurrency=concurrency)
    finally:
        watchdog.stop()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        await database.close()


async def _embedded(town: Town, house: House, concurrency: int) -> None:
    runner = EmbeddedRunner(house, concurrency=concurrency)
    runner.start()
    follow_files(town, house, runner)
    await until_stopped()
    await runner.stop()


def run_folder(settings: Settings) -> Path:
    """Where a process that stood still leaves who was to blame, for the one that is started after it."""
    return Path(settings.run or Path(tempfile.gettempdir()) / f"allmende-work-{os.getuid()}")
