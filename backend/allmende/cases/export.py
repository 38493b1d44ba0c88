"""A case as one file that needs nothing else: HTML to read and to print, or JSON for another system."""

from __future__ import annotations

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, Literal

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.casekind import CaseKind
from allmende.cases.history import events, verify
from allmende.cases.pictures import owner
from allmende.cases.tables import Case, CaseEvent
from allmende.cases.wording import categories, kind_text, lines, status_text
from allmende.cases.words import word
from allmende.cases.work import linked
from allmende.context import Context
from allmende.errors import NotFound
from allmende.files import service as files
from allmende.files.store import Store
from allmende.files.tables import FileUpload

MOST = 40
"""Pictures in one file."""


class Whole(Struct, frozen=True, kw_only=True):
    """All that there is about a case."""

    case: Case
    events: Sequence[tuple[CaseEvent, str | None]]
    pictures: Sequence[tuple[FileUpload, bytes]]
    links: Sequence[str]
    faults: Sequence[str]
    """What is wrong with its history."""


async def gather(session: AsyncSession, case: Case, store: Store, *, internal: bool = True) -> Whole:
    """Everything about the case, in six statements; without what only staff see, if not `internal`."""
    found = (await files.owned(session, [owner(case)]))[owner(case)][:MOST]
    contents = await asyncio.gather(*(_content(store, file) for file in found))
    return Whole(
        case=case,
        events=await events(session, case, ("public", "citizen", "staff") if internal else ("public", "citizen")),
        pictures=[(file, content) for file, content in zip(found, contents, strict=True) if content],
        links=[other.number for other in await linked(session, case)] if internal else [],
        faults=await verify(session, case),
    )


def to_html(ctx: Context[Any], kind: CaseKind | None, whole: Whole) -> str:
    """A page in the reader's language that loads nothing from anywhere; pictures are in it as data URIs."""
    case, language = whole.case, ctx.language
    position = "" if case.lat is None or case.lon is None else f"{case.lat:.6f}, {case.lon:.6f}"
    facts = [
        ("number", case.number),
        ("kind", kind_text(ctx, kind, case.kind)),
        ("status", status_text(ctx, kind, case.status)),
        ("category", categories(ctx, kind).get(case.category, case.category)),
        ("address", case.address),
        ("position", position),
        ("department", case.department),
        ("deadline", _moment(ctx, case.deadline)),
        ("created", _moment(ctx, case.created)),
        ("closed", _moment(ctx, case.closed)),
        ("handed_to", case.handed_to),
    ]
    return _environment().get_template("export.html").render(
        t=lambda key: word(language, key),
        language=language,
        city=ctx.city.name,
        case=case,
        facts=facts,
        parts=[
            (name, lines(ctx, kind, case.category, fields))
            for name, fields in (("fields", case.public), ("private", case.private))
        ],
        events=[_event(ctx, kind, event, text) for event, text in whole.events],
        pictures=[{"alt": file.alt, "content": b64encode(content).decode()} for file, content in whole.pictures],
        links=whole.links,
        faults=whole.faults,
        exported=_moment(ctx, ctx.clock()),
    )  # fmt: skip


def to_json(whole: Whole) -> bytes:
    """Everything as JSON (UTF-8), instants in ISO 8601, pictures in base 64; nothing of receipts and submitters."""
    case = whole.case
    left_out = {"receipt", "submitter", "words"}
    columns = {c.key: getattr(case, c.key) for c in Case.__mapper__.columns if c.key not in left_out}
    happened = [
        {"seq": e.seq, "at": e.at, "what": e.what, "actor": e.actor, "audience": e.audience, "facts": e.facts}
        | {"text": text, "text_hash": e.text, "hash": e.hash}
        for e, text in whole.events
    ]
    pictures = [
        {"id": file.id, "alt": file.alt, "media_type": "image/jpeg", "content": b64encode(content).decode()}
        for file, content in whole.pictures
    ]
    body = {"case": columns, "history": happened, "pictures": pictures, "links": whole.links, "faults": whole.faults}
    return msgspec.json.format(msgspec.json.encode(body), indent=2)


def _event(ctx: Context[Any], kind: CaseKind | None, event: CaseEvent, text: str | None) -> dict[str, Any]:
    name = word(ctx.language, event.what)
    if event.what == "status":
        name = f"{name}: {status_text(ctx, kind, str(event.facts.get('to')))}"
    elif told := [str(event.facts[key]) for key in ("department", "into", "to", "other") if event.facts.get(key)]:
        name = f"{name}: {', '.join(told)}"
    return {
        "at": _moment(ctx, event.at),
        "by": event.actor.partition(":")[0],
        "name": name,
        "text": text,
        "erased": bool(event.text and text is None),
    }


def _moment(ctx: Context[Any], moment: datetime | None) -> str:
    form: Literal["%d.%m.%Y, %H:%M", "%Y-%m-%d %H:%M"]
    form = "%d.%m.%Y, %H:%M" if ctx.language.startswith("de") else "%Y-%m-%d %H:%M"
    return ctx.localize(moment).strftime(form) if moment else ""


async def _content(store: Store, file: FileUpload) -> bytes:
    try:
        return await store.get(file.city, file.id, "medium") if file.ready else b""
    except NotFound:
        return b""


@cache
def _environment() -> Environment:
    return Environment(loader=PackageLoader("allmende.cases"), autoescape=True, undefined=StrictUndefined)
