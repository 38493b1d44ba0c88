"""Records become places: by the source's mapping, inside the city's box, recognisable next time, nothing dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from hashlib import blake2b
from math import isfinite
from typing import Any

from allmende import Batch, City, Context, FeedError, Note, Refusal, to_wgs84

from ..config import Fields, PlacesSource
from ..hours import problem_of
from ..tables import PlacesPlace, unit_vector
from .categories import Categories
from .defaults import ACCESSIBILITY, complete
from .geometry import NoPoint, point_of_text
from .records import Record, columns, lookup, number, plain, render
from .words import clean_name, web_address, yes_or_no


def places(records: Sequence[Record], source: PlacesSource, ctx: Context[Any], *, crs: int) -> Batch:
    """The batch of all records. FeedError where no record can be a place, because the mapping does not fit."""
    if not records:
        raise FeedError("the feed is empty", place="the document")
    names = list(dict.fromkeys(name for record in records for name in record.values))
    fields = complete(source.fields, names)
    maker = _Maker(source, fields, ctx, crs)
    wanted = [record for record in records if _wanted(record, source)]
    _check(wanted, fields, names, source)
    rows = [row for record in wanted if (row := maker.row(record)) is not None]
    notes = [*_unknown_columns(fields, source, records, names), *maker.categories.notes(), *maker.notes]
    return Batch(rows=rows, refused=maker.refused, notes=notes)


def _wanted(record: Record, source: PlacesSource) -> bool:
    def has(column: str, values: Sequence[str]) -> bool:
        return plain(lookup(record.values, column)) in values

    return all(has(*rule) for rule in source.only.items()) and not any(has(*rule) for rule in source.skip.items())


def _check(records: Sequence[Record], fields: Fields, names: Sequence[str], source: PlacesSource) -> None:
    """Refuse a feed as a whole whose mapping gives no name, or no position, to any record."""
    has = f"; the feed has {_listed(names)}"
    if not records:
        raise FeedError(f"no entry passes `only` and `skip`{has}", place="only, skip")
    if not source.unnamed and not any(render(fields.name, record.values) for record in records):
        what = f"{fields.name!r} gives no entry a name" if fields.name else "no column for the name was found"
        raise FeedError(f"{what}{has}; set name in [sources.fields]", place="fields.name")
    if all(record.position is None and not record.problem for record in records) and not fields.geometry:
        for field, template in (("lat", fields.lat), ("lon", fields.lon)):
            if not template or not any(plain(render(template, record.values)) for record in records):
                raise FeedError(
                    f"no column for the position was found{has}; set {field} in [sources.fields]",
                    place=f"fields.{field}",
                )


def _unknown_columns(
    fields: Fields, source: PlacesSource, records: Sequence[Record], names: Sequence[str]
) -> Iterator[Note]:
    """Columns that the mapping names and no record has: they vanish between two years, and nobody notices."""
    templates = {f"fields.{field}": getattr(fields, field) for field in Fields.__struct_fields__}
    templates |= {f"facts[{index}].value": fact.value for index, fact in enumerate(source.facts)}
    templates |= {f"accessibility.{tag}": template for tag, template in source.accessibility.items()}
    for where, template in templates.items():
        for column in columns(template):
            if column in names or any(lookup(record.values, column) is not None for record in records):
                continue
            near = get_close_matches(column, names, n=1)
            hint = f", the nearest is {near[0]!r}" if near else ""
            yield Note(place=where, text=f"no column {column!r} in the feed{hint}; it has {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name[:40]) for name in names[:15])
    return f"{shown} and {len(names) - 15} more" if len(names) > 15 else shown or "no columns"


class _Maker:
    """Makes the rows of one batch; remembers keys, what it refused and what it doubts."""

    def __init__(self, source: PlacesSource, fields: Fields, ctx: Context[Any], crs: int) -> None:
        self.source, self.fields, self.ctx, self.crs = source, fields, ctx, crs
        self.convert = to_wgs84(crs)
        self.categories = Categories(ctx, source)
        self.keys: Counter[str] = Counter()
        self.refused: list[Refusal] = []
        self.notes: list[Note] = []

    def row(self, record: Record) -> PlacesPlace | None:
        def value(field: str) -> str:
            return render(getattr(self.fields, field), record.values)

        name = clean_name(value("name"), self.source.name_cleanup)
        place = f'{record.place} "{name[:80]}"' if name else record.place
        try:
            lat, lon = self._position(record)
        except NoPoint as problem:
            self.refused.append(Refusal(place=place, reason=str(problem)))
            return None
        if not name and not self.source.unnamed:
            self.refused.append(Refusal(place=place, reason="no name"))
            return None
        name = name or self.ctx.pick(self.source.unnamed)
        category = self.categories.of(value("category"), record.values)
        hours = " ".join(value("opening_hours").split())
        if problem_text := problem_of(hours):
            self.notes.append(Note(place=place, text=f"its opening hours {problem_text}"))
        x, y, z = unit_vector(lat, lon)
        image = web_address(value("image"))
        return PlacesPlace(
            key=self._key(value("id") or record.key, place, name, category, lat, lon),
            name=name[:300],
            category=category,
            words=self.categories.words(category),
            text=value("text"),
            address=" ".join(value("address").split())[:300],
            lat=lat,
            lon=lon,
            x=x,
            y=y,
            z=z,
            opening_hours=hours,
            phone=" ".join(value("phone").split())[:100],
            website=web_address(value("website")),
            wheelchair=yes_or_no(value("wheelchair")),
            tags=dict(self._tags(record.values)),
            facts=list(self._facts(record.values)),
            image={"url": image, "alt": value("image_alt"), "credit": value("image_credit")} if image else {},
            language=self.source.language or self.ctx.city.language,
        )

    def _position(self, record: Record) -> tuple[float, float]:
        """Latitude and longitude inside the city. Raises NoPoint."""
        point = record.position
        if record.problem:
            raise NoPoint(record.problem)
        if point is None and (text := render(self.fields.geometry, record.values)):
            point = point_of_text(text)
        if point is None:
            raw = [render(template, record.values) for template in (self.fields.lon, self.fields.lat)]
            x, y = number(raw[0]), number(raw[1])
            if x is None or y is None:
                if any(raw):
                    raise NoPoint(f"no position (latitude {raw[1]!r}, longitude {raw[0]!r})")
                raise NoPoint("no position")
            point = (x, y)
        lat, lon = self.convert(*point)
        if reason := outside(lat, lon, self.ctx.city, metres=self.crs == 4326 and max(map(abs, point)) > 180):
            raise NoPoint(reason)
        return round(lat, 7), round(lon, 7)

    def _key(self, given: str, place: str, name: str, category: str, lat: float, lon: float) -> str:
        key = given or f"{name}|{category}|{lat:.4f},{lon:.4f}"
        if len(key) > 400:
            key = blake2b(key.encode(), digest_size=16).hexdigest()
        self.keys[key] += 1
        if self.keys[key] == 1:
            return key
        if given:
            text = f"the id {given[:60]!r} occurs {self.keys[key]} times: it does not identify the place"
            self.notes.append(Note(place=place, text=text))
        return f"{key}#{self.keys[key]}"

    def _tags(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        templates = {tag: "{" + tag + "}" for tag in ACCESSIBILITY if tag in values} | self.source.accessibility
        for tag, template in templates.items():
            if text := render(template, values):
                yield tag, text

    def _facts(self, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        for fact in self.source.facts:
            text = render(fact.value, values, whole=True)
            worded = fact.values.get(text, text)
            if worded:
                yield {"label": fact.label, "value": worded}


def outside(lat: float, lon: float, city: City, *, metres: bool = False) -> str:
    """Why a position cannot be in the city; empty if it can."""
    box = city.area.bbox
    if metres:
        return f"{lon:.0f}, {lat:.0f} are no degrees; if they are metres, set crs in the source (such as EPSG:25832)"
    if not (isfinite(lat) and isfinite(lon)):
        return "the coordinates lie outside of their coordinate system"
    if box.contains(lat, lon):
        return ""
    if abs(lat) < 1e-6 and abs(lon) < 1e-6:
        return "the position 0, 0 stands for an unknown one"
    if box.contains(lon, lat):
        return f"lies outside of {city.name}: latitude {lat:.5f} and longitude {lon:.5f} seem to be swapped"
    return f"lies outside of {city.name}: latitude {lat:.5f}, longitude {lon:.5f}"
