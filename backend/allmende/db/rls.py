"""Row-level security: the lock inside PostgreSQL, which holds even for raw SQL with the serving role."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

SETTING = "allmende.city"
"""Set for each transaction to the slug of its city, or to EVERY; without it no row is seen."""
EVERY = "*"
"""What a transaction of the core's own cross-city work is set to. Never a slug."""
POLICY = "allmende_city"

_RULE = f"city = current_setting('{SETTING}', true) OR current_setting('{SETTING}', true) = '{EVERY}'"
_SECURED = text("""
    SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relrowsecurity AND c.relforcerowsecurity
      AND p.polname = :policy AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL AND p.polcmd = '*'
""")


def unsecured(connection: Connection, tables: Iterable[str]) -> list[str]:
    """Those of the tables that row-level security does not guard (yet)."""
    secured = set(connection.scalars(_SECURED, {"policy": POLICY}))
    return sorted(set(tables) - secured)


def secure(connection: Connection, tables: Iterable[str]) -> None:
    """Put the policy on each of the tables that lacks it. Does nothing on SQLite, which has no such lock."""
    if connection.dialect.name != "postgresql":
        return
    for table in unsecured(connection, tables):
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        connection.exec_driver_sql(f"DROP POLICY IF EXISTS {POLICY} ON {table}")
        connection.exec_driver_sql(f"CREATE POLICY {POLICY} ON {table} USING ({_RULE}) WITH CHECK ({_RULE})")
