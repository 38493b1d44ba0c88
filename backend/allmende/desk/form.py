"""A posted form: its fields read one by one, each checked where it is read; what is wrong stands beside the field."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from litestar.datastructures import FormMultiDict, UploadFile
from msgspec import Struct

LINE, TEXT = 300, 20_000
"""Characters of a line and of a text, where the page does not say otherwise."""


class File(Struct, frozen=True, kw_only=True):
    """An uploaded file."""

    name: str
    media_type: str
    content: bytes


class Form:
    """`say` gives a text in the reader's language. A page shows the form again where `form.errors` is not empty."""

    def __init__(self, values: Mapping[str, list[str]], files: Mapping[str, File], say: Callable[..., str]) -> None:
        self.values = {name: list(given) for name, given in values.items()}
        self.files = files
        self.errors: dict[str, str] = {}
        """Field → what is wrong with it, in words."""
        self._say = say

    def fill(self, **values: Any) -> None:
        """Set what the fields show, on a page that opens with values."""
        for name, value in values.items():
            many = value if isinstance(value, (list, tuple, set, frozenset)) else [value]
            self.values[name] = ["" if one is None else str(one) for one in many]

    def value(self, name: str) -> str:
        """What stands in the field, as it was typed."""
        return (self.values.get(name) or [""])[0]

    def fault(self, name: str, key: str, **values: Any) -> None:
        """Something is wrong with this field; the first fault of a field counts."""
        self.errors.setdefault(name, self._say(key, **values))

    def line(self, name: str, *, required: bool = False, most: int = LINE) -> str:
        """One line: trimmed, without line breaks."""
        return " ".join(self.text(name, required=required, most=most).split())

    def text(self, name: str, *, required: bool = False, most: int = TEXT) -> str:
        """Several lines: trimmed, with `\\n` as line end whatever the browser sent."""
        value = self.value(name).replace("\r\n", "\n").replace("\x00", "").strip()
        if required and not value:
            self.fault(name, "form.required")
        if len(value) > most:
            self.fault(name, "form.too_long", most=most)
        return value

    def choice(self, name: str, options: Collection[str], *, required: bool = True) -> str:
        """One of the options; "" where none was chosen and none needs to be."""
        value = self.value(name)
        if value in options:
            return value
        if required or value:
            self.fault(name, "form.choose")
        return ""

    def chosen(self, name: str, options: Collection[str] | None = None) -> list[str]:
        """All values of a group of check boxes."""
        given = [value for value in self.values.get(name, []) if value]
        if options is not None and any(value not in options for value in given):
            self.fault(name, "form.choose")
        return given

    def flag(self, name: str) -> bool:
        """Whether a check box is ticked."""
        return bool(self.value(name))

    def whole(self, name: str, *, least: int, most: int, required: bool = False) -> int | None:
        """A whole number within limits."""
        value = self.value(name).strip()
        if not value:
            if required:
                self.fault(name, "form.required")
            return None
        if not value.lstrip("-").isdecimal() or len(value) > 12 or not least <= int(value) <= most:
            self.fault(name, "form.whole", least=least, most=most)
            return None
        return int(value)

    def moment(self, name: str, tz: ZoneInfo, *, required: bool = False) -> datetime | None:
        """An `<input type="datetime-local">`: the city's wall-clock time, as an instant."""
        value = self._given(name, required)
        try:
            return datetime.fromisoformat(value).replace(tzinfo=tz) if value else None
        except ValueError:
            self.fault(name, "form.moment")
            return None

    def day(self, name: str, *, required: bool = False) -> date | None:
        """An `<input type="date">`."""
        value = self._given(name, required)
        try:
            return date.fromisoformat(value) if value else None
        except ValueError:
            self.fault(name, "form.day")
            return None

    def file(self, name: str, *, required: bool = False) -> File | None:
        """An uploaded file; None where none was chosen."""
        found = self.files.get(name)
        if found is None and required:
            self.fault(name, "form.file")
        return found

    def _given(self, name: str, required: bool) -> str:
        value = self.value(name).strip()
        if required and not value:
            self.fault(name, "form.required")
        return value


async def read(data: FormMultiDict, say: Callable[..., str]) -> Form:
    """The form as Litestar parsed it, with the files' content in memory; its size is limited by the route."""
    values: dict[str, list[str]] = {}
    files: dict[str, File] = {}
    for name, value in data.multi_items():
        if isinstance(value, UploadFile):
            content = await value.read()
            if value.filename:
                media = value.content_type or "application/octet-stream"
                files[name] = File(name=value.filename[-200:], media_type=media[:200], content=content)
        else:
            values.setdefault(name, []).append(str(value))
    return Form(values, files, say)
