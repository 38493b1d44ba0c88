"""Personal data as it is declared: what, what for, by what right, for how long, and how to find and remove it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal

from dateutil.relativedelta import relativedelta
from msgspec import Meta

from allmende.city.model import LocalText, Strict

_DURATION = re.compile(r"P(?=\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?")


class PersonalData(Strict, frozen=True, kw_only=True):
    """A `[[personal_data]]` entry of plugin.toml: one column of one table that says something about a person (GDPR)."""

    table: str
    field: str
    purpose: LocalText
    """What it is stored for (Art. 5 (1) b), in the words of the privacy notice."""
    legal_basis: str
    """By what right: `Art. 6 (1) e GDPR`."""
    retention: str
    """`account` (as long as the account exists) or an ISO 8601 duration: `P30D`, `P2Y`."""
    since: str = ""
    """Column from whose instant the duration counts; needed where `retention` is one."""
    recipients: tuple[LocalText, ...] = ()
    """Who gets to see it besides the town hall; nobody, if empty."""
    subject: str = ""
    """Column with the id of the account that it is about; empty where nobody can be told apart by it."""
    via: str = ""
    """`table.column` with the account, where `subject` only refers to the row of that table: a message to its case."""
    erase: Literal["row", "clear", "keep"] = "row"
    """On erasure and expiry: the whole row goes, the column is emptied, or it stays for a legal reason."""
    keep: LocalText = ""
    """Why it stays (Art. 17 (3)), where `erase` is `keep`."""
    source: Annotated[str, Meta(description="where it comes from")] = "the person"
    """Where the data comes from, if not from the person (Art. 14)."""

    def __post_init__(self) -> None:
        if self.retention != "account" and _DURATION.fullmatch(self.retention) is None:
            raise ValueError("retention must be `account` or an ISO 8601 duration such as P30D or P2Y")
        if self.retention != "account" and not self.since:
            raise ValueError("since must name the column from which the retention counts")
        if self.erase == "keep" and not self.keep:
            raise ValueError("keep must say why it stays")
        if self.via and (not self.subject or self.via.count(".") != 1):
            raise ValueError("via must be table.column, beside a subject")

    def limit(self, now: datetime) -> datetime | None:
        """What is older than this has to go; None where it stays as long as the account."""
        found = _DURATION.fullmatch(self.retention)
        if found is None:
            return None
        years, months, weeks, days = (int(number or 0) for number in found.groups())
        oldest: datetime = now - relativedelta(years=years, months=months, weeks=weeks, days=days)
        return oldest
