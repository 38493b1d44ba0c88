"""Imports one source: fetch, read, compare, write in one transaction. Whatever fails, the last good data stays."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any

import msgspec
import structlog
from sqlalchemy import select

from allmende import metrics
from allmende.city.model import City
from allmende.content.overlay import lay_over
from allmende.context import Context
from allmende.errors import AllmendeError, NotFound
from allmende.feeds import quarantine, uploads
from allmende.feeds.fetched import Fetched, Validators
from allmende.feeds.lease import Lease
from allmende.feeds.outcome import Run, Work, fail, reason_of, record, release
from allmende.feeds.services import Services, importer_for, sources_of
from allmende.feeds.spreadsheet import unfolded
from allmende.feeds.tables import FeedSource
from allmende.importer import Batch, Importer, Note, Payload, Refusal, Source
from allmende.isolation import bounded
from allmende.items.follow import APPLIED, applied, follow
from allmende.items.rows import Prepared, prepare
from allmende.items.sync import Diff, apply, compare
from allmende.plugin import Plugin

log = structlog.get_logger(__name__)


async def import_source(
    services: Services,
    city: City,
    plugin: Plugin,
    source: Source,
    *,
    force: bool = False,
    approve: bool = False,
    given: Fetched | None = None,
) -> Run:
    """Import one source now. Never raises for what the feed, the plugin or the database does wrong.

    `force` reads the payload even if it is the known one. `approve` applies the quarantined payload instead of
    fetching, whatever it removes; `given` likewise a payload that a person has looked at.
    """
    begun, started = time.monotonic(), services.clock()
    key = {"plugin": plugin.name, "source": source.id}
    blank = Run(city=city.slug, plugin=plugin.name, source=source.id, status="failed")
    try:
        held = await quarantine.load(services.database, city.slug, plugin.name, source.id) if approve else given
        if source.upload and held is None and await _uploaded(services, city, plugin, source) is None:
            return msgspec.structs.replace(
                blank, status="waiting", reason="waits for a file to be uploaded at the desk"
            )
        lease = Lease(services.database, city.slug, FeedSource, key, services.rules.lease, services.clock)
        if not await lease.take():
            return msgspec.structs.replace(blank, status="busy", reason="is being imported by another process")
        state = await _state(services, city, key)
    except NotFound as error:
        return msgspec.structs.replace(blank, reason=reason_of(error))
    except Exception as error:
        log.warning("feed_state_failed", city=city.slug, **key, error=type(error).__name__)
        return msgspec.structs.replace(blank, reason=reason_of(error))
    work = Work(
        services=services,
        city=city,
        plugin=plugin,
        source=source,
        lease=lease,
        state=state,
        started=started,
        begun=begun,
    )
    try:
        run = await lease.during(_import(work, force=force, held=held))
    except asyncio.CancelledError:  # the process stops: give the source back, so that the next one need not wait
        await asyncio.shield(release(work))
        raise
    except Exception as error:
        run = await fail(work, error)
    metrics.IMPORTS.labels(plugin.name, run.status).inc()
    return run


async def import_all(
    services: Services,
    cities: Sequence[City],
    plugins: Sequence[Plugin],
    *,
    force: bool = False,
    concurrency: int = 4,
    on_progress: Callable[[Run], None] = lambda run: None,
) -> list[Run]:
    """Import every source of these cities; the runs are in the order of cities and plugins."""
    room = asyncio.Semaphore(concurrency)
    # A city whose feeds hang holds half of the room at most, and nobody else waits for it.
    share = {city.slug: asyncio.Semaphore(max(1, concurrency // 2)) for city in cities}

    async def one(city: City, plugin: Plugin, chosen: Source) -> Run:
        async with share[city.slug], room:
            run = await import_source(services, city, plugin, chosen, force=force)
        on_progress(run)
        return run

    wanted = [(city, plugin, chosen) for city in cities for plugin in plugins for chosen in sources_of(city, plugin)]
    return list(await asyncio.gather(*(one(*each) for each in wanted)))


async def _import(work: Work, *, force: bool, held: Fetched | None) -> Run:
    services, city, source = work.services, work.city, work.source
    importer = importer_for(work.plugin, source)
    ctx = services.context(city, work.plugin.name)
    if importer is None or ctx is None:
        raise AllmendeError(f"{work.plugin.name} has no importer for the kind of this source")
    reading = _circumstances(ctx, source)
    known = None if force or work.state.reading != reading else _validators(work.state)
    if held is not None:
        return await _write(work, importer, ctx, held, reading, guarded=False)
    fetched = await _uploaded(services, city, work.plugin, source, known)
    fetched = fetched or await services.fetcher.fetch(city, source, known, now=force)
    rejected = await quarantine.is_rejected(services.database, city.slug, work.plugin.name, source.id, fetched)
    if rejected:
        run = work.run("quarantined", reason=rejected)
        return await record(work, None, run, reading, fetched, None)
    if fetched.payload is None:
        return await record(work, None, work.run("unchanged"), reading, fetched, work.state.valid_until)
    return await _write(work, importer, ctx, fetched, reading, guarded=True)


async def _write(
    work: Work, importer: Importer, ctx: Context[Any], fetched: Fetched, reading: str, *, guarded: bool
) -> Run:
    services, city, source, payload = work.services, work.city, work.source, fetched.payload
    assert payload is not None
    batch, prepared = await read_payload(services, city, work.plugin, source, importer, ctx, payload)
    async with services.database.transaction(city.slug) as session:
        prepared = await lay_over(session, work.plugin, source.id, prepared, ctx)
        diff = await compare(session, importer, source.id, prepared, batch.within)
        reason = doubt(diff, importer, source, services) if guarded else ""
        kept = services.rules.refusals_kept
        counts = {**_counts(diff, importer, kept), "notes": _notes(batch, kept)}
        if reason:
            await quarantine.keep(session, work.plugin.name, source.id, fetched, services.clock(), reason, counts)
            run = work.run("quarantined", reason=reason, **counts)
        else:
            await apply(session, diff)
            await follow(session, work.plugin, diff, services.clock())
            await applied(session, importer, ctx, diff)
            await quarantine.forget(session, work.plugin.name, source.id)
            run = work.run("fresh", **counts)
        return await record(work, session, run, reading, fetched, batch.valid_until, _items(diff, importer))


async def read_payload(
    services: Services,
    city: City,
    plugin: Plugin,
    source: Source,
    importer: Importer,
    ctx: Context[Any],
    payload: Payload,
) -> tuple[Batch, Prepared]:
    """What the importer makes of the payload; a spreadsheet is read as a table. FeedError where it cannot be used."""

    name = (city.slug, plugin.name, source.id)

    def read() -> Batch:
        return importer.read(unfolded(payload, source), source, ctx)

    def ready(batch: Batch) -> tuple[Batch, Prepared]:
        return batch, prepare(batch, importer, city.slug, source.id, payload.fetched_at)

    if importer.recognise is None:
        return await services.reader.run(name, lambda: ready(read()))
    batch = await services.reader.run(name, read)
    async with services.database.session(city.slug) as session:
        batch = await bounded(importer.recognise(session, ctx, source, batch), APPLIED)
    return await services.reader.run(name, lambda: ready(batch))


async def _uploaded(
    services: Services, city: City, plugin: Plugin, source: Source, known: Validators | None = None
) -> Fetched | None:
    """The file that an editor has uploaded for this source, if there is one; without payload if it is the known one."""
    found = await uploads.current(services.database, city.slug, plugin.name, source.id)
    if found and known and found.validators.content_hash == known.content_hash:
        return Fetched(payload=None, validators=found.validators)
    return found


def doubt(diff: Diff, importer: Importer, source: Source, services: Services) -> str:
    """Why this import should not be applied without a person's consent; "" if it may."""
    if importer.fleeting:
        return ""
    change = diff.changes[importer.tables[0]]
    rows = len(change.added) + len(change.changed) + change.unchanged
    if diff.stored and not rows:
        return f"the feed has no items any more; {diff.stored} are there"
    removed = len(change.removed)
    if diff.deletable >= services.rules.guarded_from and removed > source.max_shrink * diff.deletable:
        share = round(100 * removed / diff.deletable)
        allowed = round(100 * source.max_shrink)
        return f"would remove {removed} of {diff.deletable} items ({share} %, max_shrink allows {allowed} %)"
    return ""


