"""What the pages of content share: which kind of content this is, who may do what with it, and values as forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from allmende.content.kinds import Fault
from allmende.content.placeholders import unfilled
from allmende.content.publish import Desk as At
from allmende.content.values import Incomplete
from allmende.contenttype import ContentType, Field
from allmende.desk.request import Desk
from allmende.errors import Denied, NotFound

READ, EDIT, PUBLISH, SHARE = "content.read", "content.edit", "content.publish", "content.share"
STATES = {"draft": "", "review": "warn", "scheduled": "info", "published": "good", "archived": ""}
"""State → how its pill looks."""


@dataclass(frozen=True, slots=True)
class Bench:
    """One kind of content, as this reader works on it."""

    desk: Desk
    at: At

    @property
    def type(self) -> ContentType:
        return self.at.type

    @property
    def plugin(self) -> str:
        return self.at.plugin.name

    @property
    def parts(self) -> tuple[str, str, str]:
        """The beginning of the path of all pages of this kind."""
        return "content", self.plugin, self.type.name

    def may(self, permission: str) -> bool:
        return self.desk.reader.may(permission, self.plugin)

    def need(self, permission: str) -> None:
        if not self.may(permission):
            raise Denied(f"this needs the permission {permission} for {self.plugin}")

    def word(self, key: str) -> str:
        """A text of the plugin about this kind: `name`, `plural`."""
        return self.at.ctx.text(f"content.{self.type.name}.{key}")

    def label(self, field: Field) -> str:
        own = f"content.{self.type.name}.{field.name}_label"
        found = self.at.ctx.text(own)
        return self.word(field.name) if found == own else found

    def hint(self, field: Field) -> str:
        key = f"content.{self.type.name}.{field.name}_hint"
        found = self.at.ctx.text(key)
        return "" if found == key else found

    def choices(self, field: Field) -> list[tuple[str, str]]:
        return list(field.choices(self.at.ctx).items()) if field.choices else []

    def options(self, field: Field, present: str) -> list[tuple[str, str]]:
        """The choices, and what is chosen, even where it is none of them (any more)."""
        found = self.choices(field)
        return found if not present or present in dict(found) else [*found, (present, present)]

    def address(self, *parts: str, **query: Any) -> str:
        return self.desk.address(*self.parts, *parts, **query)

    def mark(self, faults: Sequence[Fault]) -> None:
        """Let the form say what is wrong, beside the fields."""
        for fault in faults:
            values = {name: str(value) for name, value in fault.values.items()}
            name = f"f-{fault.field}" + (f".{fault.language}" if fault.language else "")
            if self.type.field(fault.field).kind == "position":
                name += ".lat"
            self.desk.form.fault(name, f"content.fault.{fault.code}", **values)

    def titles(self) -> dict[str, str]:
        """Name of each input → its label, for the list of what is wrong."""
        found: dict[str, str] = {}
        for field in self.type.fields:
            names = [f"f-{field.name}", f"f-{field.name}.lat"]
            names += [f"f-{field.name}.{language}" for language in self.desk.city.languages]
            found |= dict.fromkeys(names, self.label(field))
        return found

    def holes(self, values: Mapping[str, Any]) -> list[str]:
        """Placeholders in the texts that stand for nothing here."""
        texts = [text for value in values.values() for text in _texts(value)]
        return list(dict.fromkeys(name for text in texts for name in unfilled(text, self.desk.city)))

    def name_of(self, slug: str) -> str:
        """Another city's name; its slug where it is gone."""
        city = self.desk.office.cities().by_slug.get(slug)
        return city.name if city else slug


def _texts(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [text for one in value.values() for text in _texts(one)]
    return [value] if isinstance(value, str) and "{" in value else []


def bench(desk: Desk, permission: str = READ, plugin: str = "", kind: str = "") -> Bench:
    """The kind of content that the page is about. NotFound where there is none, Denied where it is not the reader's."""
    name, kind = plugin or str(desk.path["plugin"]), kind or str(desk.path["kind"])
    installed = desk.office.registry.plugins.get(name)
    type_ = next((one for one in installed.plugin.content if one.name == kind), None) if installed else None
    if installed is None or type_ is None:
        raise NotFound(f"there is no content {name}/{kind}")
    made = Bench(desk, At(installed.plugin, type_, desk.context(name), desk.reader.name))
    made.need(permission)
    return made


def kinds(desk: Desk, permission: str = READ) -> list[Bench]:
    """All kinds of content of this city that the reader may do this with."""
    found = []
    for name, installed in desk.office.registry.plugins.items():
        if desk.city.config(name) is not None and desk.reader.may(permission, name):
            found += [bench(desk, permission, name, type_.name) for type_ in installed.plugin.content]
    return found


async def checked(made: Bench, work: Callable[[], Any]) -> bool:
    """Do it; False where the form now says what is wrong with the values."""
    try:
        await work()
    except Incomplete as error:
        made.mark(error.faults)
        return False
    return True
