"""Variables as they come from JSON: not too many, not too deep, and nothing that no argument could take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from allmende.graphql.limits.document import check_text
from allmende.graphql.limits.model import Limits, check

FEW, DIGITS = 10, 10**15
"""So many variables, and numbers below that, are within any limits."""


def are_few_and_plain(variables: Mapping[str, Any]) -> bool:
    """Whether `check_values` has nothing to look at: most requests have a few texts of plain letters."""
    if len(variables) > FEW:
        return False
    try:
        text = "".join([*variables, *variables.values()])
    except TypeError:  # not all of them are texts
        if not all(map(_is_plain, variables.values())):
            return False
        text = "".join([*variables, *[value for value in variables.values() if type(value) is str]])
    return text.isascii() and "\x00" not in text


def _is_plain(value: Any) -> bool:
    if type(value) is int:
        return -DIGITS < value < DIGITS
    return value is None or type(value) in (str, bool, float)


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
