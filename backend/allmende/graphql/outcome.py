"""What came of an operation, before it is known how it goes out."""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from allmende.graphql.parsed import Question
from allmende.usage import Part


class Outcome(Struct, frozen=True, kw_only=True):
    """The answer. `refused` means that nothing was executed, `limited` that the request was too large for that,
    `mutation` that it may only read."""

    kind: Literal["executed", "refused", "limited", "mutation"]
    body: dict[str, Any]
    asked: tuple[Part, ...] = ()
    """What was wanted of which cities."""
    name: str = ""
    """Of the operation that was executed, if it has one."""
    question: Question | None = None
    """What was asked, where a plan has answered all of it."""


def label(outcome: Outcome) -> str:
    """What became of a request, for the metrics."""
    if outcome.kind != "executed":
        return outcome.kind
    if outcome.body.get("data") is None:
        return "failed"
    return "partial" if "errors" in outcome.body else "ok"


def failure(message: str, code: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


def refused(errors: list[dict[str, Any]]) -> Outcome:
    limited = any("limit" in one["extensions"] or one["extensions"]["code"] == "BAD_REQUEST" for one in errors)
    return Outcome(kind="limited" if limited else "refused", body={"errors": errors})


def refusal(message: str, code: str) -> Outcome:
    return Outcome(kind="refused", body=failure(message, code))
