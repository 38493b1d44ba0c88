"""What a city configures: its fractions, its reminders, and where streets and dates come from."""

from __future__ import annotations

from typing import Annotated

from allmende import Colour, Config, LocalText, Slug, Source, Strict
from msgspec import Meta, field

Hour = Annotated[int, Meta(ge=0, le=23)]
Year = Annotated[int, Meta(ge=2000, le=2100)]
MonthDay = Annotated[str, Meta(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$", description="MM-DD")]


class Fraction(Strict, frozen=True, kw_only=True):
    """A kind of waste. What is left out is taken from the catalogue (catalogue.py), where it knows the id."""

    name: LocalText = ""
    colour: Colour = ""
    """Colour of the bin or sack."""
    icon: str = ""
    """One emoji or character."""
    aliases: tuple[str, ...] = ()
    """Words by which files name it, besides the catalogue's; found at the beginning of any word, case ignored."""
    belongs: LocalText = ""
    """Sorting hint: what goes in."""
    excluded: LocalText = ""
    """Sorting hint: what does not, and where it goes instead."""


class IcalSource(Source, frozen=True, kw_only=True, tag="ical"):
    """An iCalendar file with the dates of one district (RFC 5545)."""

    district: str = ""
    """District or tour that the file is for; empty for the whole city."""
    covers: Year | None = None
    """The one year that the file is for; without it, the span of its dates."""


class DatesSource(Source, frozen=True, kw_only=True, tag="csv"):
    """A table with dates by district or tour; README.md shows the three layouts."""

    date: str = ""
    """Column with the date."""
    district: str = ""
    """Column with the district, or several separated by commas."""
    fraction: str = ""
    """Column with the fraction's name."""
    note: str = ""
    """Column with a remark."""
    fractions: dict[str, Slug] = field(default_factory=dict)
    """Columns that stand for a fraction; their cells hold districts (with `date`) or else dates."""
    columns: tuple[str, ...] = ()
    """Names of the columns, where the file has no header line."""
    covers: Year | None = None
    """The one year that the file is for; also completes dates without a year."""


class StreetsSource(Source, frozen=True, kw_only=True, tag="streets"):
    """A table that says to which districts each street, or each range of its house numbers, belongs."""

    street: str = "Straße"
    """Column with the street's name."""
    place: str = ""
    """Column with the part of the city, where street names occur more than once."""
    numbers: str = ""
    """Column with house numbers as people write them: `1-27 ungerade`, `ab 30`, `12a-12f, 14`."""
    number_from: str = ""
    number_to: str = ""
    parity: str = ""
    """Columns with the first and last number, and whether odd or even ones are meant."""
    districts: dict[str, str] = field(default_factory=lambda: {"Bezirk": "{}"})
    """Columns with districts or tours → how the district is called in the dates: `{"Papiertour" = "P{}"}`."""
    columns: tuple[str, ...] = ()
    """Names of the columns, where the file has no header line."""


class RulesSource(Source, frozen=True, kw_only=True, tag="rules"):
    """A TOML file with rules: weekday, rhythm, holiday shifts, exceptions (see importers/rules.py)."""

    through: Year | None = None
    """Last year that dates are computed for; without it, always through the end of next year."""


class WasteConfig(Config, frozen=True, kw_only=True):
    """cities/<slug>/plugins/waste.toml."""

    sources: tuple[IcalSource | DatesSource | StreetsSource | RulesSource, ...] = ()
    fractions: dict[Slug, Fraction] = field(default_factory=dict)
    """The city's fractions, in the order in which apps show them; without any, the whole catalogue."""
    reminder_hour: Hour = 18
    """Hour of the evening before, at which devices remind."""
    pickup_hour: Hour = 6
    """Hour of the day by which bins must be out; devices remind a second time then."""
    notice_from: MonthDay = "12-01"
    """From this day on, citizens read that next year's dates are missing, as long as they are."""
