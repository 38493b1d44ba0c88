"""GraphQL over HTTP by the specification (graphql.github.io/graphql-over-http), as Litestar handlers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
from litestar import HttpMethod, MediaType, Request, Response, get, route
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from allmende.graphql.execute import Engine, Operation, Outcome, failure
from allmende.graphql.negotiate import GRAPHQL, HTML, JSON, negotiate

MAX_BODY = 1_000_000
GRAPHIQL = Path(__file__).parent / "graphiql"
_METHODS = [HttpMethod.GET, HttpMethod.POST, HttpMethod.PUT, HttpMethod.PATCH, HttpMethod.DELETE]
_KINDS = {".js": "text/javascript", ".css": "text/css"}
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src data:; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class BadRequest(Exception):
    """A request that is no GraphQL request; nothing of it was looked at further."""

    def __init__(self, message: str, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.message, self.status, self.headers = message, status, dict(headers or {})


def graphql_routes(engine: Callable[[], Engine], *, graphiql: bool = True) -> list[HTTPRouteHandler]:
    """/graphql, GraphiQL for browsers that open it, and /schema.graphql; `engine` gives the one that is current."""
    asset = _asset_route() if graphiql else None

    @route("/graphql", http_method=_METHODS, request_max_body_size=MAX_BODY, include_in_schema=False, name="graphql")
    async def graphql(request: Request[Any, Any, Any]) -> Response[bytes]:
        accept = request.headers.get("accept", "")
        if request.method == "GET" and negotiate(accept, (JSON, GRAPHQL, HTML)) == HTML:
            if asset is None and "query" not in request.query_params:
                return _write(failure("there is no GraphiQL in production", "NOT_FOUND"), JSON, 404, {})
            if asset is not None:
                page = (GRAPHIQL / "index.html").read_bytes()
                headers = {**_SECURITY, "Vary": "Accept"}
                return Response(page, media_type=MediaType.HTML, status_code=200, headers=headers)
        media_type = _answer_type(accept)
        try:
            if media_type is None:
                raise BadRequest(f"this server writes {GRAPHQL} and {JSON}", 406)
            operation = await _read(request)
            outcome = await engine().execute(operation)
        except BadRequest as error:
            return _write(failure(error.message, "BAD_REQUEST"), media_type or JSON, error.status, error.headers)
        return _write(outcome.body, media_type, _status(outcome, media_type), _headers(outcome))

    @get("/schema.graphql", include_in_schema=False, sync_to_thread=False)
    def schema() -> Response[str]:
        return Response(engine().composed.sdl, media_type="text/plain; charset=utf-8")

    return [graphql, schema] if asset is None else [graphql, schema, asset]


def _asset_route() -> HTTPRouteHandler:
    """What GraphiQL loads: read once, asked for again only by its ETag."""
    files = {path.name: path.read_bytes() for path in GRAPHIQL.iterdir() if path.suffix in _KINDS}
    tags = {name: f'"{sha256(content).hexdigest()[:32]}"' for name, content in files.items()}

    @get("/graphql/{name:str}", include_in_schema=False, sync_to_thread=False)
    def asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        if name not in files:
            return _write(failure("there is no such file", "NOT_FOUND"), JSON, 404, {})
        headers = {**_SECURITY, "Cache-Control": "public, max-age=3600", "ETag": tags[name]}
        if request.headers.get("if-none-match") == tags[name]:
            return Response(b"", status_code=304, headers=headers)
        return Response(files[name], media_type=_KINDS[Path(name).suffix], headers=headers)

    return asset


def _answer_type(accept: str) -> str | None:
    """JSON unless the client names the GraphQL type, as the specification has it for clients from before it."""
    named = GRAPHQL in accept.lower()
    return negotiate(accept, (GRAPHQL, JSON) if named else (JSON, GRAPHQL))


async def _read(request: Request[Any, Any, Any]) -> Operation:
    if request.method == "GET":
        parameters: dict[str, Any] = {key: request.query_params.get(key) for key in ("query", "operationName")}
        for key in ("variables", "extensions"):
            text = request.query_params.get(key)
            parameters[key] = decode_json(text.encode(errors="replace"), key) if text else None
    elif request.method == "POST":
        parameters = await _body(request)
    else:
        raise BadRequest("use GET or POST", 405, {"Allow": "GET, POST"})
    query, variables, name = (parameters.get(key) for key in ("query", "variables", "operationName"))
    if not isinstance(query, str) or not query:
        raise BadRequest("query: a text is needed, the GraphQL document")
    if not isinstance(variables, dict | None):
        raise BadRequest("variables: an object is needed")
    if not isinstance(name, str | None):
        raise BadRequest("operationName: a text is needed")
    if not isinstance(parameters.get("extensions"), dict | None):
        raise BadRequest("extensions: an object is needed")
    return Operation(
        query=query,
        variables=variables or {},
        operation_name=name or None,
        accept_language=request.headers.get("accept-language", ""),
        host=request.headers.get("host", "").rpartition("@")[2].split(":")[0].lower(),
        app_version=request.headers.get("app-version", "")[:50],
        read_only=request.method == "GET",
    )


async def _body(request: Request[Any, Any, Any]) -> dict[str, Any]:
    kind, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charsets = [part.partition("=")[2].strip('"') for part in parameters if part.startswith("charset=")]
    if kind != JSON or charsets not in ([], ["utf-8"]):
        raise BadRequest("Content-Type: application/json (in UTF-8) is needed", 415, {"Accept-Post": JSON})
    try:
        raw = await request.body()
    except HTTPException as error:
        raise BadRequest(error.detail, error.status_code) from error
    body = decode_json(raw, "body")
    if not isinstance(body, dict):
        raise BadRequest("body: a JSON object is needed")
    return body


def decode_json(raw: bytes, name: str) -> Any:
    """Any JSON value; what is not JSON (NaN, broken UTF-8, endless nesting) is a bad request."""
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"{name}: not JSON ({str(error)[:200]})") from error


def _status(outcome: Outcome, media_type: str) -> int:
    if outcome.kind == "mutation":
        return 405
    refused = outcome.kind == "limited" or (outcome.kind == "refused" and media_type == GRAPHQL)
    return 400 if refused else 200


def _headers(outcome: Outcome) -> dict[str, str]:
    return {"Allow": "POST"} if outcome.kind == "mutation" else {}


def _write(body: dict[str, Any], media_type: str, status: int, headers: Mapping[str, str]) -> Response[bytes]:
    try:
        content = msgspec.json.encode(body)
    except (UnicodeEncodeError, TypeError, ValueError):
        # Half a surrogate pair, echoed in a message: only the escaped form can carry it.
        content = json.dumps(body, default=str).encode()
    return Response(
        content,
        media_type=f"{media_type}; charset=utf-8",
        status_code=status,
        headers={"Vary": "Accept, Accept-Language, App-Version, Host", "X-Content-Type-Options": "nosniff", **headers},
    )
