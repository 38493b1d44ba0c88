"""How much one plugin may put into one answer, so that no answer grows until the process dies of it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from graphql import GraphQLList, GraphQLNonNull

from allmende.graphql.request import RequestContext

MAX_LIST = 10_000
"""Items of one list."""
MAX_WEIGHT = 8_000_000
"""Characters that a plugin may give in one request; an item of a list counts as ITEM of them."""
ITEM = 50
LIGHT = 200
"""Shorter texts are not counted one by one: there are only as many of them as there are items."""


class TooMuch(Exception):
    """A plugin gave more than fits into an answer."""


def fitting(value: Any, kind: Any, context: RequestContext, plugin: str) -> Any:
    """The value, if there is room for it; generators and other iterables as lists."""
    if isinstance(kind, GraphQLList):
        if not isinstance(value, Iterable) or isinstance(value, str | Mapping):
            if isinstance(value, AsyncIterable):  # which graphql-core would follow to its end, if there is one
                raise TypeError("an asynchronous iterator instead of a list")
            return value  # graphql-core refuses the others
        items = value if isinstance(value, list | tuple) else list(islice(value, MAX_LIST + 1))
        if len(items) > MAX_LIST:
            raise TooMuch(f"a list of more than {MAX_LIST} items")
        _add(context, plugin, len(items) * ITEM)
        inner = kind.of_type.of_type if isinstance(kind.of_type, GraphQLNonNull) else kind.of_type
        if isinstance(inner, GraphQLList) or any(type(item) is str and len(item) > LIGHT for item in items):
            return [fitting(item, inner, context, plugin) for item in items]
        return items
    weight = _weight(value)
    if weight > LIGHT:
        _add(context, plugin, weight)
    return value


def small(value: Any) -> bool:
    """Whether a value is so little that it need not be weighed."""
    kind: Any = type(value)
    if _is_one(kind):
        return True
    if isinstance(value, list | tuple):
        return len(value) <= LIGHT and all(small(item) for item in value)
    return isinstance(value, str | bytes | Mapping) and len(value) <= LIGHT * ITEM


@lru_cache(maxsize=2_000)
def _is_one(kind: type) -> bool:
    """Whether there are no items in such a value."""
    return not issubclass(kind, Iterable | AsyncIterable)


def _weight(value: Any, depth: int = 0) -> int:
    match value:
        case str() | bytes():
            return len(value)
        case Mapping() if depth < 20:
            return (
                sum(ITEM + _weight(item, depth + 1) for item in islice(value.values(), MAX_LIST))
                + max(0, len(value) - MAX_LIST) * ITEM
            )
        case list() | tuple() if depth < 20:
            return (
                sum(ITEM + _weight(item, depth + 1) for item in value[:MAX_LIST]) + max(0, len(value) - MAX_LIST) * ITEM
            )
    return 0


def _add(context: RequestContext, plugin: str, weight: int) -> None:
    total = context.weights.get(plugin, 0) + weight
    if total > MAX_WEIGHT:
        raise TooMuch(f"more than {MAX_WEIGHT} characters in one answer")
    context.weights[plugin] = total
