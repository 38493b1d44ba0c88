"""SQL that was written by hand inside a city's session: refused on SQLite, inspected on PostgreSQL.

The compiler cannot restrict text to a city. On PostgreSQL row-level security does, as long as the text cannot change
the setting that says which city it is; SQLite has no such second lock.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable

from allmende.errors import ScopeError

_TRUSTED = "allmende_core_sql"
ExecutableT = TypeVar("ExecutableT", bound=Executable)

_PLAIN = re.compile(
    r"""[\w.*]+ | '[^']*' | [^\w\s'"()]+ | [a-z]+[ ][a-z]+ | is([ ]not)?[ ]distinct[ ]from""",
    re.IGNORECASE | re.VERBOSE,
)
# No comment may come before the verb: they nest in PostgreSQL, and hide what the statement is.
_VERB = re.compile(r"[\s(]*(select|with|values|insert|update|delete)\b", re.IGNORECASE)
_FORGES = re.compile(
    r"""set_config | pg_settings | pg_db_role_setting | u&["'] | \bdblink
      | \w+_to_xml | ts_stat | ts_rewrite | xpath_table | crosstab | connectby | pg_execute""",
    re.IGNORECASE | re.VERBOSE,
)
"""What sets a setting, or runs SQL that is hidden in a string."""
_INTO = re.compile(r"(\b(?:insert|merge)\s+)?\binto\b", re.IGNORECASE)


def core_sql(statement: ExecutableT) -> ExecutableT:
    """Mark a statement of the core whose hand-written SQL is known to stay within the bound city. Not for plugins."""
    return statement.execution_options(**{_TRUSTED: True})


def hides_sql(text: str) -> bool:
    """Whether what is written out as it is (literal_column, `op("…")`) could be more than a name or an operator."""
    return _PLAIN.fullmatch(text) is None


def check_raw_sql(connection: Connection, statement: str, context: Any) -> None:
    """Raise ScopeError where this statement, in a session of one city, could reach another city's rows."""
    if context.execution_options.get(_TRUSTED):
        return
    if not getattr(context.compiled, "raw", True):
        if connection.dialect.name == "postgresql":
            forges_nothing(statement)
    elif connection.dialect.name == "postgresql":
        _only_reads_and_writes(statement)
    else:
        raise ScopeError(
            "SQL text cannot be restricted to a city on SQLite; write it with select(), insert(), update(), delete()"
        )


@lru_cache(maxsize=2048)
def forges_nothing(statement: str) -> None:
    """Raise ScopeError where the text could change which city's rows are seen."""
    if found := _FORGES.search(statement):
        raise ScopeError(f"{found[0]!r} is not allowed in the session of a city")


@lru_cache(maxsize=2048)
def _only_reads_and_writes(statement: str) -> None:
    if not _VERB.match(statement):
        raise ScopeError("SQL text in the session of a city must begin with SELECT, INSERT, UPDATE or DELETE")
    if any(not match[1] for match in _INTO.finditer(statement)):
        raise ScopeError("SELECT … INTO makes a table that no policy guards; tables are made by migrations")
    forges_nothing(statement)