def _counts(diff: Diff, importer: Importer, kept: int) -> dict[str, Any]:
    """Counts of the first table; an item whose parts alone have changed is not among `changed`."""
    change = diff.changes[importer.tables[0]]
    return {
        "added": len(change.added),
        "changed": len(change.changed),
        "removed": len(change.removed),
        "unchanged": change.unchanged,
        "refused": len(diff.refused),
        "refusals": [
            Refusal(place=refusal.place[:200], reason=refusal.reason[:300]) for refusal in diff.refused[:kept]
        ],
    }


def _notes(batch: Batch, kept: int) -> list[Note]:
    return [Note(place=note.place[:200], text=note.text[:300]) for note in batch.notes[:kept]]


def _items(diff: Diff, importer: Importer) -> int:
    change = diff.changes[importer.tables[0]]
    return diff.stored + len(change.added) - len(change.removed)


async def _state(services: Services, city: City, key: dict[str, str]) -> FeedSource:
    async with services.database.session(city.slug) as session:
        statement = select(FeedSource).where(FeedSource.plugin == key["plugin"], FeedSource.source == key["source"])
        return (await session.execute(statement)).scalar_one()


def _validators(state: FeedSource) -> Validators:
    return Validators(etag=state.etag, last_modified=state.last_modified, content_hash=state.content_hash)


def _circumstances(ctx: Context[Any], source: Source) -> str:
    """A fingerprint of what a reading depends on besides the payload: the configuration, and what day it is."""
    facts = (ctx.today, source, ctx.config, ctx.city.area)
    return blake2b(msgspec.json.encode(facts, enc_hook=str), digest_size=16).hexdigest()


__all__ = ["Run", "import_all", "import_source"]
