"""Pages for case workers: the inbox, one case with all that can be done with it, a map, figures."""

from __future__ import annotations

from allmende.desk.cases import case, figures, inbox, leaving
from allmende.desk.page import Page

PAGES: tuple[Page, ...] = (*inbox.PAGES, *figures.PAGES, *case.PAGES, *leaving.PAGES)
