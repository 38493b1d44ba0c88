"""However badly a plugin behaves, what it answers, breaks or holds up never shows one city what is another's."""

from __future__ import annotations

from pathlib import Path

from allmende.db.engine import Database
from allmende.graphql.compose import compose

from tests.composed import composed

from .leaks import leaks, pair

GALLERY = composed(Path(__file__).parent / "gallery" / "plugins").registry
HOLDS_THE_LOOP = "blocks"
"""Nothing else of the process runs while it does; its own test is in test_gallery_server.py."""


async def test_no_bad_plugin_shows_another_citys_rows(database: Database, tmp_path: Path) -> None:
    registry = GALLERY.without(HOLDS_THE_LOOP, "holds up the whole suite")
    gallery = compose(registry)
    assert {"sound", "raises", "nonsense", "leaks", "huge", "hooks_nonsense"} <= gallery.registry.plugins.keys()
    async with pair(gallery, database, tmp_path) as cities:
        # The one that takes all sessions ends with it, and the route that hangs.
        cities.instance.services.budget = cities.instance.services.patience = 2.0
        assert await leaks(cities) == []
