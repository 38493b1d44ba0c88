"""Writing: the form of an item, autosave, what happens when two write the same, and all that can be done with it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from litestar import Response
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from allmende.accounts.audit import audit
from allmende.content import items
from allmende.content.diff import differences, readable
from allmende.content.pictures import readdressed, uploads
from allmende.content.readability import readability
from allmende.content.sharing import offered, origin_of
from allmende.content.tables import ContentAutosave, ContentItem
from allmende.content.values import Incomplete, Values, blank, entry_of, faults, from_form, written_in
from allmende.desk.content import looks
from allmende.desk.content.bench import EDIT, PUBLISH, STATES, Bench, bench
from allmende.desk.content.deliver import hand_round
from allmende.desk.content.inputs import inputs
from allmende.desk.content.pictures import show_pictures, take_uploads
from allmende.desk.request import Desk
from allmende.errors import AllmendeError, InputError
from allmende.files.upload import duplicate

NEEDED = {
    "submit": EDIT,
    "copy": EDIT,
    "discard": EDIT,
    "give_back": PUBLISH,
    "publish": PUBLISH,
    "archive": PUBLISH,
}
TYPED = 120_000
"""Characters of a form that is kept while somebody types."""


async def new(desk: Desk) -> Response[Any]:
    return await _opened(bench(desk, EDIT), None)


async def create(desk: Desk) -> Response[Any]:
    made = bench(desk, EDIT)
    await take_uploads(made)
    values = from_form(made.type, desk.form.values, made.at.ctx)
    if desk.form.errors:
        return await _form(made, None, values, status=422)
    try:
        async with desk.transaction() as session:
            item = await items.create(session, made.at, values)
            await _forget(session, desk, _key(made, None))
    except Incomplete as error:
        made.mark(error.faults)
        return await _form(made, None, values, status=422)
    return await _go_on(made, item)


async def show(desk: Desk) -> Response[Any]:
    made = bench(desk)
    async with desk.session() as session:
        item = await items.find(session, made.at, str(desk.path["id"]))
    return await _opened(made, item)


async def _opened(made: Bench, item: ContentItem | None) -> Response[Any]:
    """The form with what is saved; or, where that is asked for, with what was typed last and not saved."""
    desk = made.desk
    kept = await _kept(made, _key(made, item.id if item else None))
    values = dict(item.values) if item else blank(made.type)
    if kept is None or not desk.asked("typed"):
        desk.form.values.update(inputs(made.type, values, made.at.ctx))
        return await _form(made, item, values, kept=kept)
    desk.form.values.update({name: list(given) for name, given in kept.form.items()})
    # Whoever has saved since it was typed was first: saving it shows both texts.
    return await _form(made, item, from_form(made.type, desk.form.values, made.at.ctx), seen=kept.version)


async def save(desk: Desk) -> Response[Any]:
    """Keep what was typed as a new version; where somebody else was quicker, both texts are shown (409)."""
    made = bench(desk, EDIT)
    await take_uploads(made)
    seen = desk.form.whole("seen", least=0, most=1_000_000) or 0
    values = from_form(made.type, desk.form.values, made.at.ctx)
    id_ = str(desk.path["id"])
    try:
        if desk.form.errors:
            raise Incomplete(())
        async with desk.transaction() as session:
            item = await items.find(session, made.at, id_, write=True)
            await items.save(session, made.at, item, values, seen)
            await _forget(session, desk, id_)
    except items.Conflict as conflict:
        return _both(made, conflict.theirs, values)
    except Incomplete as error:
        made.mark(error.faults)
        async with desk.session() as session:
            item = await items.find(session, made.at, id_)
        return await _form(made, item, values, status=422, seen=seen)
    return await _go_on(made, item)


async def autosave(desk: Desk) -> Response[Any]:
    """Keep what is typed for its author alone; answers with hints on the text."""
    made = bench(desk, EDIT)
    id_ = str(desk.path.get("id", ""))
    seen = desk.form.whole("seen", least=0, most=1_000_000) or 0
    form = {name: given for name, given in desk.form.values.items() if name.startswith("f-")}
    if sum(len(text) for given in form.values() for text in given) > TYPED:
        raise InputError("the text is too long to be kept while you write")
    key = id_ or _key(made, None)
    async with desk.transaction() as session:
        if id_:
            await items.find(session, made.at, id_)
        await _forget(session, desk, key)
        session.add(ContentAutosave(item=key, editor=desk.reader.id, version=seen, form=form, at=desk.office.clock()))
    values = from_form(made.type, desk.form.values, made.at.ctx)
    return desk.page("content/hints.html", made=made, saved_at=desk.now, **hints(made, values))


async def forget(desk: Desk) -> Response[Any]:
    """Throw away what was typed and not saved."""
    made = bench(desk, EDIT)
    id_ = str(desk.path.get("id", ""))
    async with desk.transaction() as session:
        await _forget(session, desk, id_ or _key(made, None))
    return desk.go(*made.parts, *(("item", id_) if id_ else ("new",)))


async def do(desk: Desk) -> Response[Any]:
    """Submit, give back, publish (now, later, for a time), archive, copy, delete."""
    action = desk.form.choice("action", NEEDED, required=True)
    return await _act(desk, str(desk.path["id"]), action)


async def _act(desk: Desk, id_: str, action: str) -> Response[Any]:
    made = bench(desk, NEEDED.get(action, PUBLISH))
    if action == "copy":
        return await _copy(made, id_)
    at, until = desk.form.moment("at", desk.city.tz), desk.form.moment("until", desk.city.tz)
    note = desk.form.line("note", most=500)
    try:
        if not action or desk.form.errors:
            raise InputError(next(iter(desk.form.errors.values())))
        async with desk.transaction() as session:
            item = await items.find(session, made.at, id_, write=True)
            target = await _step(session, made, item, action, at, until, note)
            await audit(session, desk.reader, f"content.{action}", f"{made.plugin}/{id_}", {"title": item.title})
    except Incomplete as error:
        made.mark(error.faults)
        return await _shown_again(made, id_)
    except AllmendeError as error:
        if not isinstance(error, InputError):
            raise
        desk.form.errors["action"] = _reason(desk, error)
        return await _shown_again(made, id_)
    await hand_round(desk)
    said = "scheduled" if item.state == "scheduled" else action
    return desk.go(*made.parts, *target, said=f"content.said.{said}", title=item.title)


async def _step(
    session: AsyncSession,
    made: Bench,
    item: ContentItem,
    action: str,
    at: datetime | None,
    until: datetime | None,
    note: str,
) -> tuple[str, ...]:
    """Do it; where to go then."""
    match action:
        case "submit":
            await items.submit(session, made.at, item, note)
        case "give_back":
            await items.give_back(session, made.at, item, note)
        case "publish":
            await items.publish(session, made.at, item, at=at, until=until)
        case "archive":
            await items.archive(session, made.at, item)
        case "discard":
            await items.discard(session, made.at, item)
            return ()
    return "item", item.id


async def _copy(made: Bench, id_: str) -> Response[Any]:
    """A new draft with the same values, and copies of the pictures."""
    desk, city = made.desk, made.desk.city.slug
    async with desk.session() as session:
        item = await items.find(session, made.at, id_)
    ids = {old: uuid4().hex for old in uploads(made.type, item.values, city)}
    await duplicate(desk.office.database, desk.office.files, city, city, ids, desk.office.clock())
    async with desk.transaction() as session:
        new = await items.create(session, made.at, readdressed(made.type, item.values, city, city, ids))
        await audit(session, desk.reader, "content.copy", f"{made.plugin}/{id_}", {"title": item.title})
    return desk.go(*made.parts, "item", new.id, said="content.said.copy", title=item.title)


async def _shown_again(made: Bench, id_: str) -> Response[Any]:
    async with made.desk.session() as session:
        item = await items.find(session, made.at, id_)
    errors = dict(made.desk.form.errors)
    made.desk.form.values.update(inputs(made.type, item.values, made.at.ctx))
    made.desk.form.errors.update(errors)
    return await _form(made, item, dict(item.values), status=422)


def _reason(desk: Desk, error: AllmendeError) -> str:
    """In the reader's language where there is a text for the code."""
    try:
        return desk.text(f"content.refused.{error.code.lower()}")
    except KeyError:
        return error.message


