"""Pages for whoever looks after the city's sources: how each is doing, what waits for a decision, uploads."""

from __future__ import annotations

from allmende.desk.feeds import held, overview, source, upload
from allmende.desk.page import Page

PAGES: tuple[Page, ...] = (*overview.PAGES, *source.PAGES, *held.PAGES, *upload.PAGES)
