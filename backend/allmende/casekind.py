"""Kinds of case that plugins declare: their fields, the states they go through, and who is to work on which."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from allmende.city.model import LocalText, Strict
from allmende.context import Context

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class NoFields(Struct, frozen=True, kw_only=True):
    """The part of a kind of case that has no fields of its own."""


class CaseStatus(Struct, frozen=True, kw_only=True):
    """One state that a case can be in."""

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", max_length=40)]
    text: str
    """Key of its name in the plugin's texts, `status.received` for instance."""
    then: tuple[str, ...] = ()
    """Names of the states that can follow."""
    open: bool = True
    """Whether there is still something to do: what Open311 calls `open`; every other state is `closed` there."""
    public: bool = True
    """Whether a published case is shown to everybody while it is in this state."""


class CaseRule(Strict, frozen=True, kw_only=True):
    """Who works on a case, by what, where and when it is: a `[[routing]]` table in a city's file of the plugin.

    All that a rule names must hold; the first rule that fits decides. A rule that names nothing fits always.
    """

    department: Annotated[str, Meta(min_length=1, max_length=80)]
    category: tuple[str, ...] = ()
    """Any of these categories."""
    area: str = ""
    """GeoJSON file below the city's folder; the case must lie in one of its polygons (WGS 84)."""
    weekdays: tuple[Weekday, ...] = ()
    """Any of these days, on which it was submitted."""
    between: Annotated[
        str, Meta(pattern=r"^$|^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$", description="such as 22:00-06:00")
    ] = ""
    """The city's wall-clock time at which it was submitted; over midnight where the end is before the beginning."""
    deadline_hours: Annotated[int, Meta(ge=1, le=8760)] | None = None
    """Hours until it should be done; without it there is no deadline."""


class CaseKind(Struct, frozen=True, kw_only=True):
    """A kind of case: `name="defect"` of the plugin reports is the kind `reports.defect` in the register."""

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$", max_length=40)]
    text: str
    """Key of its name in the plugin's texts."""
    statuses: tuple[CaseStatus, ...]
    """The first is that of a new case."""
    public: type[Struct] = NoFields
    """Fields that everybody sees once the case is published. Nothing personal belongs here."""
    private: type[Struct] = NoFields
    """Fields that only its submitter and the town hall see. They are erased when the retention is over."""
    rules: Callable[[Context[Any]], Sequence[CaseRule]] | None = None
    """The city's routing, from its configuration."""
    categories: Callable[[Context[Any]], Mapping[str, LocalText]] | None = None
    """The city's categories, id → name, from its configuration: the desk shows and filters by them."""
    wording: Callable[[Context[Any], str, str, Any], tuple[str, str] | None] | None = None
    """(context, category, field, value) → question and answer as people read them; None for what it does not know."""
    withdrawn: str = ""
    """The state into which its submitter may put it as long as it is open; without it, it cannot be withdrawn."""
    retention: timedelta = timedelta(days=180)
    """After it was closed; then everything personal is erased, and its number, states and dates remain."""

    @property
    def first(self) -> CaseStatus:
        return self.statuses[0]

    def status(self, name: str) -> CaseStatus | None:
        """The state of this name; None where a newer version of the plugin has it no more."""
        return next((status for status in self.statuses if status.name == name), None)


GONE = CaseKind(
    name="gone",
    text="",
    statuses=(
        CaseStatus(name="open", text="open", then=("closed",)),
        CaseStatus(name="closed", text="closed", then=("open",), open=False),
    ),
)
"""Stands in for a kind whose plugin is not here any more: its cases can still be closed, and opened again."""


def kind_faults(kind: CaseKind) -> list[str]:
    """What is wrong with the states of a kind."""
    names = [status.name for status in kind.statuses]
    if not names:
        return [f"the case {kind.name!r} has no statuses"]
    faults = [
        f"the case {kind.name!r} has two statuses {name!r}" for name in sorted({n for n in names if names.count(n) > 1})
    ]
    for status in kind.statuses:
        faults += [
            f"the status {status.name!r} of the case {kind.name!r} leads to {name!r}, which is no status"
            for name in status.then
            if name not in names
        ]
    if kind.withdrawn and kind.withdrawn not in names:
        faults.append(f"withdrawn={kind.withdrawn!r} of the case {kind.name!r} is no status")
    if all(status.open for status in kind.statuses):
        faults.append(f"the case {kind.name!r} can never be closed: give a status open=False")
    return faults
