"""The pages of content: lists, writing, history, preview, corrections of imports, sharing between cities."""

from __future__ import annotations

from collections.abc import Sequence

from allmende.content.listing import waiting_count
from allmende.content.received import waiting
from allmende.desk.content import corrections, edit, history, lists, looks, preview, sharing
from allmende.desk.content.bench import EDIT, READ, kinds
from allmende.desk.home import Tile
from allmende.desk.page import Link, Page
from allmende.desk.request import Desk

KIND = "content/{plugin:str}/{kind:str}"
ITEM = f"{KIND}/item/{{id:str}}"


def links(desk: Desk) -> list[Link]:
    """The kinds of content, and what comes from other cities."""
    found = lists.links(desk)
    if found:
        title = desk.text("content.shared")
        found.append(Link(group="content", title=title, path="shared", icon="share-2", order=20))
    return found


async def tiles(desk: Desk) -> Sequence[Tile]:
    """What waits for an editor or publisher: items to look at, offers of other cities."""
    mine = kinds(desk, READ)
    if not mine:
        return ()
    async with desk.session() as session:
        offers = await waiting(session)
        numbers = await waiting_count(session)
    shown = [
        Tile(
            title=desk.text("content.tile.review", kind=made.word("plural")),
            number=str(numbers[made.plugin, made.type.name]),
            path="/".join(made.parts),
            query={"state": "review"},
            kind="warn",
            lead=desk.text("content.tile.review_lead"),
            icon="eye",
        )
        for made in mine
        if numbers.get((made.plugin, made.type.name))
    ]
    if offers and kinds(desk, EDIT):
        lead, title = desk.text("content.tile.offers_lead"), desk.text("content.tile.offers")
        shown.append(Tile(title=title, number=str(offers), path="shared", lead=lead, icon="share-2"))
    return shown


PAGES = (
    Page(path=KIND, show=lists.show, act=lists.act, links=links),
    Page(path=f"{KIND}/new", show=edit.new, act=edit.create),
    Page(path=f"{KIND}/new/typed", act=edit.autosave),
    Page(path=f"{KIND}/new/forget", act=edit.forget),
    Page(path=f"{KIND}/new/preview", act=preview.typed),
    Page(path=ITEM, show=edit.show, act=edit.save),
    Page(path=f"{ITEM}/typed", act=edit.autosave),
    Page(path=f"{ITEM}/forget", act=edit.forget),
    Page(path=f"{ITEM}/do", act=edit.do),
    Page(path=f"{ITEM}/preview", show=preview.show, act=preview.typed),
    Page(path=f"{ITEM}/picture", show=looks.of_item),
    Page(path=f"{ITEM}/history", show=history.show, act=history.act),
    Page(path=f"{ITEM}/share", show=sharing.share, act=sharing.offer),
    Page(path=f"{KIND}/imported", show=lists.show_imported),
    Page(path=f"{KIND}/imported/{{id:str}}", show=corrections.show, act=corrections.act),
    Page(path=f"{KIND}/imported/{{id:str}}/picture", show=looks.of_imported),
    Page(path="shared", show=sharing.inbox, act=sharing.subscribe),
    Page(path="shared/subscriptions/{id:str}", act=sharing.unsubscribe),
    Page(path="shared/{id:str}", show=sharing.show, act=sharing.act),
)
