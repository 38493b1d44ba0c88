"""Variables as they come from JSON: not too many, not too deep, and nothing that no argument could take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from allmende.graphql.limits.document import check_text
from allmende.graphql.limits.model import Limits, check

DIGITS = 20
"""Of the largest number of 64 bits."""
_json, _msgpack = msgspec.json.Encoder(), msgspec.msgpack.Encoder()


def are_small_and_plain(variables: Mapping[str, Any], limits: Limits) -> bool:
    """Whether `check_values` has nothing to look at, which the JSON of most variables shows at a glance: there are no
    more values than characters, and no more levels than brackets."""
    try:
        text = _json.encode(variables)
        _msgpack.encode(variables)  # it knows no number that needs more than 64 bits: 20 digits
    except (ValueError, OverflowError, RecursionError):  # UnicodeEncodeError for half a surrogate pair
        return False
    return (
        len(text) <= limits.values
        and len(variables) <= limits.variables
        and text.count(b"{") + text.count(b"[") <= limits.value_depth
        and limits.value_digits >= DIGITS
        and b"\\u0000" not in text
    )


def check_values(variables: Mapping[str, Any], limits: Limits) -> int:
    """Raises LimitError or InputError; returns the number of values that were looked at, at most one too many."""
    check("variables", limits.variables, len(variables), "variables")
    seen = 0
    level: list[Any] = [*variables, *variables.values()]
    depth = 0
    while level:
        check("value_depth", limits.value_depth, depth, "lists and objects inside of each other in a variable")
        inside: list[Any] = []
        for value in level:
            seen += 1
            check("values", limits.values, seen, "values (or more) in the variables")
            if isinstance(value, str):
                check_text(value)
            elif isinstance(value, dict):
                check("values", limits.values, seen + 2 * len(value), "values (or more) in the variables")
                inside += value
                inside += value.values()
            elif isinstance(value, list):
                check("values", limits.values, seen + len(value), "values (or more) in the variables")
                inside += value
            elif isinstance(value, int) and abs(value) >= 10**limits.value_digits:
                check("value_digits", limits.value_digits, limits.value_digits + 1, "digits (or more) in a number")
        level = inside
        depth += 1
    return seen
