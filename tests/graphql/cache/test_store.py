"""The room that answers are kept in: never more bytes than allowed, and of use also where not all fit."""

from __future__ import annotations

from allmende.graphql.cache.entry import OVERHEAD, Entry
from allmende.graphql.cache.store import Store


def entry(size: int = 1_000) -> Entry:
    body = b"x" * (size - OVERHEAD)
    return Entry(body=body, tag="", vary="", slots=(), counts=(), seen=0, cities=None, until=0.0)


def test_the_oldest_that_nobody_has_asked_for_makes_room() -> None:
    store = Store(10_000)
    for key in range(10):
        store.put(key, entry())
    store.put("new", entry())
    assert (store.get(0), store.size, len(store)) == (None, 10_000, 10)
    assert store.get("new") is not None


def test_who_was_asked_for_is_passed_over_once() -> None:
    store = Store(10_000)
    for key in range(10):
        store.put(key, entry())
    store.get(0)
    store.put("new", entry())
    assert store.get("new") is None
    store.put("new", entry())
    assert [store.get(key) is not None for key in (0, 1, "new")] == [True, False, True]
    for key in range(20, 40):  # nobody asks for the others any more
        store.put(key, entry())
    assert store.get(2) is None


def test_asked_in_turn_most_are_found_though_not_all_fit() -> None:
    store = Store(20_000)
    found = 0
    for number in range(1_000):
        key = number % 22
        if store.get(key) is None:
            store.put(key, entry())
        else:
            found += 1
    assert found > 750
    assert store.size <= 20_000


def test_what_would_fill_an_eighth_alone_is_not_kept_and_what_is_dropped_gives_its_bytes_back() -> None:
    store = Store(10_000)
    store.put("large", entry(1_300))
    store.put("small", entry(1_200))
    assert (store.get("large"), store.size) == (None, 1_200)
    store.put("small", entry(1_100))
    assert store.size == 1_100
    store.drop("small")
    store.drop("small")
    assert (store.size, len(store)) == (0, 0)
