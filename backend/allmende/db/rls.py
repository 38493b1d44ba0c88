"""Row-level security: the lock inside PostgreSQL, which holds even for raw SQL with the serving role."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text

SETTING = "allmende.city"
"""Set for each transaction to the slug of its city, or to EVERY; without it no row is seen."""
EVERY = "*"
"""What a transaction of the core's own cross-city work is set to. Never a slug."""
POLICY = "allmende_city"

_SET = f"(SELECT current_setting('{SETTING}', true))"
_RULE = f"city = {_SET} OR {_SET} = '{EVERY}'"
"""For rows that are read, the setting is looked up once for each statement (in a subselect), not once for each row."""
_NOW = f"current_setting('{SETTING}', true)"
_CHECK = f"city = {_NOW} OR {_NOW} = '{EVERY}'"
"""For rows that are written, it is what it is at that row: one statement may write rows of several cities, if it sets
the city of each (db/direct/grouped.py)."""
_STORED_NOW = f"current_setting('{SETTING}'::text, true)"
_STORED = f"( SELECT {_STORED_NOW} AS current_setting)"
_RULE_STORED = f"(((city)::text = {_STORED}) OR ({_STORED} = '{EVERY}'::text))"
_CHECK_STORED = f"(((city)::text = {_STORED_NOW}) OR ({_STORED_NOW} = '{EVERY}'::text))"
_SECURED = text("""
    SELECT c.relname FROM pg_class c JOIN pg_policy p ON p.polrelid = c.oid AND p.polpermissive
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relrowsecurity AND c.relforcerowsecurity
    GROUP BY c.relname
    HAVING count(*) = 1 AND bool_and(p.polname = :policy AND p.polcmd = '*'
      AND pg_get_expr(p.polqual, p.polrelid) = :rule AND pg_get_expr(p.polwithcheck, p.polrelid) = :check)
""")
_POLICIES = text("SELECT policyname FROM pg_policies WHERE schemaname = current_schema() AND tablename = :table")


def unsecured(connection: Connection, tables: Iterable[str]) -> list[str]:
    """Those of the tables that row-level security does not guard as it should (or that another policy opens)."""
    stored = {"policy": POLICY, "rule": _RULE_STORED, "check": _CHECK_STORED}
    secured = set(connection.scalars(_SECURED, stored))
    return sorted(set(tables) - secured)


def secure(connection: Connection, tables: Iterable[str]) -> None:
    """Make our policy the only one on each of the tables. Does nothing on SQLite, which has no such lock."""
    if connection.dialect.name != "postgresql":
        return
    quote = connection.dialect.identifier_preparer.quote
    for name in unsecured(connection, tables):
        table = quote(name)
        connection.exec_driver_sql(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        for policy in connection.scalars(_POLICIES, {"table": name}).all():
            connection.exec_driver_sql(f"DROP POLICY {quote(policy)} ON {table}")
        connection.exec_driver_sql(f"CREATE POLICY {POLICY} ON {table} USING ({_RULE}) WITH CHECK ({_CHECK})")
