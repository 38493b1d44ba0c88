"""The files of pages: styles, scripts and icons, from a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from litestar import Request, Response, Router
from litestar.exceptions import InternalServerException
from litestar.static_files import create_static_files_router


def static_files(address: str, folder: Path) -> Router:
    """The route that gives them below this address."""
    return create_static_files_router(
        address, [folder], include_in_schema=False, exception_handlers={InternalServerException: _no_such_file}
    )


def _no_such_file(request: Request[Any, Any, Any], error: Exception) -> Response[str]:
    """What Litestar makes of a name that no disk can hold, such as one of a thousand letters."""
    return Response("", status_code=404, media_type="text/plain")
