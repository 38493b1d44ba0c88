"""Documents that would cost for ever to validate are refused first, in as many steps as they have selections."""

from __future__ import annotations

import pytest
from allmende.errors import AllmendeError
from allmende.graphql.limits.document import Measure, Sums, check_document
from allmende.graphql.limits.model import LimitError, Limits
from graphql import parse
from hypothesis import given
from hypothesis import strategies as st

LIMITS = Limits()


def doubled(lines: int) -> str:
    """Fragments of which each spreads the next one twice: 2^lines fields."""
    steps = "".join(f"fragment F{n} on City {{...F{n + 1} ...F{n + 1}}} " for n in range(lines))
    return f'{{city(slug:"a"){{...F0}}}} {steps} fragment F{lines} on City {{name}}'


def test_doubled_fragments_of_one_kilobyte_are_refused_in_as_many_steps_as_it_has_selections() -> None:
    text = doubled(24)
    assert len(text) < 1_100
    with pytest.raises(LimitError) as caught:
        check_document(parse(text), LIMITS)
    assert (caught.value.code, caught.value.limit, caught.value.actual) == ("LIMIT_FIELDS", 1_000, 2**24 + 1)
    measure = Measure(parse(text))
    assert measure.sums(measure.operations[0].selection_set) == Sums(1, 2**24 + 1, 0, 2)
    assert measure.steps == 2 + 2 * 24 + 1


@given(st.integers(min_value=1, max_value=59))
def test_steps_grow_with_the_document_not_with_what_it_spells_out(lines: int) -> None:
    measure = Measure(parse(doubled(lines)))
    for root in measure.operations:
        measure.sums(root.selection_set)
    for name in measure.fragments:
        measure.spread(name)
    assert measure.steps == 3 + 2 * lines


def wide(count: int, text: str) -> str:
    return "{ " + " ".join(text.format(n=n) for n in range(count)) + " }"


SPREAD = "{ ...A ...B ...C } " + "".join(f"fragment {n} on Query {wide(5, 'q{n}')}" for n in "ABC")
UNUSED = "{ ...A } fragment A on Query { x { a a } } fragment Unused on City " + wide(80, "a")
NUL = ['{ x(a: "\\u0000") }', '{ x(a: ["b", {c: "\\u0000"}]) }', 'query($a: String = "\\u0000") {x}']


@pytest.mark.parametrize(
    ("text", "code", "limit", "actual"),
    [
        ("{a" * 17 + "}" * 17, "LIMIT_DEPTH", 16, 17),
        ("{ x " + wide(61, "a{n}: y") + " }", "LIMIT_ALIASES", 60, 61),
        (wide(13, "r{n}"), "LIMIT_ROOT_FIELDS", 12, 13),
        (SPREAD, "LIMIT_ROOT_FIELDS", 12, 15),
        ("{ x " + wide(1_000, "f{n}") + " }", "LIMIT_FIELDS", 1_000, 1_001),
        ("{ x " + wide(80, "a") + " }", "LIMIT_OVERLAPS", 3_000, 3_160),
        (UNUSED, "LIMIT_OVERLAPS", 3_000, 3_161),
        ("{ x " + "@include(if: true) " * 61 + "}", "LIMIT_DIRECTIVES", 60, 61),
        (" ".join(f"query Q{n} {{x}}" for n in range(11)), "LIMIT_OPERATIONS", 10, 11),
        ("{x} " + " ".join(f"fragment F{n} on Q {{x}}" for n in range(61)), "LIMIT_FRAGMENTS", 60, 61),
    ],
)
def test_document_that_is_too_large_is_refused_with_the_limit_and_what_was_found(
    text: str, code: str, limit: int, actual: int
) -> None:
    with pytest.raises(LimitError) as caught:
        check_document(parse(text), LIMITS)
    assert (caught.value.code, caught.value.limit, caught.value.actual) == (code, limit, actual)


@pytest.mark.parametrize(
    "text",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { x { ...B } } fragment B on X { y { ...A } }",
        "{ x } fragment A on Query { ...B } fragment B on Query { ...A }",
        "{ ...A } fragment A on Query { x } fragment A on Query { y }",
    ],
)
def test_circles_and_doubles_of_fragments_are_refused(text: str) -> None:
    with pytest.raises(AllmendeError) as caught:
        check_document(parse(text), LIMITS)
    assert caught.value.code == "GRAPHQL_VALIDATION_FAILED"


@pytest.mark.parametrize("text", NUL)
def test_text_that_no_database_can_hold_is_refused(text: str) -> None:
    with pytest.raises(AllmendeError) as caught:
        check_document(parse(text), LIMITS)
    assert caught.value.code == "BAD_REQUEST"


def test_long_chain_of_fragments_is_no_problem() -> None:
    chain = " ".join(f"fragment F{n} on Q {{...F{n + 1}}}" for n in range(59))
    measure = check_document(parse("{...F0} " + chain + " fragment F59 on Q {x}"), LIMITS)
    assert measure.steps == 2 * 61
