"""The register of cases: what each is now, everything that ever happened to it, and who follows it."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Index,
    String,
    Text,
    UniqueConstraint,
    and_,
    event,
    literal_column,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable

NOTHING = literal_column("''", String)
"""Written into the statement, so that a database sees that an index of what is not empty can be used."""


def _where(sqlite: str, postgresql: str = "") -> dict[str, Any]:
    """Of an index that holds some of the rows only, as either database writes the condition."""
    return {"sqlite_where": text(sqlite), "postgresql_where": text(postgresql or sqlite)}


def new_id() -> str:
    return os.urandom(16).hex()


class Case(CityTable):
    """One thing that was submitted and that the town hall works on, as it is now."""

    __tablename__ = "case_case"
    few = ("kind", "status", "open", "published", "shown", "language", "opened_by", "seq")
    __table_args__ = (
        UniqueConstraint("city", "number", "origin", name="uq_case_case_number"),
        Index("uq_case_case_once", "city", "once", unique=True),
        Index("ix_case_case_inbox", "city", "open", "department", "created"),
        Index("ix_case_case_created", "city", "created", "id"),
        Index("ix_case_case_map", "city", "lat", **_where("published = 1", "published")),
        Index("ix_case_case_submitter", "city", "submitter", "created", **_where("submitter <> ''")),
        Index("ix_case_case_parent", "city", "parent", **_where("parent <> ''")),
        Index("ix_case_case_merged", "city", "merged_into", **_where("merged_into <> ''")),
        Index("ix_case_case_closed", "city", "closed", **_where("closed IS NOT NULL")),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    number: Mapped[str] = mapped_column(String(40))
    """What people say on the telephone, `MUS-2026-483920`; it shows nothing to whoever only has the number."""
    origin: Mapped[str] = mapped_column(String(64), default="")
    """Slug of the city that has handed it over, and given it its number; empty for the city's own."""
    kind: Mapped[str] = mapped_column(String(81))
    """`<plugin>.<kind>`."""
    status: Mapped[str] = mapped_column(String(40))
    open: Mapped[bool] = mapped_column(default=True)
    published: Mapped[bool] = mapped_column(default=False)
    """Whether everybody may see its public part (while its status is a public one, see `shown`)."""
    shown: Mapped[bool] = mapped_column(default=True)
    """Whether its status is a public one."""
    title: Mapped[str] = mapped_column(String(200), default="")
    """One line; public."""
    category: Mapped[str] = mapped_column(String(80), default="")
    lat: Mapped[float | None] = mapped_column(default=None)
    lon: Mapped[float | None] = mapped_column(default=None)
    """WGS 84 degrees; both or none."""
    address: Mapped[str] = mapped_column(String(300), default="")
    department: Mapped[str] = mapped_column(String(80), default="")
    assignee: Mapped[str] = mapped_column(String(32), default="")
    """The account of the member of staff; empty for none."""
    deadline: Mapped[datetime | None] = mapped_column(default=None)
    public: Mapped[dict[str, Any]] = mapped_column(default=dict)
    private: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The kind's own fields."""
    submitter: Mapped[str] = mapped_column(String(32), default="")
    """The device or citizen (`Reader.id`); empty for whoever gave no token."""
    language: Mapped[str] = mapped_column(String(8), default="de")
    """In which the submitter is written to."""
    once: Mapped[str | None] = mapped_column(String(32), default=None)
    """Fingerprint of the client's key under which it was submitted, which opens no second one (see claim.py). None once
    it is erased, and where it came from another city."""
    receipt: Mapped[str] = mapped_column(String(64), default="")
    """SHA-256 of the code with which its submitter follows it."""
    waiting: Mapped[str] = mapped_column(String(10), default="staff")
    """Whose turn it is: `staff`, `citizen` (was asked something), or empty."""
    parent: Mapped[str] = mapped_column(String(32), default="")
    """The case that this one is a part of; empty for none."""
    merged_into: Mapped[str] = mapped_column(String(32), default="")
    """The case that this one says the same as; empty for none."""
    handed_to: Mapped[str] = mapped_column(String(200), default="")
    """Who works on it now, if not this city: the slug of another one, or the name of a body outside."""
    followers: Mapped[int] = mapped_column(default=0)
    """How many besides the submitter have said "me too"."""
    words: Mapped[str] = mapped_column(Text, default="")
    """What the town hall finds it by: folded words."""
    created: Mapped[datetime] = mapped_column()
    opened_by: Mapped[str] = mapped_column(String(80), default="")
    opened: Mapped[dict[str, Any]] = mapped_column(default=dict)
    """The first event of its history, which has no row of its own (see `history.opening`): who, and the facts. The
    database refuses to change them, and `created`. Empty for a case of before November 2026, of which it is a row."""
    updated: Mapped[datetime] = mapped_column()
    closed: Mapped[datetime | None] = mapped_column(default=None)
    erased: Mapped[datetime | None] = mapped_column(default=None)
    """When everything personal was taken out."""
    seq: Mapped[int] = mapped_column(default=0)
    head: Mapped[str] = mapped_column(String(64), default="")
    """Number and hash of the newest event of its history."""


def submitted_by(id_: str) -> ColumnElement[bool]:
    """Cases of this device or citizen, which is one."""
    return and_(Case.submitter == id_, Case.submitter != NOTHING)


def part_of(id_: str) -> ColumnElement[bool]:
    """Cases that are a part of this one."""
    return and_(Case.parent == id_, Case.parent != NOTHING)