async def _go_on(made: Bench, item: ContentItem) -> Response[Any]:
    """After saving: stay, or go on with what the button said."""
    desk = made.desk
    follow = desk.form.value("then")
    if follow in NEEDED:
        return await _act(desk, item.id, follow)
    return desk.go(*made.parts, "item", item.id, said="content.said.saved")


async def _form(
    made: Bench,
    item: ContentItem | None,
    values: Values,
    *,
    status: int = 200,
    seen: int | None = None,
    kept: ContentAutosave | None = None,
) -> Response[Any]:
    desk = made.desk
    origin = offer = None
    pictures: Mapping[str, str] = {}
    if item is not None:
        async with desk.session() as session:
            origin, offer = await origin_of(session, item.id), await offered(session, item.id)
            pictures = await show_pictures(session, item, desk.office.clock())
        pictures = {**pictures, **looks.addresses(made, item.values, "item", item.id)}
    return desk.page(
        "content/edit.html",
        status,
        made=made,
        item=item,
        values=values,
        seen=seen if seen is not None else item.version if item else 0,
        states=STATES,
        kept=kept,
        origin=origin,
        offer=offer,
        pictures=pictures,
        saved_at=None,
        missing=[f.field for f in faults(made.type, values, made.at.ctx, complete=True)] if item else [],
        tongues=[(code, desk.text(f"content.language.{_plain(code)}")) for code in desk.city.languages],
        written=written_in(made.type, values, made.at.ctx),
        **hints(made, values),
    )


