"""What there is: the town hall's own items by state and words, and what several of them can be told at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from litestar import Response

from allmende.accounts.audit import audit
from allmende.content.items import STATES as ALL_STATES
from allmende.content.items import archive, discard, find, give_back, publish, submit
from allmende.content.listing import counts, imported, items
from allmende.content.values import Incomplete
from allmende.desk.content.bench import EDIT, PUBLISH, STATES, Bench, bench, kinds
from allmende.desk.page import Link
from allmende.desk.request import Desk
from allmende.errors import AllmendeError, InputError

FILTERS = (*ALL_STATES, "live", "changed")
ICONS = ("newspaper", "calendar-days", "map-pin", "file-text")
MOST = 100
"""Items of one action."""
BULK = {"submit": EDIT, "give_back": PUBLISH, "publish": PUBLISH, "archive": PUBLISH, "discard": EDIT}


def links(desk: Desk) -> list[Link]:
    """One entry of the navigation for each kind of content."""
    return [
        Link(group="content", title=made.word("plural"), path="/".join(made.parts), icon="file-text", order=10)
        for made in kinds(desk)
    ]


async def show(desk: Desk) -> Response[Any]:
    made = bench(desk)
    state = desk.asked("state")
    state = state if state in FILTERS else ""
    async with desk.session() as session:
        page = await items(session, made.at, state=state, text=desk.asked("q"), page=_number(desk))
        numbers = await counts(session, made.at)
    desk.form.fill(q=desk.asked("q"), state=state)
    return desk.page(
        "content/list.html",
        made=made,
        page=page,
        numbers=numbers,
        states=STATES,
        state=state,
        filters=[(name, desk.text(f"content.filter.{name}")) for name in FILTERS],
        bulk=[(name, desk.text(f"content.do.{name}")) for name, needed in BULK.items() if made.may(needed)],
    )


async def act(desk: Desk) -> Response[Any]:
    """The same for all ticked items: what cannot be done with one of them does not keep the others from it."""
    action = desk.form.choice("action", BULK, required=True)
    made = bench(desk, BULK.get(action, EDIT))
    ids = desk.form.chosen("id")[:MOST]
    if not action or not ids:
        return desk.go(*made.parts, said="content.said.nothing_chosen", kind="bad")
    done, refused = 0, 0
    for id_ in ids:
        try:
            async with desk.transaction() as session:
                await _do(session, made, id_, action)
            done += 1
        except (InputError, Incomplete, AllmendeError):
            refused += 1
    async with desk.transaction() as session:
        await audit(session, desk.reader, f"content.{action}", "/".join(made.parts[1:]), {"items": done})
    said = "content.said.bulk_partly" if refused else "content.said.bulk"
    return desk.go(*made.parts, said=said, kind="bad" if refused else "good", n=done, refused=refused)


async def _do(session: Any, made: Bench, id_: str, action: str) -> None:
    item = await find(session, made.at, id_, write=True)
    steps: dict[str, Callable[..., Awaitable[None]]] = {
        "submit": submit,
        "give_back": give_back,
        "publish": publish,
        "archive": archive,
        "discard": discard,
    }
    await steps[action](session, made.at, item)


async def show_imported(desk: Desk) -> Response[Any]:
    made = bench(desk)
    only = desk.asked("only")
    only = only if only in ("corrected", "changed") else ""
    async with desk.session() as session:
        page = await imported(session, made.at, text=desk.asked("q"), only=only, page=_number(desk))
    desk.form.fill(q=desk.asked("q"), only=only)
    options = [(name, desk.text(f"content.only.{name}")) for name in ("corrected", "changed")]
    return desk.page("content/imported.html", made=made, page=page, options=options)


def _number(desk: Desk) -> int:
    asked = desk.asked("page", 5)
    return int(asked) if asked.isdecimal() else 1
