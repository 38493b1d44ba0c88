"""Uploads at `/<city>/files`: taken in one by one, and given out to whoever may see what they are a part of."""

from __future__ import annotations

from typing import Any

from litestar import Request, Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from allmende.errors import AllmendeError
from allmende.files.pictures import SIZES
from allmende.files.service import address, may_fetch
from allmende.files.tables import FileUpload
from allmende.files.upload import take_in
from allmende.graphql.faults import logged
from allmende.graphql.request import Services

COST = 10_000
"""What an upload counts as at the door, in points of an operation's cost: as much as ten requests."""
PUBLIC_AGE = 300
"""Seconds that caches may keep a public picture; one that was taken back must not be shown for long."""
STATUS = {
    "FILE_TYPE": 415,
    "FILE_HEIC": 415,
    "FILE_POLYGLOT": 422,
    "FILE_BROKEN": 422,
    "FILE_PIXELS": 413,
    "LIMIT_BODY": 413,
    "IDEMPOTENCY_MISMATCH": 409,
    "FILES_FULL": 503,
    "NOT_FOUND": 404,
}


def upload_routes(services: Services) -> list[HTTPRouteHandler]:
    """POST takes in a picture, GET gives one out."""
    store = services.store

    @post("/{slug:str}/files", include_in_schema=False, request_max_body_size=None)  # the door has a limit
    async def upload(request: Request[Any, Any, Any], slug: FromPath[str]) -> Response[Any]:
        if slug not in services.cities().by_slug:
            return _fault("NOT_FOUND", f"there is no city {slug!r}")
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if not kind.startswith("image/") and kind != "application/octet-stream":
            return _fault("FILE_TYPE", "Content-Type: image/… is needed, and the bytes of one picture as the body")
        key = request.headers.get("idempotency-key", "")
        if key and not 16 <= len(key) <= 128:
            return _fault("BAD_INPUT", "Idempotency-Key: 16 to 128 characters are needed, a random UUID is best")
        if charge := request.scope.get("allmende.charge"):
            charge(COST)  # type: ignore[operator]
        now = services.clock()
        try:
            file = await take_in(services.database, store, slug, await request.body(), now, key)
        except AllmendeError as error:
            return _fault(error.code, error.message)
        except Exception as error:  # the store, usually
            return _fault("INTERNAL", f"something went wrong ({logged('upload_failed', error, city=slug)})")
        addresses = {size: address(file, size, now) for size in SIZES}
        body = {"id": file.id, "width": file.width, "height": file.height, "addresses": addresses}
        return Response(body, status_code=201, headers={"Cache-Control": "no-store"})

    @get("/{slug:str}/files/{id:str}/{name:str}", include_in_schema=False)
    async def download(
        request: Request[Any, Any, Any], slug: FromPath[str], id: FromPath[str], name: FromPath[str]
    ) -> Response[Any]:
        size = name.removesuffix(".jpg")
        missing = _fault("NOT_FOUND", "there is no such file (any more), or its address has expired")
        if slug not in services.cities().by_slug or size not in SIZES or len(id) != 32:
            return missing
        async with services.database.session(slug) as session:
            file = await session.get(FileUpload, {"city": slug, "id": id})
        query = request.query_params
        if file is None or not file.ready:
            return missing
        if not may_fetch(file, size, query.get("until", ""), query.get("key", ""), services.clock()):
            return missing
        kept = f"public, max-age={PUBLIC_AGE}" if file.public else "private, no-store"
        headers = {"ETag": f'"{file.digest[:24]}-{size}"', "Cache-Control": kept, "X-Content-Type-Options": "nosniff"}
        if file.public and headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(b"", status_code=304, headers=headers, media_type="image/jpeg")
        try:
            content = await store.get(slug, id, size)
        except AllmendeError:
            return missing
        return Response(content, headers=headers, media_type="image/jpeg")

    return [upload, download]


def _fault(code: str, message: str) -> Response[Any]:
    body = {"errors": [{"message": message, "extensions": {"code": code}}]}
    status = STATUS.get(code, 500 if code == "INTERNAL" else 400)
    return Response(body, status_code=status, headers={"Cache-Control": "no-store"})
