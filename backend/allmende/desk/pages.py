"""All pages of the desk. A room adds its own by a line here; how a page is declared is in page.py."""

from __future__ import annotations

from allmende.desk import admin, cases, content, feeds, signin
from allmende.desk.cases import inbox
from allmende.desk.feeds import overview
from allmende.desk.home import home
from allmende.desk.page import Page

PAGES: tuple[Page, ...] = (
    home(inbox.tiles, content.tiles, overview.tiles),
    *signin.PAGES,
    *content.PAGES,
    *cases.PAGES,
    *feeds.PAGES,
    *admin.PAGES,
)
