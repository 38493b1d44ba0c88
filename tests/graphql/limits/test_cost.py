"""The estimate follows the sizes of lists, also those that are variables; the apps' operations fit several times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from allmende.graphql.limits.checks import Checks
from allmende.graphql.limits.cost import LIST, STATEMENT
from allmende.graphql.limits.model import LimitError, Limits
from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_introspection_query,
    get_named_type,
    is_leaf_type,
    is_required_argument,
    parse,
)
from msgspec.structs import replace

from tests.composed import composed

ROOT = Path(__file__).parents[3]
OPERATIONS = sorted((ROOT / "clients").rglob("*.graphql"))
LIMITS = Limits()
CITY = STATEMENT + 1


def cost(text: str, **variables: Any) -> int:
    document, costs, errors = Checks(composed(), LIMITS, introspectable=True).document(text)
    assert (document is None, errors) == (False, ())
    (found,) = costs.values()
    return found.at(variables, LIMITS.page)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ("name", 0),
        ("position { lat lon }", 1),
        ("modules { name }", LIST),
        ("map(bbox: {south: 1, north: 2, west: 1, east: 2}) { id position { lat } }", STATEMENT + 200 * 2),
        ("feed(first: 7) { nodes { id } edges { node { id } } pageInfo { endCursor } }", STATEMENT + 1 + 7 + 7 * 2 + 1),
        ("feed { nodes { id } }", STATEMENT + 1 + 20),
        ("events { upcoming(first: 3) { id venue { name } } }", 1 + STATEMENT + 3 * 2),
        ("__typename position { __typename lat }", 1),
        (
            "feed(first: 7) { nodes { ... on NewsItem { image { alt } }"
            " ... on EventsEvent { venue { name } image { alt } } } }",
            STATEMENT + 1 + 7 * (1 + 2),
        ),
    ],
)
def test_cost_counts_objects_and_statements(selection: str, expected: int) -> None:
    assert cost(f'{{ city(slug: "x") {{ {selection} }} }}') == CITY + expected


def test_cost_multiplies_lists_in_lists_and_counts_a_fragment_each_time() -> None:
    inner = "news { latest(first: 2) { id } }"
    text = f"{{ cities(first: 5) {{ nodes {{ ...N ...N }} }} }} fragment N on City {{ {inner} }}"
    assert cost(text) == STATEMENT + 1 + 5 * (1 + 2 * (1 + STATEMENT + 2))


def everything(kind: GraphQLNamedType, depth: int = 6) -> str:
    """A selection of every field that needs no argument, as deep as it goes, of every type that an interface may be."""
    if is_leaf_type(kind):
        return ""
    if isinstance(kind, GraphQLInterfaceType):
        types = composed().schema.get_possible_types(kind)
        return " ".join(f"... on {one.name} {{ {everything(one, depth)} }}" for one in types)
    assert isinstance(kind, GraphQLObjectType)
    fields = []
    for name, field in kind.fields.items() if depth else ():
        if not any(is_required_argument(argument) for argument in field.args.values()):
            below = everything(get_named_type(field.type), depth - 1)
            fields.append(
                f"{kind.name}{name}: {name} {{ __typename {below} }}" if below else f"{kind.name}{name}: {name}"
            )
    return " ".join(("__typename", *fields))


def test_a_page_of_what_all_modules_have_with_everything_about_each_item_fits() -> None:
    """Of an item in a list of several types, what is selected for its own type counts, and not for the others."""
    kind = composed().schema.type_map["FeedItem"]
    text = f'{{ city(slug: "x") {{ feed {{ nodes {{ {everything(kind)} }} pageInfo {{ endCursor }} }} }} }}'
    _, costs, errors = Checks(composed(), replace(LIMITS, aliases=1_000), introspectable=True).document(text)
    assert (errors, costs[""].fixed < LIMITS.cost * 0.9) == ((), True)


def test_cost_takes_sizes_from_variables_their_defaults_and_the_schema() -> None:
    text = 'query($n: Int! = 4) { city(slug: "x") { feed(first: $n) { nodes { id } } } }'
    base = CITY + STATEMENT + 1
    assert [cost(text), cost(text, n=9), cost(text, n=None)] == [base + 4, base + 9, base + LIMITS.page]
    nested = "query($a: Int!, $b: Int!) { cities(first: $a) { nodes { events { upcoming(first: $b) { id } } } } }"
    assert cost(nested, a=3, b=50) == STATEMENT + 1 + 3 * (1 + 1 + STATEMENT + 50)


@pytest.mark.parametrize("number", [-1, 1_001, 5_910_205, 10**18])
def test_page_below_zero_or_above_the_cap_is_refused_also_as_a_variable(number: int) -> None:
    checks = Checks(composed(), LIMITS, introspectable=True)
    _, _, errors = checks.document(f'{{ city(slug: "x") {{ news {{ latest(first: {number}) {{ id }} }} }} }}')
    extensions = {"code": "BAD_FIRST", "limit": 1_000, "actual": min(number, 10**12)}
    assert [error["extensions"] for error in errors] == [extensions]
    text = 'query($n: Int!) { city(slug: "x") { news { latest(first: $n) { id } } } }'
    _, costs, errors = checks.document(text)
    assert errors == ()
    with pytest.raises(LimitError, match=f"first: {number} is not between 0 and 1000"):
        checks.request(costs[""], {"n": number})


def test_answer_that_would_be_too_large_is_refused_with_its_cost() -> None:
    checks = Checks(composed(), LIMITS, introspectable=True)
    text = "query($n: Int!) { cities(first: $n) { nodes { events { upcoming(first: 100) { id } } } } }"
    _, costs, _ = checks.document(text)
    checks.request(costs[""], {"n": 50})
    with pytest.raises(LimitError) as caught:
        checks.request(costs[""], {"n": 100})
    assert (caught.value.code, caught.value.limit, caught.value.actual) == ("LIMIT_COST", 10_000, 11_211)


def test_there_are_operations_of_apps_to_check() -> None:
    assert len(OPERATIONS) > 10


@pytest.mark.parametrize("path", OPERATIONS, ids=lambda path: path.stem)
def test_operation_of_an_app_fits_three_times_into_every_limit(path: Path) -> None:
    third = Limits(
        characters=LIMITS.characters // 3,
        tokens=LIMITS.tokens // 3,
        depth=10,
        fields=LIMITS.fields // 3,
        aliases=LIMITS.aliases // 3,
        root_fields=LIMITS.root_fields // 3,
        directives=LIMITS.directives // 3,
        overlaps=LIMITS.overlaps // 3,
        cost=LIMITS.cost // 3,
    )
    checks = Checks(composed(), third, introspectable=False)
    document, costs, errors = checks.document(path.read_text())
    assert (document is None, errors) == (False, ())
    for found in costs.values():
        checks.request(found, {size.variable: 100 for size in found.sizes() if size.default is None})


def test_introspection_of_common_tools_fits_and_can_be_switched_off() -> None:
    text = get_introspection_query(input_value_deprecation=True, specified_by_url=True)
    assert Checks(composed(), LIMITS, introspectable=True).document(text)[2] == ()
    _, _, errors = Checks(composed(), LIMITS, introspectable=False).document(text)
    assert {error["extensions"]["code"] for error in errors} == {"GRAPHQL_VALIDATION_FAILED"}
    assert Checks(composed(), LIMITS, introspectable=False).document("{ __typename }")[2] == ()


def test_suggestions_are_told_to_developers_only() -> None:
    said = [
        Checks(composed(), LIMITS, introspectable=open_).document('{ city(slug: "x") { nam } }')[2][0]["message"]
        for open_ in (True, False)
    ]
    assert said == [
        "Cannot query field 'nam' on type 'City'. Did you mean 'name' or 'map'?",
        "Cannot query field 'nam' on type 'City'.",
    ]


def test_parsed_documents_are_not_changed_by_the_estimate() -> None:
    text = OPERATIONS[0].read_text()
    document, _, _ = Checks(composed(), LIMITS, introspectable=True).document(text)
    assert document == parse(text)
