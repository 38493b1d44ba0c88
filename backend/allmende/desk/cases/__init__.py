"""Pages for case workers: the inbox, one case with all that can be done with it, a map, figures."""

from __future__ import annotations

from allmende.desk.cases import case, chart, figures, inbox, leaving, table
from allmende.desk.page import Page

PAGES: tuple[Page, ...] = (*inbox.PAGES, *chart.PAGES, *table.PAGES, *figures.PAGES, *case.PAGES, *leaving.PAGES)
