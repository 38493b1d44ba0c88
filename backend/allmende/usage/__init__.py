"""How much a city's app is used, counted without anybody: no identifier, address, user agent, nothing per person.

`counting.py` counts in each worker's memory and adds that to the table now and then, `filed.py` counts cases from their
register, `keeping.py` keeps that and the number of devices, and forgets what is too old, `figures.py` reads all of it
for pages and files. See docs/adr/0095-usage-is-counted-not-tracked.md.
"""

from __future__ import annotations

from allmende.usage.counting import Asked, Part, Usage
from allmende.usage.figures import FEWER, Figures, reached, read, rows
from allmende.usage.keeping import usage_chores
from allmende.usage.tables import Span, UsageCount

__all__ = [
    "FEWER",
    "Asked",
    "Figures",
    "Part",
    "Span",
    "Usage",
    "UsageCount",
    "reached",
    "read",
    "rows",
    "usage_chores",
]
