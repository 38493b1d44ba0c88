"""Operations that nobody thought of: never a 5xx, never an unmasked error, and every answer fits the schema."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLEnumType,
    GraphQLSchema,
    SelectionSetNode,
    build_schema,
    get_named_type,
    is_abstract_type,
    is_list_type,
    is_non_null_type,
    is_object_type,
    parse,
    print_ast,
)
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from hypothesis_graphql import nodes, queries

from tests.server import Server

SDL = (Path(__file__).parents[2] / "backend" / "schema.graphql").read_text()
SCHEMA = build_schema(SDL)
GRAPHQL = "application/graphql-response+json"
DATES = st.dates(date(1899, 12, 1), date(2200, 1, 31)).map(lambda day: nodes.String(day.isoformat()))
EDGES = (datetime(1899, 12, 1), datetime(2200, 1, 31))  # noqa: DTZ001 (the offset is added)
TIMES = st.datetimes(*EDGES).map(lambda moment: nodes.String(f"{moment.isoformat()}+02:00"))
QUICK = settings(
    max_examples=100,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


def check(response: httpx.Response, document: DocumentNode) -> None:
    assert response.status_code in (200, 400), response.text
    assert response.headers["content-type"].startswith(GRAPHQL)
    body = response.json()
    for error in body.get("errors", ()):
        code = error["extensions"]["code"]
        assert code.isupper(), error
        assert code not in ("INTERNAL", "PLUGIN_FAILED", "PLUGIN_TIMEOUT", "PLUGIN_UNAVAILABLE", "DEADLINE"), error
        assert len(error["message"]) <= 501
        assert "Traceback" not in error["message"]
    event(f"{response.status_code} {sorted({error['extensions']['code'] for error in body.get('errors', ())})}")
    if response.status_code == 400:
        assert "data" not in body
    elif body["data"] is not None:
        fits(document, body)


def fits(document: DocumentNode, body: dict[str, Any]) -> None:
    """Hold the answer against the schema, value by value."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    (operation,) = (one for one in document.definitions if not isinstance(one, FragmentDefinitionNode))
    _object(SCHEMA, SCHEMA.query_type, [operation.selection_set], fragments, body["data"])  # type: ignore[attr-defined]


def _object(schema: GraphQLSchema, kind: Any, sets: list[SelectionSetNode], fragments: Any, value: Any) -> None:
    assert isinstance(value, dict)
    wanted: dict[str, list[FieldNode]] = {}
    _collect(sets, kind, schema, fragments, wanted)
    if is_object_type(kind):
        assert set(value) == set(wanted)
    for key, fields in wanted.items():
        if key not in value or fields[0].name.value == "__typename":
            continue
        below = [field.selection_set for field in fields if field.selection_set is not None]
        _value(schema, kind.fields[fields[0].name.value].type, below, fragments, value[key])


def _collect(
    sets: list[SelectionSetNode], kind: Any, schema: GraphQLSchema, fragments: Any, wanted: dict[str, list[FieldNode]]
) -> None:
    for selected in sets:
        for node in selected.selections:
            if isinstance(node, FieldNode):
                wanted.setdefault((node.alias or node.name).value, []).append(node)
                continue
            fragment = fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            condition = fragment.type_condition
            target = schema.get_type(condition.name.value) if condition else kind
            if target is kind or (is_abstract_type(target) and schema.is_sub_type(target, kind)):
                _collect([fragment.selection_set], kind, schema, fragments, wanted)


def _value(schema: GraphQLSchema, kind: Any, sets: list[SelectionSetNode], fragments: Any, value: Any) -> None:
    if is_non_null_type(kind):
        assert value is not None
        kind = kind.of_type
    if value is None:
        return
    if is_list_type(kind):
        for item in value:
            _value(schema, kind.of_type, sets, fragments, item)
    elif is_abstract_type(kind):
        assert isinstance(value, dict)
    elif is_object_type(kind):
        _object(schema, kind, sets, fragments, value)
    elif isinstance(kind, GraphQLEnumType):
        assert value in kind.values
    else:
        types = {"Int": int, "Float": (int, float), "Boolean": bool}
        assert isinstance(value, types.get(get_named_type(kind).name, str))


def about_a_city(text: str) -> DocumentNode:
    """The generated query, about a city that exists: of the texts that Hypothesis makes up, none is a slug."""
    document = parse(text)
    slug = parse('{ city(slug: "musterstadt") { slug } }').definitions[0].selection_set.selections[0].arguments  # type: ignore[attr-defined]
    changed = []
    for one in document.definitions:
        fields = tuple(replace(field, arguments=slug) for field in one.selection_set.selections)  # type: ignore[attr-defined]
        changed.append(replace(one, selection_set=replace(one.selection_set, selections=fields)))  # type: ignore[attr-defined,call-arg]
    return replace(document, definitions=tuple(changed))


@given(queries(SDL, custom_scalars={"Date": DATES, "DateTime": TIMES}, fields=["city"]).map(about_a_city))
@QUICK
def test_any_query_about_a_city_is_answered_or_refused_as_the_schema_says(
    served: Server, document: DocumentNode
) -> None:
    content = json.dumps({"query": print_ast(document)})
    headers = {"accept": GRAPHQL, "content-type": "application/json"}
    check(httpx.post(f"{served.url}/graphql", content=content, headers=headers, timeout=60), document)


published = schemathesis.graphql.from_file(SDL)


@published.parametrize()
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_schemathesis_finds_no_fault(case: Any, served: Server) -> None:
    response = case.call(base_url=f"{served.url}/graphql", timeout=60)
    assert response.status_code in (200, 400), response.text
    codes = {error["extensions"]["code"] for error in response.json().get("errors", ())}
    assert codes & {"INTERNAL", "PLUGIN_FAILED", "PLUGIN_TIMEOUT", "PLUGIN_UNAVAILABLE", "DEADLINE"} == set()
