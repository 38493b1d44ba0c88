"""Imported items: what the source says, what the city says instead, and what the source has changed since."""

from __future__ import annotations

from typing import Any

from litestar import Response

from allmende.accounts.audit import audit
from allmende.content import overlay
from allmende.content.diff import readable, words
from allmende.content.patch import fields_of
from allmende.content.pictures import claim_uploads, owner
from allmende.content.values import Incomplete, Values, from_form
from allmende.desk.content import looks
from allmende.desk.content.bench import EDIT, Bench, bench
from allmende.desk.content.inputs import inputs
from allmende.desk.content.pictures import take_uploads
from allmende.desk.request import Desk
from allmende.errors import InputError
from allmende.files.service import release


async def show(desk: Desk) -> Response[Any]:
    made = bench(desk)
    async with desk.session() as session:
        said, correction = await overlay.compared(session, made.at, str(desk.path["id"]))
    values = {**said, **(correction.values if correction else {})}
    names = [field.name for field in fields_of(made.type)]
    desk.form.values.update(inputs(made.type, values, made.at.ctx, names))
    return _page(made, said, correction)


async def act(desk: Desk) -> Response[Any]:
    """Correct, keep the correction although the source has changed, or go back to what the source says."""
    made = bench(desk, EDIT)
    id_ = str(desk.path["id"])
    action = desk.form.choice("action", ("correct", "keep", "undo"))
    seen = desk.form.whole("seen", least=0, most=1_000_000) or 0
    names = [field.name for field in fields_of(made.type)]
    await take_uploads(made)
    values = from_form(made.type, desk.form.values, made.at.ctx, names)
    try:
        if desk.form.errors:
            raise Incomplete(())
        async with desk.transaction() as session:
            await _do(session, made, id_, action, values, seen)
            await audit(session, desk.reader, f"content.{action or 'correct'}", f"{made.plugin}/{id_}")
    except Incomplete as error:
        made.mark(error.faults)
    except InputError as error:
        desk.form.errors["action"] = (
            desk.text("content.said.changed_meanwhile") if error.code == "CONFLICT" else (error.message)
        )
    if not desk.form.errors:
        return desk.go(*made.parts, "imported", id_, said=f"content.said.{action}")
    async with desk.session() as session:
        said, correction = await overlay.compared(session, made.at, id_)
    return _page(made, said, correction, 422)


async def _do(session: Any, made: Bench, id_: str, action: str, values: Values, seen: int) -> None:
    if action == "keep":
        await overlay.keep(session, id_, made.at)
        return
    said, correction = await overlay.compared(session, made.at, id_)
    if action == "undo":
        values, seen = said, correction.version if correction else 0
        await release(session, owner(id_), made.at.ctx.clock())
    else:  # what nobody has touched is what the source says, also where a form cannot show it exactly
        untouched = from_form(made.type, inputs(made.type, said, made.at.ctx, list(values)), made.at.ctx, list(values))
        values = {name: said[name] if value == untouched[name] else value for name, value in values.items()}
        await claim_uploads(session, made.type, values, made.desk.city.slug, id_, public=True)
    await overlay.correct(session, made.at, id_, values, seen)


def _page(made: Bench, said: Values, correction: Any, status: int = 200) -> Response[Any]:
    values = {**said, **(correction.values if correction else {})}
    differing = []
    if correction is not None:
        for name, value in correction.values.items():
            now, before = readable(said.get(name)), readable(correction.originals.get(name))
            differing.append(
                {
                    "field": made.type.field(name),
                    "source": now,
                    "ours": words(now, readable(value)),
                    "changed": words(before, now) if now != before else (),
                }
            )
    return made.desk.page(
        "content/correct.html",
        status,
        made=made,
        fields=fields_of(made.type),
        correction=correction,
        differing=differing,
        seen=correction.version if correction else 0,
        title=readable(values.get(made.type.title)),
        id=str(made.desk.path["id"]),
        unclear=[
            made.label(field)
            for field in fields_of(made.type)
            if field.parts and field.required and not said[field.name]
        ],
        pictures=looks.addresses(made, values, "imported", str(made.desk.path["id"])),
    )
