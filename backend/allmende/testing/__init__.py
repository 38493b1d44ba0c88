"""What the tests of a plugin use: a town with the plugin on, contexts with a fixed clock, payloads, real databases.

The pytest fixtures are in `allmende.testing.fixtures`; name them once, in the conftest.py at the top of the tests:

    pytest_plugins = ["allmende.testing.fixtures"]

`allmende plugin test` does that by itself.
"""

from __future__ import annotations

from allmende.testing.makers import NOON, NoDatabase, make_city, make_context, make_payload
from allmende.testing.town import Town

__all__ = ["NOON", "NoDatabase", "Town", "make_city", "make_context", "make_payload"]
