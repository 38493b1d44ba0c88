"""The check that no key and no index of a plugin's tables reaches across cities."""

from __future__ import annotations

from allmende.db.branches import core_tables
from allmende.db.contract import check_tables
from allmende.db.table import Base
from sqlalchemy import Column, ForeignKey, Index, MetaData, String, Table, UniqueConstraint

from .tables import Note, Shared, Tag


def city() -> Column[str]:
    return Note.__table__.c.city._copy()


def wrong(*parts: object, name: str = "dbtest_wrong") -> list[str]:
    class Wrong:
        __table__ = Table(name, MetaData(), *parts)  # type: ignore[arg-type]

    return check_tables([Wrong], "dbtest")  # type: ignore[list-item]


def test_tables_in_order_have_no_problem() -> None:
    assert check_tables([Note, Tag], "dbtest") == []


def test_tables_of_the_core_are_in_order_too() -> None:
    """Of all but those of live operations, which belong to no city; the plugins' are checked by `allmende db check`."""
    names = [name for name in core_tables() if not name.startswith("relay_")]
    tables = {mapper.class_.__tablename__: mapper.class_ for mapper in Base.registry.mappers}
    assert [problem for name in names for problem in check_tables([tables[name]], name)] == []


def test_prefix_is_the_plugins_name() -> None:
    assert check_tables([Note], "news") == ["dbtest_note: a table of news has a name that begins with news_"]


def test_table_without_a_city_is_named() -> None:
    assert check_tables([Shared], "dbtest") == ["dbtest_shared: derive it from CityTable or FeedTable"]


def test_city_must_come_first_in_every_key_and_index() -> None:
    found = wrong(
        Column("id", String, primary_key=True),
        city(),
        Column("title", String, index=True),
        Column("code", String),
        UniqueConstraint("code", name="uq_code"),
        Index("ix_late", "title", "city"),
    )
    expected = 'must begin with city: Index("ix_dbtest_wrong_…", "city", …)'
    assert sorted(found) == [
        f"dbtest_wrong: the index ix_dbtest_wrong_title {expected}",
        f"dbtest_wrong: the index ix_late {expected}",
        f"dbtest_wrong: the primary key {expected}",
        f"dbtest_wrong: the unique constraint uq_code {expected}",
    ]


def test_foreign_key_to_a_city_table_must_hold_the_city() -> None:
    metadata = MetaData()
    Table("dbtest_parent", metadata, city(), Column("id", String, primary_key=True))

    class Child:
        __table__ = Table(
            "dbtest_child", metadata, city(), Column("id", String, ForeignKey("dbtest_parent.id"), primary_key=True)
        )

    assert check_tables([Child], "dbtest") == [  # type: ignore[list-item]
        'dbtest_child: the foreign key to dbtest_parent must begin with city: Index("ix_dbtest_child_…", "city", …)'
    ]
