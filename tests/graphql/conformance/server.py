"""The GraphQL routes alone, to be served in the audit: no plugin, no database."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from allmende.graphql.compose import compose
from allmende.graphql.execute import Engine
from allmende.graphql.http import graphql_routes
from allmende.graphql.request import Services
from allmende.registry import Registry
from litestar import Litestar

NO_DATABASE: Any = None
NO_CITIES: Any = SimpleNamespace(by_slug={}, by_host={}, unavailable={})

composed = compose(Registry(plugins={}))
engine = Engine(composed, Services(composed.registry, NO_DATABASE, lambda: NO_CITIES))
app = Litestar(graphql_routes(lambda: engine), openapi_config=None)
