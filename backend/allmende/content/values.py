"""The values of an item as a whole: from a form, checked, as words to be found by, as the entry that is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from allmende.content.kinds import KINDS, Bad, Fault, Form
from allmende.content.placeholders import fill_all
from allmende.contenttype import ContentType, Entry, Field
from allmende.context import Context
from allmende.errors import AllmendeError
from allmende.search.fold import words

Values = dict[str, Any]
"""Field → stored value; of a translated field: language → stored value."""
FOLDED = 20_000


class Incomplete(AllmendeError):
    """Values that cannot be published (or kept) as they are."""

    code = "BAD_INPUT"

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(f"{fault.field}: {fault.code}" for fault in faults))
        self.faults = faults


def blank(type_: ContentType) -> Values:
    """The values of a new item."""
    return {field.name: {} if field.translated else KINDS[field.kind].empty() for field in type_.fields}


def from_form(type_: ContentType, form: Form, ctx: Context[Any], only: Sequence[str] | None = None) -> Values:
    """What was typed, field by field: inputs are called `f-<field>`, with `.<language>` where it is translated."""
    found: Values = {}
    for field in type_.fields:
        if only is not None and field.name not in only:
            continue
        kind, name = KINDS[field.kind], f"f-{field.name}"
        if field.translated and only is None:
            texts = {language: kind.parse(field, f"{name}.{language}", form, ctx) for language in ctx.city.languages}
            found[field.name] = {language: text for language, text in texts.items() if text}
        else:
            found[field.name] = kind.parse(field, name, form, ctx)
    return found


def faults(type_: ContentType, values: Mapping[str, Any], ctx: Context[Any], *, complete: bool) -> list[Fault]:
    """What is wrong with the values; `complete`: also what is missing before citizens may see them."""
    found = []
    for field in type_.fields:
        value = values.get(field.name)
        texts = {"": value}
        if field.translated:
            texts = {language: (value or {}).get(language, "") for language in ctx.city.languages}
        for language, one in texts.items():
            try:
                typed = KINDS[field.kind].typed(one, field, ctx)
            except Bad as bad:
                found.append(Fault(field=field.name, code=bad.code, values=bad.values, language=language))
                continue
            wanted = field.required and (complete or field.name == type_.title)
            if wanted and is_empty(typed) and language in ("", ctx.city.language):
                found.append(Fault(field=field.name, code="missing", language=language))
    return found


def is_empty(typed: Any) -> bool:
    return typed is None or typed in ("", [], {}) or getattr(typed, "source", None) == ""


def title_of(type_: ContentType, values: Mapping[str, Any], ctx: Context[Any]) -> str:
    """By what editors know the item: its title in the city's own language, else in any."""
    value = values.get(type_.title) or ""
    if isinstance(value, Mapping):
        value = value.get(ctx.city.language) or next(iter(value.values()), "")
    return str(value)[:300]


def folded(type_: ContentType, values: Mapping[str, Any]) -> str:
    """All words of all texts, as the search folds them."""
    texts = [values.get(field.name) for field in type_.fields if field.kind in ("line", "text", "rich", "tags")]
    return " ".join(dict.fromkeys(words(" ".join(_texts(texts))[:FOLDED])))


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return _texts(list(value.values()))
    if isinstance(value, list):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


def written_in(type_: ContentType, values: Mapping[str, Any], ctx: Context[Any]) -> list[str]:
    """The languages in which all required translated fields are filled; always the city's own, which comes first."""
    needed = [field for field in type_.fields if field.translated and field.required]
    others = [
        language
        for language in ctx.city.languages[1:]
        if needed and all((values.get(field.name) or {}).get(language) for field in needed)
    ]
    return [ctx.city.language, *others]


def entry_of(
    type_: ContentType,
    values: Mapping[str, Any],
    ctx: Context[Any],
    *,
    key: str,
    published_at: datetime,
    expires_at: datetime | None = None,
) -> Entry:
    """What `write` is given, with placeholders filled. Incomplete where something is wrong or missing."""
    wrong = faults(type_, values, ctx, complete=True)
    if wrong:
        raise Incomplete(wrong)
    filled = fill_all(values, ctx.city)
    return Entry(
        key=key,
        values={field.name: _typed(field, filled.get(field.name), ctx) for field in type_.fields},
        languages=written_in(type_, values, ctx),
        translated=frozenset(field.name for field in type_.fields if field.translated),
        published_at=published_at,
        expires_at=expires_at,
    )


def _typed(field: Field, value: Any, ctx: Context[Any]) -> Any:
    kind = KINDS[field.kind]
    if not field.translated:
        return kind.typed(value, field, ctx)
    languages = {ctx.city.language, *(value or {})}
    return {language: kind.typed((value or {}).get(language, ""), field, ctx) for language in languages}
