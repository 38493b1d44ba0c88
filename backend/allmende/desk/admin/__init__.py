"""Pages for city admins: modules and settings, usage, people and their roles, tokens, notifications, the audit log."""

from __future__ import annotations

from allmende.desk.admin import leaving, log, modules, pushes, tokens, usage, users
from allmende.desk.page import Page

PAGES: tuple[Page, ...] = (
    *modules.PAGES,
    *usage.PAGES,
    *users.PAGES,
    *tokens.PAGES,
    *pushes.PAGES,
    *log.PAGES,
    *leaving.PAGES,
)
