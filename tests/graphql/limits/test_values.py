"""Variables are counted before anything looks at them, and no further than the limit."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.errors import AllmendeError
from allmende.graphql.limits.model import LimitError, Limits
from allmende.graphql.limits.values import are_small_and_plain, check_values
from hypothesis import given
from hypothesis import strategies as st

LIMITS = Limits()


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        ({f"v{n}": n for n in range(61)}, "LIMIT_VARIABLES"),
        ({"x": list(range(100_000))}, "LIMIT_VALUES"),
        ({"x": {str(n): n for n in range(100_000)}}, "LIMIT_VALUES"),
        ({"x": [[0] * 100] * 100}, "LIMIT_VALUES"),
        ({"x": nested(13)}, "LIMIT_VALUE_DEPTH"),
        ({"x": 10**30}, "LIMIT_VALUE_DIGITS"),
        ({"x": [{"y": -(10**4_000)}]}, "LIMIT_VALUE_DIGITS"),
    ],
)
def test_variables_that_are_too_large_are_refused(variables: dict[str, Any], code: str) -> None:
    with pytest.raises(LimitError) as caught:
        check_values(variables, LIMITS)
    assert caught.value.code == code
    assert not are_small_and_plain(variables, LIMITS)


@pytest.mark.parametrize("text", ["a\x00b", "\ud800", "Grüße \udfff"])
def test_text_that_no_database_can_hold_is_refused_also_as_a_key(text: str) -> None:
    for variables in ({"x": text}, {"x": {text: 1}}, {"x": [[text]]}, {text: 1}):
        with pytest.raises(AllmendeError) as caught:
            check_values(variables, LIMITS)
        assert caught.value.code == "BAD_REQUEST"
        assert not are_small_and_plain(variables, LIMITS)


def test_ordinary_variables_pass_and_are_looked_at_once() -> None:
    assert check_values({"city": "beckum", "box": {"south": 1.5, "list": [None, True]}}, LIMITS) == 10
    assert check_values({"x": nested(12)}, LIMITS) == 14
    assert are_small_and_plain(
        {"city": "beckum", "box": {"south": 1.5, "list": [None, True]}, "street": "Grüße"}, LIMITS
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False)
    | st.text()
    | st.text("a\\\x00\ud800ß[{"),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
)


@given(st.dictionaries(st.text(), JSON, max_size=5))
def test_any_json_passes_or_is_refused_with_a_code(variables: dict[str, Any]) -> None:
    try:
        check_values(variables, LIMITS)
        code = "LIMIT_NONE"
    except AllmendeError as error:
        code = error.code
        assert not are_small_and_plain(variables, LIMITS), "who sees nothing at a glance looks no further"
    assert code.startswith(("LIMIT_", "BAD_REQUEST"))
