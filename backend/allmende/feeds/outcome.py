"""What is written down after an import: the source's state and history, on success as on failure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import structlog
from msgspec import Struct
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.city.model import City
from allmende.errors import AllmendeError
from allmende.feeds.fetched import Fetched
from allmende.feeds.lease import Lease, lost, next_try
from allmende.feeds.services import Services
from allmende.feeds.tables import FeedRun, FeedSource
from allmende.importer import Note, Refusal, Source
from allmende.plugin import Plugin

log = structlog.get_logger(__name__)


class Run(Struct, frozen=True, kw_only=True):
    """What came of one import."""

    city: str
    plugin: str
    source: str
    status: str
    """fresh, unchanged (the feed said nothing new), failed, quarantined or busy (somebody else imports it now)."""
    reason: str = ""
    added: int = 0
    changed: int = 0
    removed: int = 0
    unchanged: int = 0
    refused: int = 0
    refusals: Sequence[Refusal] = ()
    """The first of them."""
    notes: Sequence[Note] = ()
    """The first remarks about what was imported all the same."""
    seconds: float = 0.0


class Work(Struct, frozen=True, kw_only=True):
    """One import under way."""

    services: Services
    city: City
    plugin: Plugin
    source: Source
    lease: Lease
    state: FeedSource
    started: datetime
    begun: float

    @property
    def key(self) -> dict[str, str]:
        return {"plugin": self.plugin.name, "source": self.source.id}

    def run(self, status: str, **values: Any) -> Run:
        seconds = round(time.monotonic() - self.begun, 3)
        return Run(
            city=self.city.slug,
            plugin=self.plugin.name,
            source=self.source.id,
            status=status,
            seconds=seconds,
            **values,
        )


async def record(
    work: Work,
    session: AsyncSession | None,
    run: Run,
    reading: str,
    fetched: Fetched,
    valid_until: datetime | None,
    items: int | None = None,
) -> Run:
    """Write the source's new state and the history, in the import's transaction, or in one of its own."""
    if session is None:
        async with work.services.database.transaction(work.city.slug) as own:
            return await record(work, own, run, reading, fetched, valid_until, items)
    now, every, validators = work.services.clock(), timedelta(minutes=work.source.every), fetched.validators
    applied = run.status != "quarantined"
    values: dict[str, Any] = {
        "status": "fresh" if applied else "quarantined",
        "reason": run.reason[:500],
        "last_attempt": work.started,
        "next_run": (fetched.asked or now) + every,
        "failures": 0,
        "etag": validators.etag,
        "last_modified": validators.last_modified,
        "content_hash": validators.content_hash,
        "reading": reading,
    }
    if applied:
        values |= {
            "last_success": work.started,
            "valid_until": valid_until,
            "stale_at": min(filter(None, (now + every * work.services.rules.stale_after, valid_until))),
        }
        if items is not None:
            values["items"] = items
    elif run.status == "quarantined":
        values["etag"] = values["last_modified"] = values["content_hash"] = ""
    if not await work.lease.settle(session, **values):
        raise lost()
    if run.status != "unchanged":
        await _remember(session, work, run)
    return run


async def fail(work: Work, error: Exception) -> Run:
    """Write down that the import failed; the data and what is known of the last payload stay."""
    run = work.run("failed", reason=reason_of(error))
    log.warning("feed_failed", city=run.city, plugin=run.plugin, source=run.source, reason=run.reason)
    failures = work.state.failures + 1
    try:
        async with work.services.database.transaction(work.city.slug) as session:
            settled = await work.lease.settle(
                session,
                status="failed",
                reason=run.reason,
                last_attempt=work.started,
                next_run=next_try(work.services.clock(), failures),
                failures=failures,
            )
            if settled:
                await _remember(session, work, run)
    except Exception as second:  # the database is what failed: the lease runs out by itself
        log.error("feed_state_failed", city=run.city, plugin=run.plugin, source=run.source, error=repr(second)[:300])
    return run


async def release(work: Work) -> None:
    """Give the source back without an outcome."""
    async with work.services.database.transaction(work.city.slug) as session:
        await work.lease.settle(session)


async def _remember(session: AsyncSession, work: Work, run: Run) -> None:
    """Add the run to the source's history, and drop the oldest."""
    values = {
        field: getattr(run, field)
        for field in ("plugin", "source", "status", "seconds", "added", "changed", "removed", "unchanged", "refused")
    }
    refusals: list[dict[str, Any]] = [msgspec.to_builtins(refusal) for refusal in run.refusals]
    refusals += [{"place": note.place, "reason": note.text, "imported": True} for note in run.notes]
    values |= {"id": uuid4().hex, "started": work.started, "reason": run.reason[:500], "refusals": refusals}
    await session.execute(insert(FeedRun), [values])
    mine = (FeedRun.plugin == run.plugin, FeedRun.source == run.source)
    kept = select(FeedRun.id).where(*mine).order_by(FeedRun.started.desc()).limit(work.services.rules.runs_kept)
    await session.execute(
        delete(FeedRun).where(*mine, FeedRun.id.not_in(kept)), execution_options={"synchronize_session": False}
    )


def reason_of(error: Exception) -> str:
    """The error in one line, for editors: our own words as they are, others with their kind, never a traceback."""
    if isinstance(error, AllmendeError):
        text = error.message
    elif isinstance(error, DBAPIError):  # without the statement and its values
        text = f"the database refused: {error.orig}"
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join("".join(c if c.isprintable() else " " for c in text[:1000]).split())[:500]
