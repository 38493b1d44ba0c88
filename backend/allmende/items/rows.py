"""Turns the objects of a Batch into plain rows with id and digest, and refuses one by one those that no database takes.

What an importer did not set gets the column's default. A text too long, a number too large or a missing value is
refused with its key; without that check it would fail the whole import, and on one of the two databases only.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from hashlib import blake2b
from typing import Any, Protocol

import msgspec
from msgspec import Struct
from sqlalchemy import BigInteger, Float, Integer, Numeric, SmallInteger, String, inspect
from sqlalchemy.schema import Column

from allmende.db.table import FeedTable, UtcDateTime, stable_id
from allmende.errors import FeedError
from allmende.importer import Batch, Refusal

Rows = dict[str, dict[str, Any]]
"""Id → column name → value."""

_BOOKKEEPING = frozenset({"city", "id", "source", "key", "digest", "fetched_at"})
_KEY_LENGTH = 512
MOST = 250_000
"""Rows of one batch; the largest city's trees are fewer. More would cost the memory that the other cities need."""
_RANGES: tuple[tuple[type[Any], int], ...] = ((SmallInteger, 2**15), (BigInteger, 2**63), (Integer, 2**31))


class Filled(Protocol):
    """What says which tables are filled: an importer, or a type of content."""

    @property
    def tables(self) -> tuple[type[FeedTable], ...]: ...
    @property
    def parent(self) -> str: ...
    @property
    def kind(self) -> str: ...


class Prepared(Struct, frozen=True, kw_only=True):
    """The rows of a batch by table, and everything that was refused."""

    rows: Mapping[type[FeedTable], Rows]
    refused: Sequence[Refusal]


def prepare(batch: Batch, filled: Filled, city: str, source: str, fetched_at: datetime) -> Prepared:
    """Rows ready to be compared and written. The first of several rows with one key wins. FeedError for too many."""
    if len(batch.rows) > MOST:
        raise FeedError(f"{filled.kind!r} made {len(batch.rows)} rows; at most {MOST} are taken")
    plans = {table: _plan(table) for table in filled.tables}
    rows: dict[type[FeedTable], Rows] = {table: {} for table in filled.tables}
    refused = list(batch.refused)
    for row in batch.rows:
        table = type(row)
        if table not in plans:
            raise FeedError(f"{filled.kind!r} made a {table.__name__}, which it does not declare")
        key = _text(row.__dict__.get("key") or "")
        place = f"{table.__name__} {key[:80]!r}"
        if not key:
            refused.append(Refusal(place=table.__name__, reason="has no key"))
            continue
        id_ = stable_id(city, source, table, key)
        if id_ in rows[table]:
            refused.append(Refusal(place=place, reason="occurs twice; the first one counts"))
            continue
        values, fault = _values(row, plans[table])
        if fault:
            refused.append(Refusal(place=place, reason=fault))
            continue
        digest = fingerprint(values)
        rows[table][id_] = values | {
            "city": city,
            "id": id_,
            "source": source,
            "key": key if len(key) <= _KEY_LENGTH else f"{key[: _KEY_LENGTH - 33]}#{id_}",
            "digest": digest,
            "fetched_at": fetched_at,
        }
    return Prepared(rows=rows, refused=refused)


def fingerprint(values: Any) -> str:
    """Of the values of a row (or anything that JSON holds): equal values have equal ones."""
    return blake2b(msgspec.json.encode(values, enc_hook=str, order="deterministic"), digest_size=16).hexdigest()


class _Field(Struct, frozen=True, kw_only=True):
    name: str
    default: Callable[[], Any]
    required: bool
    length: int | None
    limit: int | None
    number: bool
    instant: bool


def _plan(table: type[FeedTable]) -> list[_Field]:
    fields = []
    for attribute in inspect(table).column_attrs:
        column = attribute.columns[0]
        if attribute.key in _BOOKKEEPING or not isinstance(column, Column) or column.computed is not None:
            continue
        kind = column.type
        fields.append(
            _Field(
                name=attribute.key,
                default=_default(column),
                required=not column.nullable,
                length=kind.length if isinstance(kind, String) else None,
                limit=next((limit for type_, limit in _RANGES if isinstance(kind, type_)), None),
                number=isinstance(kind, (Float, Numeric)),
                instant=isinstance(kind, UtcDateTime),
            )
        )
    return fields


def _default(column: Column[Any]) -> Callable[[], Any]:
    default = column.default
    if default is None or not (default.is_scalar or default.is_callable):
        return lambda: None
    value: Any = getattr(default, "arg", None)
    # SQLAlchemy wraps a callable default so that it takes the execution context, which there is none of here.
    return (lambda: value(None)) if default.is_callable else (lambda: value)


def _values(row: FeedTable, plan: Sequence[_Field]) -> tuple[dict[str, Any], str]:
    """The values to write, and what is wrong with them ("" if nothing)."""
    values = {}
    given = row.__dict__
    for field in plan:
        value = given[field.name] if field.name in given else field.default()
        if isinstance(value, str):
            value = _text(value)
        elif isinstance(value, (dict, list, tuple)):
            value = _json(value)
        fault = _fault(field, value)
        if fault:
            return {}, f"{field.name} {fault}"
        values[field.name] = value.astimezone(UTC) if field.instant and value is not None else value
    return values, ""


def _fault(field: _Field, value: Any) -> str:
    if value is None:
        return "is missing" if field.required else ""
    if field.length is not None and isinstance(value, str) and len(value) > field.length:
        return f"is longer than {field.length} characters"
    if field.limit is not None and isinstance(value, int) and not -field.limit <= value < field.limit:
        return f"is too large a number ({str(value)[:30]})"
    if field.number and isinstance(value, float) and value - value != 0:
        return "is not a finite number"
    if field.instant and not isinstance(value, datetime):
        return f"is {type(value).__name__}, not an instant"
    if field.instant and value.tzinfo is None:
        return "has no time zone"
    return ""


def _text(value: str) -> str:
    """Without what no database stores: NUL, and halves of surrogate pairs (which JSON can smuggle in)."""
    if "\x00" in value:
        value = value.replace("\x00", "")
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def _json(value: Any) -> Any:
    """A JSON value whose texts can be stored; dates in it become ISO strings."""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(str(key)): _json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    return value
