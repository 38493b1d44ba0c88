"""A test gets a database in which nothing is left of the tests before it, though it may be the same one."""

from __future__ import annotations

import psycopg
import pytest
from allmende.cases.tables import CaseEvent
from allmende.db.rls import EVERY, SETTING
from allmende.testing.databases import PostgreSQL

ROW = """INSERT INTO case_event (city, case_id, seq, at, what, actor, audience, facts, text, hash)
    VALUES ('adorf', 'x', 1, now(), 'submitted', 'citizen', 'public', '{}', '', '')"""
COUNT = f"SELECT count(*) FROM {CaseEvent.__tablename__}"


def test_the_next_test_finds_no_rows_also_where_none_may_be_deleted(postgresql: PostgreSQL) -> None:
    name = postgresql.lend()
    with psycopg.connect(postgresql.own(name), autocommit=True) as connection:
        connection.execute(ROW)
        assert connection.execute(COUNT).fetchone() == (1,)
    left = psycopg.connect(postgresql.url(name))
    left.execute(f"SELECT set_config('{SETTING}', '{EVERY}', true)")
    left.execute(COUNT)
    postgresql.take_back()
    with pytest.raises(psycopg.OperationalError):
        left.execute("SELECT 1")
    assert postgresql.lend() == name
    with psycopg.connect(postgresql.own(name)) as connection:
        assert connection.execute(COUNT).fetchone() == (0,)
    postgresql.take_back()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE scratch (id int)",
        "ALTER TABLE case_event ADD COLUMN more int",
        "ALTER TABLE case_event DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE case_event DISABLE TRIGGER ALL",
        "DROP POLICY allmende_city ON case_event",
        "GRANT SELECT ON case_event TO PUBLIC",
        "CREATE INDEX another ON case_event (what)",
    ],
)
def test_what_a_test_has_altered_is_given_to_no_other(postgresql: PostgreSQL, change: str) -> None:
    name = postgresql.lend()
    with psycopg.connect(postgresql.own(name), autocommit=True) as connection:
        connection.execute(change.encode())
    postgresql.take_back()
    assert postgresql.lend() != name
    postgresql.take_back()
