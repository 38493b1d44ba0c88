"""What a plugin's tables must be like, so that no key and no index reaches across cities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sqlalchemy import ForeignKeyConstraint, Table, UniqueConstraint

from allmende.db.table import CityTable, is_city_table


def check_tables(tables: Iterable[type[CityTable]], prefix: str) -> list[str]:
    """What is wrong with these tables of the plugin (or core room) `prefix`; each says what to write instead."""
    return [problem for table in tables for problem in _problems(table.__table__, prefix)]  # type: ignore[arg-type]


def _problems(table: Table, prefix: str) -> Iterator[str]:
    name = table.name
    if name != prefix and not name.startswith(f"{prefix}_"):
        yield f"{name}: a table of {prefix} has a name that begins with {prefix}_"
    if not is_city_table(table):
        yield f"{name}: derive it from CityTable or FeedTable"
        return
    keys: list[tuple[str, Iterable[str]]] = [("the primary key", table.primary_key.columns.keys())]
    for constraint in table.constraints:
        if isinstance(constraint, UniqueConstraint):
            keys.append((f"the unique constraint {constraint.name or ''}".strip(), constraint.columns.keys()))
        if isinstance(constraint, ForeignKeyConstraint) and is_city_table(constraint.referred_table):
            keys.append((f"the foreign key to {constraint.referred_table.name}", constraint.column_keys))
    keys += [(f"the index {index.name}", index.columns.keys()) for index in table.indexes]
    for what, columns in keys:
        if next(iter(columns), None) != "city":
            yield f'{name}: {what} must begin with city: Index("ix_{name}_…", "city", …)'
