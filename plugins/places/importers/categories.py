"""Which of the city's categories a feed's entry belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from allmende import Context, LocalText, Note

from ..config import PlacesSource

OTHER = "other"
"""Category of places that fit into none of the city's."""


class Categories:
    """Recognises categories by id, name, alias, or (for OSM) by an alias that is a tag, and counts what it does not."""

    def __init__(self, ctx: Context[Any], source: PlacesSource) -> None:
        self.default = source.category
        self.unknown: Counter[str] = Counter()
        self.by_word: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        for category in ctx.config.categories:
            names = all_texts(category.name)
            self.texts[category.id] = " ".join(names)
            for word in (category.id, *names, *category.aliases):
                self.by_word.setdefault(word.casefold(), category.id)

    def of(self, value: str, values: Mapping[str, Any]) -> str:
        if found := self.by_word.get(value.casefold()):
            return found
        if value:
            self.unknown[value] += 1
        elif not self.default:
            for column, content in values.items():
                if found := self.by_word.get(f"{column}={content}".casefold()):
                    return found
        return self.default or OTHER

    def words(self, category: str) -> str:
        return self.texts.get(category, "")

    def notes(self) -> Iterator[Note]:
        """One line for each value of the feed that no category knows; the places are imported all the same."""
        where = repr(self.default or OTHER)
        for value, count in self.unknown.items():
            yield Note(
                place="fields.category",
                text=f"{count} imported as {where}, since no category has the alias {value[:60]!r}",
            )


def all_texts(text: LocalText) -> list[str]:
    return [text] if isinstance(text, str) else list(text.values())
