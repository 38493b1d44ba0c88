"""The state of feeds, jobs, plugins and cities as metrics, gathered when they are asked for."""

from __future__ import annotations

import asyncio

import structlog
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from sqlalchemy import case, func, select

from allmende.city.load import Cities
from allmende.feeds.tables import FeedSource
from allmende.graphql.request import Services
from allmende.jobs.tables import JobState

log = structlog.get_logger(__name__)
TIMEOUT = 2.0


async def facts(services: Services, cities: Cities) -> list[Metric]:
    """Two statements; without a database, the rest is told nevertheless."""
    registry = services.registry
    counted = GaugeMetricFamily("allmende_cities", "Cities that are served.")
    counted.add_metric([], len(cities.by_slug))
    troubled = GaugeMetricFamily("allmende_city_problems", "City folders with which something is wrong.")
    troubled.add_metric([], len(cities.problems))
    kept = GaugeMetricFamily("allmende_cities_kept", "Cities that serve their last good version.")
    kept.add_metric([], len(cities.kept))
    plugins = GaugeMetricFamily(
        "allmende_plugin", "1 for a plugin that is loaded, 0 for a broken one.", labels=["plugin", "version", "owner"]
    )
    for name, installed in registry.plugins.items():
        plugins.add_metric([name, installed.manifest.version, installed.manifest.owner], 1)
    for name, broken in registry.broken.items():
        plugins.add_metric([name, "", broken.owner], 0)
    off = GaugeMetricFamily("allmende_switched_off", "Modules that are switched off.", labels=["plugin"])
    for name in registry.plugins:
        off.add_metric([name], sum(name in c.modules and c.modules[name].off for c in cities.by_slug.values()))
    return [counted, troubled, kept, plugins, off, *await _states(services)]


async def _states(services: Services) -> list[Metric]:
    sources = GaugeMetricFamily("allmende_sources", "Sources of feeds by state.", labels=["plugin", "status"])
    jobs = GaugeMetricFamily("allmende_jobs", "Jobs of plugins by state.", labels=["plugin", "job", "status"])
    up = GaugeMetricFamily("allmende_database_up", "1 where the database answers.")
    is_stale = (FeedSource.status == "fresh") & (FeedSource.stale_at <= services.clock())
    status = case((is_stale, "stale"), else_=FeedSource.status).label("state")
    try:
        async with asyncio.timeout(TIMEOUT), services.database.system(write=False) as session:
            feeds = await session.execute(select(FeedSource.plugin, status, func.count()).group_by("plugin", "state"))
            for plugin, state, number in feeds:
                sources.add_metric([plugin, state], number)
            columns = (JobState.plugin, JobState.name, JobState.status)
            for plugin, name, state, number in await session.execute(select(*columns, func.count()).group_by(*columns)):
                jobs.add_metric([plugin, name, state], number)
        up.add_metric([], 1)
    except Exception as error:
        log.warning("metrics_without_database", error=type(error).__name__)
        up.add_metric([], 0)
    return [sources, jobs, up]
