"""What a city says about its places: the categories that readers see, and how each feed's columns become places."""

from __future__ import annotations

from typing import Annotated

from allmende import Colour, Config, LocalText, Slug, Source, Strict
from msgspec import Meta, field

Template = str
"""Text with the feed's columns in braces: `"{Strname} {Hsnr}, {Plz} {Ort}"`. `{a|b}` takes the first that has a
value, `{inf.0}` looks into nested values. Where all columns are empty, so is the result."""


class Category(Strict, frozen=True, kw_only=True):
    """One kind of place, as readers filter by it. The order in the file is the order on the screen."""

    id: Slug
    name: LocalText
    icon: Annotated[str, Meta(max_length=8, description="One emoji or character")] = "📍"
    colour: Colour = "#1f5f5b"
    aliases: tuple[str, ...] = ()
    """Values by which feeds mean this category: `"Spielplatz"`, or an OSM tag: `"leisure=playground"`."""


class Fields(Strict, frozen=True, kw_only=True):
    """Templates for what a place says of itself. What is left empty is looked for under its usual names."""

    id: Template = ""
    """The feed's own id, where it is stable. Without it, OSM ids or a fingerprint recognise a place again."""
    name: Template = ""
    category: Template = ""
    text: Template = ""
    address: Template = ""
    opening_hours: Template = ""
    """In the syntax of OpenStreetMap: `Mo-Fr 08:00-18:00; PH off`."""
    phone: Template = ""
    website: Template = ""
    wheelchair: Template = ""
    """yes, limited, no, in German or English, or a flag."""
    image: Template = ""
    image_alt: Template = ""
    image_credit: Template = ""
    lat: Template = ""
    lon: Template = ""
    """Latitude and longitude in degrees (or northing and easting in metres, see `crs`); decimal comma allowed."""
    geometry: Template = ""
    """Instead of `lat` and `lon`: a column with WKT (`POINT (7.6 51.9)`) or hexadecimal (E)WKB."""


class Fact(Strict, frozen=True, kw_only=True):
    """One further line about a place: `Fläche: 3040 m²`. Left out where one of its columns is empty."""

    label: LocalText
    value: Template
    values: dict[str, LocalText] = field(default_factory=dict)
    """Wording for the feed's values: `{"1" = {de = "ja", en = "yes"}, "0" = ""}`; an empty one drops the fact."""


class NameCleanup(Strict, frozen=True, kw_only=True):
    """How names are made fit to read."""

    prefixes: tuple[str, ...] = ()
    """Taken away from the beginning: `"SP "`."""
    title_case: bool = False
    """Turns names that are all upper case into `Title Case`."""


class PlacesSource(Source, frozen=True, kw_only=True):
    """What all kinds of sources share."""

    category: str = ""
    """Category of places whose own is missing or unknown."""
    unnamed: LocalText = ""
    """Name for places that have none; without it they are refused."""
    crs: Annotated[str, Meta(pattern=r"^(EPSG:\d{4,6})?$")] = ""
    """Coordinate system, where the feed does not say it itself: `EPSG:25832`."""
    fields: Fields = Fields()
    facts: tuple[Fact, ...] = ()
    accessibility: dict[str, Template] = field(default_factory=dict)
    """OSM accessibility tag → template: `{"toilets:wheelchair" = "{WC}"}`."""
    name_cleanup: NameCleanup = NameCleanup()
    only: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Column → values: takes only entries that have one of them; the others are not meant to be places."""
    skip: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Column → values: leaves out entries that have one of them."""


class GeoJsonSource(PlacesSource, frozen=True, kw_only=True, tag="geojson"):
    """GeoJSON (RFC 7946, and the older `crs` member). Lines and areas count by a point on them."""


class EsriSource(PlacesSource, frozen=True, kw_only=True, tag="esri"):
    """Esri JSON, as ArcGIS servers answer with `f=json`."""


class CsvSource(PlacesSource, frozen=True, kw_only=True, tag="csv"):
    """A table with a header line. A column name that occurs twice is `name` and `name#2`."""

    delimiter: Annotated[str, Meta(max_length=1)] = ""
    """Found out from the header if not given."""


class OverpassSource(PlacesSource, frozen=True, kw_only=True, tag="overpass"):
    """The answer of an OpenStreetMap Overpass API to `[out:json]; … out center;`."""


class JsonSource(PlacesSource, frozen=True, kw_only=True, tag="json"):
    """Any JSON that holds a list of objects."""

    items: str = ""
    """Path of the list: `data.places`; empty where the document is the list."""
    first: Annotated[int, Meta(ge=0)] = 0
    """Number of the first element that is a place, where the list begins with a header."""


class PlacesConfig(Config, frozen=True, kw_only=True):
    """cities/<slug>/plugins/places.toml."""

    categories: tuple[Category, ...] = ()
    sources: tuple[GeoJsonSource | EsriSource | CsvSource | OverpassSource | JsonSource, ...] = ()

    def __post_init__(self) -> None:
        ids = [category.id for category in self.categories]
        for twice in {id for id in ids if ids.count(id) > 1}:
            raise ValueError(f"categories: the id {twice!r} occurs twice")
        for source in self.sources:
            if source.category and source.category not in ids:
                raise ValueError(f"source {source.id!r}: category {source.category!r} is none of {', '.join(ids)}")
