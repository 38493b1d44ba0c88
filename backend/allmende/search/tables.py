"""The search index: an inverted index as one ordinary city table, so that scoping, row security and migrations hold.

PostgreSQL's `@@` is not leakproof, so under row-level security its GIN index is not used; SQLite's FTS5 is no table
that an ORM can scope. A B-tree on (city, term) serves both, prefixes included, and both answer alike.
"""

from __future__ import annotations

from sqlalchemy import Index, SmallInteger, String
from sqlalchemy.orm import Mapped, mapped_column

from allmende.db.table import CityTable

# Byte order on both databases: a prefix is then a range of the index.
_Term = String(48).with_variant(String(48, collation="C"), "postgresql")


class SearchTerm(CityTable):
    """One term by which one row of a plugin's table is found."""

    __tablename__ = "search_term"
    __table_args__ = (Index("ix_search_term_id", "city", "id"),)

    term: Mapped[str] = mapped_column(_Term, primary_key=True)
    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(64))
    """Name of the table that the row is in."""
    weight: Mapped[int] = mapped_column(SmallInteger)
    """3 in the title, 1 in the text."""
