"""The way to the desk: by password and code, or by a one-time link; and one's own account."""

from __future__ import annotations

from allmende.desk.page import Page
from allmende.desk.signin import account, enter

PAGES: tuple[Page, ...] = (*enter.PAGES, *account.PAGES)
