"""Date and DateTime as ISO 8601; an instant without an offset is refused in both directions."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

_BAD = {"code": "BAD_INPUT"}
_YEARS = range(1900, 2200)
"""Outside of them a city has nothing to tell, and adding a day or an offset can leave the calendar."""


def write_date(value: Any) -> str:
    if type(value) is not date:
        raise TypeError(f"a Date is a datetime.date, not {value!r}")
    return value.isoformat()


def read_date(value: Any) -> date:
    try:
        if not isinstance(value, str) or len(value) != 10:
            raise ValueError
        day = date.fromisoformat(value)
    except ValueError as error:
        raise GraphQLError("expected a date such as 2026-05-01", extensions=_BAD) from error
    _check_year(day.year)
    return day


def write_datetime(value: Any) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise TypeError(f"a DateTime is a datetime.datetime with a time zone, not {value!r}")
    return value.isoformat()


def read_datetime(value: Any) -> datetime:
    try:
        if not isinstance(value, str):
            raise ValueError
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise GraphQLError("expected a time such as 2026-05-01T18:30:00+02:00", extensions=_BAD) from error
    if moment.tzinfo is None:
        raise GraphQLError("a time needs an offset: 2026-05-01T18:30:00+02:00", extensions=_BAD)
    _check_year(moment.year)
    return moment


def _check_year(year: int) -> None:
    if year not in _YEARS:
        raise GraphQLError(f"expected a year from {_YEARS[0]} to {_YEARS[-1]}", extensions=_BAD)


SCALARS: Mapping[object, ScalarDefinition] = {
    date: strawberry.scalar(
        name="Date",
        description="A day of the calendar, ISO 8601: `2026-05-01`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=write_date,
        parse_value=read_date,
    ),
    datetime: strawberry.scalar(
        name="DateTime",
        description="An instant with the offset of the city's time zone, ISO 8601: `2026-05-01T18:30:00+02:00`.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc3339#section-5.6",
        serialize=write_datetime,
        parse_value=read_datetime,
    ),
}
"""For StrawberryConfig(scalar_map=…)."""