def _plain(code: str) -> str:
    short = code.partition("-")[0]
    return short if short in ("de", "en", "tr", "uk", "ru", "ar", "fr", "pl") else "other"


def hints(made: Bench, values: Values) -> dict[str, Any]:
    """How hard the German text is, what the values mean, and which placeholders stand for nothing."""
    texts = []
    for field in made.type.fields:
        if field.kind in ("text", "rich"):
            value = values.get(field.name) or ""
            texts.append(value.get("de", "") if isinstance(value, Mapping) else str(value))
    meaning: list[str] = []
    if made.type.explain is not None:
        try:
            now = made.at.ctx.clock()
            meaning = list(
                made.type.explain(entry_of(made.type, values, made.at.ctx, key="-", published_at=now), made.at.ctx)
            )
        except (Incomplete, InputError):
            meaning = []
    return {
        "reading": readability(_prose("\n".join(texts))) if made.desk.city.language.startswith("de") else None,
        "meaning": meaning,
        "holes": made.holes(values),
    }


def _prose(markdown: str) -> str:
    """Without what is no prose: addresses and marks."""
    return re.sub(r"\]\([^)]*\)|https?://\S+|[*_#>`\[]", " ", markdown)


def _both(made: Bench, theirs: ContentItem, values: Values) -> Response[Any]:
    """What somebody else has saved meanwhile beside what was typed; the form goes on from the newest version."""
    changed = differences(made.type, theirs.values, values)
    return made.desk.page(
        "content/conflict.html",
        409,
        made=made,
        theirs=theirs,
        changed=changed,
        readable=readable,
        inputs=inputs(made.type, values, made.at.ctx),
        seen=theirs.version,
    )


def _key(made: Bench, item: str | None) -> str:
    return item or f"new-{made.plugin}-{made.type.name}"[:64]


async def _kept(made: Bench, key: str) -> ContentAutosave | None:
    """What this editor has typed and not saved."""
    mine = (ContentAutosave.item == key, ContentAutosave.editor == made.desk.reader.id)
    async with made.desk.session() as session:
        return (await session.scalars(select(ContentAutosave).where(*mine))).one_or_none()


async def _forget(session: AsyncSession, desk: Desk, key: str) -> None:
    mine = (ContentAutosave.item == key, ContentAutosave.editor == desk.reader.id)
    await session.execute(delete(ContentAutosave).where(*mine))
