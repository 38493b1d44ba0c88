"""GraphQL over HTTP as Litestar routes: the endpoint, GraphiQL for browsers that open it, and the published schema."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from litestar import Request, Response, asgi, get
from litestar.handlers import ASGIRouteHandler, HTTPRouteHandler
from litestar.params import FromPath

from allmende.graphql.cache.keep import Responses
from allmende.graphql.documents import Documents
from allmende.graphql.execute import Engine
from allmende.graphql.fast import PATH, Endpoint
from allmende.graphql.outcome import failure
from allmende.graphql.outgoing import encode
from allmende.usage import Usage

GRAPHIQL = Path(__file__).parent / "graphiql"
_KINDS = {".js": "text/javascript", ".css": "text/css"}
_SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "font-src data:; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def make_endpoint(
    engine: Callable[[], Engine],
    *,
    documents: Documents | None = None,
    responses: Responses | None = None,
    graphiql: bool = True,
    usage: Usage | None = None,
) -> Endpoint:
    """What answers /graphql; `engine` gives the one that is current."""
    page = ((GRAPHIQL / "index.html").read_bytes(), _SECURITY) if graphiql else None
    return Endpoint(engine, documents or Documents(), responses, page, usage)


def graphql_routes(
    engine: Callable[[], Engine], *, graphiql: bool = True, endpoint: Endpoint | None = None
) -> list[HTTPRouteHandler | ASGIRouteHandler]:
    """/graphql, what GraphiQL loads, and /schema.graphql."""
    answer = endpoint or make_endpoint(engine, graphiql=graphiql)

    @asgi(PATH, copy_scope=False)
    async def graphql(scope: Any, receive: Any, send: Any) -> None:
        await answer(scope, receive, send)

    @get("/schema.graphql", include_in_schema=False, sync_to_thread=False)
    def schema() -> Response[str]:
        return Response(engine().composed.sdl, media_type="text/plain")  # Litestar adds the charset

    return [graphql, schema, _asset_route()] if graphiql else [graphql, schema]


def _asset_route() -> HTTPRouteHandler:
    """What GraphiQL loads: read once, asked for again only by its ETag."""
    files = {path.name: path.read_bytes() for path in GRAPHIQL.iterdir() if path.suffix in _KINDS}
    tags = {name: f'"{sha256(content).hexdigest()[:32]}"' for name, content in files.items()}

    @get(PATH + "/{name:str}", include_in_schema=False, sync_to_thread=False)
    def asset(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
        if name not in files:
            missing = encode(failure("there is no such file", "NOT_FOUND"))
            return Response(missing, status_code=404, media_type="application/json; charset=utf-8")
        headers = {**_SECURITY, "Cache-Control": "public, max-age=3600", "ETag": tags[name]}
        if request.headers.get("if-none-match") == tags[name]:
            return Response(b"", status_code=304, headers=headers)
        return Response(files[name], media_type=_KINDS[Path(name).suffix], headers=headers)

    return asset
