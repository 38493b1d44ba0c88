"""What is kept of what an encoder gave takes no more memory than it is long."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType

import msgspec
from allmende.graphql import exact


@contextmanager
def taken(module: ModuleType) -> Iterator[Callable[[], int]]:
    """Afterwards: bytes of what the module has allocated inside the block, and is still there."""
    found = 0
    tracemalloc.start()
    try:
        yield lambda: found
        filters = [tracemalloc.Filter(True, str(module.__file__))]
        found = sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces(filters).traces)
    finally:
        tracemalloc.stop()


def test_bytes_are_as_large_as_they_are_long() -> None:
    texts = ["x" * length for length in range(2_000)]
    with taken(sys.modules[__name__]) as by_encoder:
        encoded = list(map(msgspec.json.encode, texts))
    with taken(exact) as of_copies:
        kept = list(map(exact.exact, encoded))
    assert kept == encoded
    assert of_copies() == sum(map(sys.getsizeof, kept))
    assert by_encoder() > 1.1 * of_copies()