def merged_into(id_: str) -> ColumnElement[bool]:
    """Cases that say the same as this one, which goes on."""
    return and_(Case.merged_into == id_, Case.merged_into != NOTHING)


class CaseEvent(CityTable):
    """One thing that happened to a case after it was opened. Append-only: the database refuses to change or delete it,
    on both databases.

    It holds nothing personal, so it can stay when a person's data is erased: texts are in CaseText, here is only their
    salted fingerprint.
    """

    __tablename__ = "case_event"
    few = ("seq", "what", "actor", "audience", "text")

    case_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    """2, 3, 4, …"""
    at: Mapped[datetime] = mapped_column()
    what: Mapped[str] = mapped_column(String(40))
    """`status`, `message`, `note`, `assigned`, `published`, `linked`, `merged`, `attached`,
    `handed_over`, …"""
    actor: Mapped[str] = mapped_column(String(80))
    """`citizen`, `staff:<account>`, `service:<account>` or `system`."""
    audience: Mapped[str] = mapped_column(String(10))
    """`public`, `citizen` (its submitter and staff) or `staff`."""
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)
    text: Mapped[str] = mapped_column(String(64), default="")
    """HMAC-SHA-256 of the text under its salt; empty where there is none."""
    hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 of all this and of the hash of the event before."""


class CaseText(CityTable):
    """The text of an event. It may be personal, and goes when the case is erased."""

    __tablename__ = "case_text"

    case_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    salt: Mapped[str] = mapped_column(String(32))
    text: Mapped[str] = mapped_column(Text)


class CaseFollower(CityTable):
    """Someone who follows a public case of somebody else, with a receipt of their own."""

    __tablename__ = "case_follower"
    __table_args__ = (
        Index("ix_case_follower_receipt", "city", "receipt"),
        Index("ix_case_follower_submitter", "city", "submitter"),
    )

    case_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True, default=new_id)
    receipt: Mapped[str] = mapped_column(String(64))
    submitter: Mapped[str] = mapped_column(String(32), default="")
    created: Mapped[datetime] = mapped_column()


class CaseLink(CityTable):
    """Two cases that have to do with each other; one row in each direction."""

    __tablename__ = "case_link"

    case_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    other_id: Mapped[str] = mapped_column(String(32), primary_key=True)


class CaseTransfer(CityTable):
    """A case that another city of this instance is to get: written with the hand-over, gone when it is there."""

    __tablename__ = "case_transfer"

    case_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    to_city: Mapped[str] = mapped_column(String(64))
    created: Mapped[datetime] = mapped_column()
    attempts: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(String(500), default="")


class CaseFetch(CityTable):
    """A picture that is to become a part of a case, and of which only the address is known yet; gone when it is there,
    or given up."""

    __tablename__ = "case_fetch"
    __table_args__ = (Index("ix_case_fetch_due", "city", "due"),)

    case_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    """Fingerprint of the address: the same one is fetched once."""
    url: Mapped[str] = mapped_column(Text)
    shown: Mapped[bool] = mapped_column(default=False)
    """Whether it is part of what everybody sees, though the case is published and nobody has looked at it."""
    trusted: Mapped[bool] = mapped_column(default=False)
    """Whether it may be on a private server that the operator allows: no stranger has given it."""
    due: Mapped[datetime] = mapped_column()
    attempts: Mapped[int] = mapped_column(default=0)


LOCKS = {
    "sqlite": [
        f"CREATE TRIGGER case_event_{verb.lower()} BEFORE {verb} ON case_event"
        " BEGIN SELECT RAISE(ABORT, 'case_event is append-only'); END"
        for verb in ("UPDATE", "DELETE")
    ],
    "postgresql": [
        "CREATE FUNCTION case_event_refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'case_event is append-only'; END $$",
        "CREATE TRIGGER case_event_row BEFORE UPDATE OR DELETE ON case_event"
        " FOR EACH ROW EXECUTE FUNCTION case_event_refuse()",
        "CREATE TRIGGER case_event_all BEFORE TRUNCATE ON case_event"
        " FOR EACH STATEMENT EXECUTE FUNCTION case_event_refuse()",
    ],
}
"""What keeps the history append-only: made by the migration, and here wherever tables are made without it."""
_OPENING = "UPDATE OF opened, opened_by, created ON case_case"
OPENING_LOCKS = {
    "sqlite": [
        f"CREATE TRIGGER case_case_opening BEFORE {_OPENING}"
        " BEGIN SELECT RAISE(ABORT, 'the opening of a case is append-only'); END"
    ],
    "postgresql": [
        "CREATE FUNCTION case_case_refuse() RETURNS trigger LANGUAGE plpgsql"
        " AS $$ BEGIN RAISE EXCEPTION 'the opening of a case is append-only'; END $$",
        f"CREATE TRIGGER case_case_opening BEFORE {_OPENING} FOR EACH ROW EXECUTE FUNCTION case_case_refuse()",
    ],
}
"""The same for the first event, which stands in the case."""


@event.listens_for(CaseEvent.__table__, "after_create")
@event.listens_for(Case.__table__, "after_create")
def _lock(table: Any, connection: Connection, **_: Any) -> None:
    locks = OPENING_LOCKS if table is Case.__table__ else LOCKS
    for statement in locks[connection.dialect.name]:
        connection.exec_driver_sql(statement)
