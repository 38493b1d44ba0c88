"""What a head says of who asks: the same for each request with this head, and looked at once."""

from __future__ import annotations

from typing import Any

import pytest
from allmende.graphql.asker import LONGEST_QUESTION, Asker, asker
from allmende.graphql.cache.variant import Reader
from allmende.graphql.negotiate import GRAPHQL, JSON


def said(method: str = "GET", query: bytes = b"query={a}", **fields: str) -> Asker:
    headers = {name.replace("_", "-").encode(): value.encode() for name, value in fields.items()}
    return asker({"method": method, "query_string": query}, headers)


def test_language_host_and_release_of_the_app_are_what_an_answer_may_look_at() -> None:
    who = said(accept_language="de", host="Oben.example:8000", app_version="3.1")
    assert who.variant == Reader("de", "oben.example", "3.1")
    assert said().variant == Reader()


@pytest.mark.parametrize(
    ("accept", "page", "media_type"),
    [
        ("", False, JSON),
        (GRAPHQL, False, GRAPHQL),
        ("text/html,*/*;q=0.1", True, JSON),
        ("image/png", False, None),
    ],
)
def test_the_media_type_is_the_one_that_was_asked_for(accept: str, page: bool, media_type: str | None) -> None:
    who = said(accept=accept)
    assert (who.wants_page, who.media_type) == (page, media_type)


def test_a_question_is_told_apart_by_its_address() -> None:
    assert said().question == said(accept_language="de").question != said(query=b"query={b}").question


@pytest.mark.parametrize(
    "other",
    [
        {"method": "POST"},
        {"authorization": "Bearer x"},
        {"cookie": "a=b"},
        {"query": b"x" * (LONGEST_QUESTION + 1)},
    ],
)
def test_nothing_is_kept_for_who_shows_who_they_are_or_asks_otherwise(other: dict[str, Any]) -> None:
    assert said(**other).question is None


def test_only_json_of_nobody_in_particular_is_bare() -> None:
    assert said("POST", content_type="application/json").is_bare
    assert not said("POST", content_type="application/json", authorization="Bearer x").is_bare
    assert not said("POST", content_type="text/plain").is_bare


def test_a_head_is_looked_at_once() -> None:
    scope: dict[str, Any] = {"method": "GET", "query_string": b"", "allmende.known": {}}
    first = asker(scope, {b"accept": JSON.encode()})
    assert asker(scope, {}) is first
