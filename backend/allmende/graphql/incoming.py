"""A GraphQL request as it comes over HTTP, read by the specification (graphql.github.io/graphql-over-http)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from msgspec import Struct

from allmende.graphql.negotiate import JSON

MAX_BODY = 256_000
PATIENCE = 10.0
"""Seconds that a body may take to arrive."""


class BadRequest(Exception):
    """A request that is no GraphQL request; nothing of it was looked at further."""

    def __init__(self, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message, self.status, self.headers = message, status, dict(headers or {})


class Incoming(Struct, frozen=True):
    """What was asked, before it is known whether there is such a document."""

    query: str
    """Empty where the extensions name a document."""
    variables: dict[str, Any]
    operation_name: str | None
    extensions: dict[str, Any]


async def read_request(
    method: str, headers: Mapping[bytes, bytes], query: bytes, receive: Any, body: bytes | None = None
) -> Incoming:
    """The request; BadRequest where it is none. `body` is there where somebody has read it already."""
    if method == "GET":
        return incoming(_from_query(query))
    if method == "POST":
        return in_body(headers, await _body(receive) if body is None else body)
    raise BadRequest("use GET or POST", 405, {"Allow": "GET, POST"})


class _Plain(Struct):
    """The body of nearly every request."""

    query: str
    variables: dict[str, Any] | None = None
    operationName: str | None = None
    extensions: None = None


_plain = msgspec.json.Decoder(_Plain)


def in_body(headers: Mapping[bytes, bytes], raw: bytes) -> Incoming:
    """The request in the body of a POST."""
    if headers.get(b"content-type") == b"application/json":
        try:
            plain = _plain.decode(raw)
        except (ValueError, RecursionError):  # it holds something else, or is wrong in a way that is to be told
            pass
        else:
            if plain.query:
                return Incoming(plain.query, plain.variables or {}, plain.operationName or None, {})
    return incoming(_from_body(headers, raw))


def incoming(parameters: Mapping[str, Any]) -> Incoming:
    """The parameters of either method, each of the kind that it should be."""
    query, variables, name = (parameters.get(key) for key in ("query", "variables", "operationName"))
    extensions = parameters.get("extensions")
    if not isinstance(extensions, dict | None):
        raise BadRequest("extensions: an object is needed")
    by_hash = extensions is not None and extensions.get("persistedQuery") is not None
    if not isinstance(query, str | None) or not (query or by_hash):
        raise BadRequest("query: a text is needed, the GraphQL document")
    if not isinstance(variables, dict | None):
        raise BadRequest("variables: an object is needed")
    if not isinstance(name, str | None):
        raise BadRequest("operationName: a text is needed")
    return Incoming(query or "", variables or {}, name or None, extensions or {})


def decode_json(raw: bytes, name: str) -> Any:
    """Any JSON value; what is not JSON (NaN, broken UTF-8, endless nesting) is a bad request."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{name}: not JSON ({str(error)[:200]})") from error


def _from_query(raw: bytes) -> dict[str, Any]:
    try:
        given = dict(parse_qsl(raw.decode("ascii"), keep_blank_values=True, max_num_fields=20))
    except ValueError as error:
        raise BadRequest("the query string cannot be read") from error
    parameters: dict[str, Any] = {key: given.get(key) for key in ("query", "operationName")}
    for key in ("variables", "extensions"):
        text = given.get(key)
        parameters[key] = decode_json(text.encode(errors="replace"), key) if text else None
    return parameters


def _from_body(headers: Mapping[bytes, bytes], raw: bytes) -> dict[str, Any]:
    content_type = headers.get(b"content-type", b"")
    if content_type != b"application/json":
        kind, *parameters = (part.strip().lower() for part in content_type.decode("latin-1").split(";"))
        charsets = [part.partition("=")[2].strip('"') for part in parameters if part.startswith("charset=")]
        if kind != JSON or charsets not in ([], ["utf-8"]):
            raise BadRequest("Content-Type: application/json (in UTF-8) is needed", 415, {"Accept-Post": JSON})
    body = decode_json(raw, "body")
    if not isinstance(body, dict):
        raise BadRequest("body: a JSON object is needed")
    return body


async def _body(receive: Any) -> bytes:
    """The whole body, as long as it is not too long and does not take too long."""
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise BadRequest("the body broke off")
                part = message.get("body", b"")
                size += len(part)
                if size > MAX_BODY:
                    raise BadRequest(f"body: more than {MAX_BODY} bytes", 413)
                if not message.get("more_body"):
                    return part if not parts else b"".join([*parts, part])
                parts.append(part)
    except TimeoutError as error:
        raise BadRequest(f"body: did not arrive within {PATIENCE:.0f} seconds", 408) from error
