"""The limits, in one place, and the refusal that names the limit and what was found."""

from __future__ import annotations

from msgspec import Struct

from allmende.errors import AllmendeError


class Limits(Struct, frozen=True, kw_only=True):
    """The largest that is answered. The operations of the apps need less than a third of each (tests hold that)."""

    characters: int = 30_000
    """Of a document."""
    tokens: int = 4_000
    """Names, numbers, texts and signs of a document."""
    operations: int = 10
    """In one document."""
    fragments: int = 60
    """In one document."""
    depth: int = 16
    """Fields inside of fields; the introspection query of the common tools has 15."""
    fields: int = 1_000
    """With each fragment counted as often as it is spread."""
    root_fields: int = 12
    """Directly below `query` or `mutation`."""
    aliases: int = 60
    directives: int = 60
    overlaps: int = 3_000
    """Pairs of fields that come to the same place of the answer and have to be compared by the validation."""
    page: int = 1_000
    """Items of one list: the largest `first` or `last`."""
    cost: int = 10_000
    """Objects that the answer may hold, and 10 for each field that asks the database."""
    variables: int = 60
    values: int = 5_000
    """Texts, numbers, lists and objects in all variables together."""
    value_depth: int = 12
    """Lists and objects inside of each other in a variable."""
    value_digits: int = 30
    """Of a whole number in a variable."""


class LimitError(AllmendeError):
    """The document or its variables are larger than what is answered; `code` says which limit."""

    def __init__(self, name: str, limit: int, actual: int, message: str, code: str = "") -> None:
        super().__init__(message, code=code or f"LIMIT_{name.upper()}")
        self.limit, self.actual = limit, actual


def check(name: str, limit: int, actual: int, what: str) -> None:
    """Raises LimitError if there is more than the limit: "depth: 40 levels of fields, 16 are allowed"."""
    if actual > limit:
        raise LimitError(name, limit, actual, f"{_shown(actual)} {what}, {limit} are allowed")


def _shown(number: int) -> str:
    """A doubling of fragments has more digits than fit into a message."""
    return str(number) if number < 10**12 else "more than 10^12"
