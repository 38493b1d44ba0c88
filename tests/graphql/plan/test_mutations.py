"""Planned mutations: read, done and shown as graphql-core and Strawberry would, and never done twice."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
import strawberry
from allmende import PUBLIC, SIGNED_IN, CityModule, InputError, Plugin, field
from allmende.db.direct.statement import Unplannable
from allmende.db.engine import Database
from allmende.graphql.execute import Engine, Operation
from allmende.graphql.plan.inputs import input_reader
from allmende.reader import ANONYMOUS, Reader
from graphql import GraphQLEnumType, GraphQLInputObjectType, GraphQLList, GraphQLNonNull, Undefined
from graphql.utilities import coerce_input_value
from hypothesis import given
from hypothesis import strategies as st
from strawberry.types.arguments import convert_argument

from tests.composed import composed

from ..gazette import compose_sound, make_engine

COMPOSED = composed()
DONE: list[Any] = []
"""Inputs that the plugin of these tests was called with."""


@strawberry.input(description="A part.")
class SafePartInput:
    name: strawberry.ID = strawberry.field(description="What.")
    weight: float | None = strawberry.field(default=1.5, description="How much.")


@strawberry.input(description="What to put in.")
class SafeFillInput:
    city: str = strawberry.field(description="In which city.")
    what: str = strawberry.field(default="value", description="What the method does.")
    number: int = strawberry.field(default=3, description="How many.")
    heavy: bool | None = strawberry.field(description="Whether.")
    day: date | None = strawberry.field(default=None, description="When.")
    at: datetime | None = strawberry.field(default=None, description="When exactly.")
    first: SafePartInput | None = strawberry.field(default=None, description="A part.")
    parts: list[SafePartInput] = strawberry.field(default_factory=list, description="Parts.")
    marks: list[str | None] | None = strawberry.field(default=None, description="Words.")
    tags: list[strawberry.ID] = strawberry.field(default_factory=list, description="More.")


@strawberry.type(description="What was done.")
class SafeFilled:
    said: str = strawberry.field(description="What was said.")
    number: int = strawberry.field(description="How many.")
    note: str | None = strawberry.field(description="More.")

    @strawberry.field(description="Worked out.")
    def twice(self) -> int:
        return self.number * 2


@strawberry.type(description="What can be changed.")
class SafeMutations(CityModule):
    @field(visible=PUBLIC, description="Put something in.")
    async def fill(self, input: SafeFillInput) -> SafeFilled | None:
        DONE.append(input)
        match input.what:
            case "refuse":
                raise InputError("number: is too much", code="TOO_MUCH")
            case "break":
                raise RuntimeError("broken")
            case "exit":
                raise SystemExit(3)
            case "sleep":
                await asyncio.sleep(60)
            case "null":
                return None
            case "wrong":
                return SafeFilled(said=None, number=1, note=None)  # type: ignore[arg-type]
            case "text":
                return "x"  # type: ignore[return-value]
            case "large":
                return SafeFilled(said="x" * 20_000, number=2**40, note="y")
        return SafeFilled(said=f"{self.ctx.city.slug} {self.ctx.language} {input.what}", number=input.number, note=None)

    @field(visible=SIGNED_IN, description="Only for some.")
    async def seal(self, input: SafeFillInput) -> str:
        DONE.append(input)
        return f"sealed for {self.ctx.reader.id}"


SAFE = Plugin(name="safe", mutations=SafeMutations)
FILL = "mutation Fill($input: SafeFillInput!) { done: safeFill(input: $input) { number said twice note __typename } }"
SEAL = "mutation ($input: SafeFillInput!) { safeSeal(input: $input) }"
DEVICE = Reader(kind="device", id="d1", city="oben")


@pytest.fixture
def engine(database: Database) -> Engine:
    DONE.clear()
    return make_engine(database, SAFE, budget=0.2)


async def both(engine: Engine, text: str, variables: dict[str, Any], **options: Any) -> tuple[dict[str, Any], bool]:
    """The answer, which is the same with plans and without, and whether a plan has given it."""
    answers = []
    for on in (False, True):
        engine.plans.on, before, planned = on, len(DONE), engine.plans.planned
        outcome = await engine.execute(Operation(query=text, variables=variables, **options))
        answers.append(
            (outcome.kind, outcome.asked, re.sub(r"[0-9a-f]{8}(?='|\))", "", str(outcome.body)), DONE[before:])
        )
        body = outcome.body
    assert answers[0] == answers[1]
    assert len(answers[0][-1]) <= 1, "it was called once"
    return body, engine.plans.planned > planned


async def test_a_mutation_is_done_once_and_answered_as_by_the_reference(engine: Engine) -> None:
    body, planned = await both(engine, FILL, {"input": {"city": "oben", "number": 4, "parts": [{"name": "a"}]}})
    said = {"number": 4, "said": "oben de value", "twice": 8, "note": None, "__typename": "SafeFilled"}
    assert (body, planned) == ({"data": {"done": said}}, True)
    assert DONE[-1] == SafeFillInput(city="oben", number=4, heavy=None, parts=[SafePartInput(name=strawberry.ID("a"))])


@pytest.mark.parametrize("what", ["refuse", "break", "exit", "sleep", "null", "wrong", "text", "large"])
async def test_what_goes_wrong_in_a_mutation_is_worded_by_the_reference_without_doing_it_again(
    engine: Engine, what: str
) -> None:
    body, planned = await both(engine, FILL, {"input": {"city": "oben", "what": what}})
    assert ("errors" in body, planned) == ((False, True) if what == "null" else (True, False))
    assert len(DONE) == 2, "once without plans, and once with them"


@pytest.mark.parametrize(
    "given",
    [None, {}, [], "x", {"city": None}, {"city": 1}, {"city": "nirgends"}, {"city": "unten"},
     {"city": "oben", "more": 1}, {"city": "oben", "number": None}, {"city": "oben", "number": 2**31},
     {"city": "oben", "parts": [{}]}, {"city": "oben", "parts": [None]}, {"city": "oben", "day": "gestern"}],
)  # fmt: skip
async def test_an_input_that_cannot_be_used_is_refused_by_the_reference_and_nothing_is_done(
    engine: Engine, given: Any
) -> None:
    body, planned = await both(engine, FILL, {"input": given})
    assert ("errors" in body, planned, DONE) == (True, False, [])
    assert (await both(engine, FILL, {}))[0]["errors"]


@pytest.mark.parametrize(
    "given",
    [{"number": 4.0}, {"parts": {"name": "a"}}, {"tags": [5]}, {"tags": "a"}, {"first": {"name": 7, "weight": 2}}],
)
async def test_what_is_allowed_and_unusual_is_left_to_the_reference(engine: Engine, given: Any) -> None:
    body, planned = await both(engine, FILL, {"input": {"city": "oben", **given}})
    assert ("errors" in body, planned) == (False, False)


async def test_who_may_not_do_it_is_refused_and_who_may_does_it(engine: Engine) -> None:
    for reader, planned in ((ANONYMOUS, False), (msgspec.structs.replace(DEVICE, city="unten"), False), (DEVICE, True)):
        body, by_plan = await both(engine, SEAL, {"input": {"city": "oben"}}, reader=reader)
        assert ("errors" not in body, by_plan) == (planned, planned)
    assert len(DONE) == 2


@pytest.mark.parametrize(
    ("text", "planned"),
    [
        ("mutation ($input: SafeFillInput!) { a: safeFill(input: $input) { said } ...F } fragment F on Mutation { b: "
         "safeFill(input: $input) { said } }", False),
        ('mutation { safeFill(input: {city: "oben"}) { said } }', False),
        ('mutation ($city: String!) { safeFill(input: {city: $city}) { said } }', False),
        ('mutation ($input: SafeFillInput! = {city: "oben"}) { safeFill(input: $input) { said } }', False),
        ("mutation ($input: SafeFillInput!, $on: Boolean!) { safeFill(input: $input) { said note @include(if: $on) } }",
         False),
        ("mutation ($input: SafeFillInput!) { ...F } fragment F on Mutation { safeFill(input: $input) { ... on "
         "SafeFilled { said } } }", True),
    ],
)  # fmt: skip
async def test_only_a_single_mutation_with_its_input_in_one_variable_is_planned(
    engine: Engine, text: str, planned: bool
) -> None:
    DONE.clear()
    engine.plans.on = True
    variables = {"input": {"city": "oben"}, "city": "oben", "on": True}
    outcome = await engine.execute(Operation(query=text, variables=variables))
    assert "errors" not in outcome.body
    assert (engine.plans.planned == 1, len(DONE)) == (planned, 2 if "a:" in text else 1)


TEXTS = st.sampled_from(["", "oben", "x", "2026-11-02", "2026-11-02T10:00:00+01:00", "2026-13-01", "9999-01-01"])
NUMBERS = st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**53, 2**60, 1.0, 1.5, 1e300, float("nan"), float("inf")])
STRANGE = st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS, st.lists(TEXTS, max_size=2), st.just({}))


def fitting(kind: Any) -> st.SearchStrategy[Any]:
    """Values of an input type, most of which fit."""
    if isinstance(kind, GraphQLNonNull):
        return fitting(kind.of_type)
    if isinstance(kind, GraphQLList):
        return st.lists(st.one_of(fitting(kind.of_type), fitting(kind.of_type), STRANGE), max_size=2)
    if isinstance(kind, GraphQLInputObjectType):
        fields = {name: perhaps(one.type) for name, one in kind.fields.items()}
        required = {name: fields.pop(name) for name, one in kind.fields.items() if _required(one)}
        return st.fixed_dictionaries(required, optional={**fields, "unknown": STRANGE} if not required else fields)
    if isinstance(kind, GraphQLEnumType):
        return st.sampled_from([*kind.values])
    scalars = {"Int": st.integers(-9, 9), "Float": st.floats(), "Boolean": st.booleans(), "Date": st.dates().map(str)}
    instants = st.datetimes(timezones=st.just(UTC))
    return {**scalars, "DateTime": instants.map(datetime.isoformat)}.get(kind.name, TEXTS)


def perhaps(kind: Any) -> st.SearchStrategy[Any]:
    return st.one_of(*[fitting(kind)] * 9, STRANGE)


def _required(one: Any) -> bool:
    return isinstance(one.type, GraphQLNonNull) and one.default_value is Undefined


def declared() -> Iterator[tuple[str, Any, Any, Any]]:
    """Name, schema, type and class of the input of every mutation of a plugin."""
    for schema in (compose_sound(SAFE).schema, COMPOSED.schema):
        assert schema.mutation_type is not None
        for name, one in schema.mutation_type.fields.items():
            declaration = one.extensions["strawberry-definition"]
            if [*one.args] == ["input"]:
                yield name, schema, one.args["input"].type, declaration.arguments[0].type


INPUTS = {name: rest for name, *rest in declared()}


@given(st.data())
def test_inputs_are_read_as_graphql_core_and_strawberry_read_them(data: st.DataObject) -> None:
    schema, kind, python = INPUTS[data.draw(st.sampled_from(sorted(INPUTS)))]
    value = data.draw(perhaps(kind))
    strawberry_schema = schema._strawberry_schema
    coerced = coerce_input_value(value, kind)
    try:
        found = input_reader(schema, kind, python)(value)
    except Unplannable:
        return
    assert coerced is not Undefined, "graphql-core refuses it"
    registry = strawberry_schema.schema_converter.scalar_registry
    expected = convert_argument(coerced, python, registry, strawberry_schema.config)
    assert (repr(found), found) == (repr(expected), expected)


@pytest.mark.parametrize("name", sorted(INPUTS))
def test_the_inputs_that_mutations_have_can_be_read_by_plans(name: str) -> None:
    schema, kind, python = INPUTS[name]
    input_reader(schema, kind, python)


def test_a_default_that_can_be_changed_belongs_to_nobody_else() -> None:
    schema, kind, python = INPUTS["safeFill"]
    read = input_reader(schema, kind, python)
    read({"city": "oben"}).tags.append("mine")
    assert read({"city": "oben"}).tags == []
