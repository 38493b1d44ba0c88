"""The addresses of the pages: `/`, `/<city>`, the city's style sheet and logo."""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from babel import Locale
from litestar import MediaType, Request, Response, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.static_files import create_static_files_router
from markupsafe import Markup

from allmende.city.model import City
from allmende.graphql.languages import accepted
from allmende.instance import Instance
from allmende.pages.chart import SQUEEZE, chart
from allmende.pages.colours import theme
from allmende.pages.operation import home_operation
from allmende.pages.outline import LAENDER
from allmende.pages.render import HERE, fragment, page

SHOWN = 60
"""Cities listed on the start page; the others are found by the search."""
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self' https: data:; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "X-Frame-Options": "DENY",
}
"""Nothing is loaded from elsewhere but pictures that a city's own content names; there are no scripts at all."""
