"""What types cannot say: keys that contradict each other, places that do not fit, references that lead nowhere.

An error makes the city unusable. A flaw is reported, and the city serves nevertheless.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from string import Formatter
from typing import Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct, inspect, structs

from allmende.city.colour import LEAST, contrast
from allmende.city.files import CityFile
from allmende.city.model import Brand, Language
from allmende.city.positions import Path as Keys
from allmende.city.secrets import PREFIX, has_secret, is_reference, is_secret_field
from allmende.city.walk import Finding, type_info, unknown

_STATES = "SH HH NI HB NW HE RP BW BY SL BE BB MV SN ST TH"
LAENDER = {f"{number:02}": f"DE-{state}" for number, state in enumerate(_STATES.split(), start=1)}
"""First two digits of AGS and ARS → ISO 3166-2."""


NEAR = 0.85
"""Likeness (of difflib) from which on two names are taken for one that is misspelt."""
_APP = re.compile(r"(https://[a-z0-9.-]+(:[0-9]+)?/[^?#\s]*|[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:/[^?#\s]*)")


@lru_cache(maxsize=64)
def _is_zone(name: str) -> bool:
    try:
        return bool(ZoneInfo(name).key)
    except (ValueError, OSError, KeyError):
        return False


def city_errors(city: CityFile, folder: Path) -> Iterator[Finding]:
    if city.ars[:5] + city.ars[9:] != city.ags:
        expected = f"{city.ars[:5] + city.ars[9:]}, which is what the ars {city.ars} says"
        yield Finding(("ags",), f'"{city.ags}" does not belong to the ars', expected)
    if not _is_zone(city.timezone):
        yield Finding(("timezone",), f'unknown time zone "{city.timezone}"', "a name such as Europe/Berlin")
    box = city.area.bbox
    if box.south >= box.north or box.west >= box.east:
        yield Finding(("area", "bbox"), "is turned inside out", "south below north, and west of east")
    if "leads out" in (wrong := _below(folder, city.area.outline) if city.area.outline else ""):
        yield Finding(("area", "outline"), wrong, "a path below the city's folder")


def city_flaws(city: CityFile, folder: Path) -> Iterator[Finding]:
    area = city.area
    if area.outline and (wrong := _below(folder, area.outline)):
        yield Finding(("area", "outline"), wrong, "a GeoJSON file below the city's folder")
    elif area.outline and (wrong := _no_area(folder / area.outline)):
        yield Finding(
            ("area", "outline"), f'"{area.outline}" holds no area: {wrong}', "GeoJSON (RFC 7946) with polygons"
        )
    if not area.bbox.contains(area.lat, area.lon):
        yield Finding(
            ("area", "bbox"), f"does not hold the centre {area.lat}, {area.lon}", "a box around the territory"
        )
    land = LAENDER.get(city.ars[:2])
    if city.subdivision and land and city.subdivision != land:
        yield Finding(("subdivision",), f'"{city.subdivision}" is not the Land of ars {city.ars}', land)
    if len(set(city.languages)) < len(city.languages):
        yield Finding(("languages",), "names a language twice", "each language once")
    if not {"de", "en"} & {language.partition("-")[0] for language in city.languages}:
        yield Finding(
            ("languages",), "offers neither de nor en", "one of them, since modules have their texts in these"
        )
    for table in ("contact", "imprint"):
        for key, value in structs.asdict(getattr(city, table)).items():
            if value and (key == "website" or key.endswith("url")) and not value.startswith(("https://", "http://")):
                yield Finding((table, key), f'"{value}" is not a web address', "one that starts with https://")
    for table, email in (("contact", city.contact.email), ("privacy", city.privacy.email)):
        if email and email.count("@") != 1:
            yield Finding((table, "email"), f'"{email}" is not an e-mail address', "name@example.org")


def switch_flaws(city: CityFile, known: Collection[str], shared: Iterable[Any]) -> Iterator[Finding]:
    """`shared` are the orders of modules of layers in `_shared/`, of which not every instance has all."""
    elsewhere = {str(name) for names in shared if isinstance(names, list) for name in names}
    for index, name in enumerate(city.module_order):
        if name not in known and name not in elsewhere:
            yield Finding(("module_order", index), *unknown("plugin", name, known))
        elif name in city.module_order[:index]:
            yield Finding(("module_order", index), f'"{name}" stands here twice', "each module once")
    for name, switch in city.modules.items():
        if name not in known:
            yield Finding(("modules", name), *unknown("plugin", name, known))
        if switch.off and not switch.reason:
            yield Finding(("modules", name), "is switched off without a reason", "a reason that citizens are shown")


def login_flaws(city: CityFile, known: Collection[str]) -> Iterator[Finding]:
    for key, provider in (("citizens", city.login.citizens), ("staff", city.login.staff)):
        if provider is None:
            continue
        parts = urlsplit(provider.issuer)
        if parts.scheme != "https" and parts.hostname not in ("localhost", "127.0.0.1"):
            yield Finding(("login", key, "issuer"), f'"{provider.issuer}" is not safe', "an address with https://")
        if "openid" not in provider.scopes:
            yield Finding(("login", key, "scopes"), 'lacks "openid"', '["openid"], and what the provider needs besides')
    for index, app in enumerate(city.login.citizens.apps if city.login.citizens else ()):
        if not _APP.fullmatch(app):
            expected = "https://…, or a scheme of one's own with a dot (RFC 8252): org.example.app:/signed-in"
            yield Finding(("login", "citizens", "apps", index), f'"{app}" is no address of an app', expected)
    for index, rule in enumerate(city.login.staff.roles if city.login.staff else ()):
        if rule.plugin not in known and rule.plugin not in ("*", "cases", "content", "desk"):
            yield Finding(("login", "staff", "roles", index, "plugin"), *unknown("plugin", rule.plugin, known))
    if city.login.staff is not None and not city.login.staff.roles:
        yield Finding(("login", "staff"), "gives nobody a role, so nobody is let in", "[[login.staff.roles]]")


def brand_flaws(brand: Brand, folder: Path) -> Iterator[Finding]:
    for key in ("primary", "accent"):
        colour = getattr(brand, key)
        ratio = contrast(colour, "#ffffff")
        if ratio < LEAST:
            expected = f"a darker colour with at least {LEAST}:1 (WCAG 2.2 AA), for text in it and on it"
            yield Finding((key,), f"{colour} has a contrast of {ratio:.1f}:1 with white", expected)
    if brand.logo:
        if not brand.logo.endswith((".svg", ".png")):
            yield Finding(("logo",), f'"{brand.logo}" is neither SVG nor PNG', "a file ending in .svg or .png")
        wrong = _below(folder / "brand", brand.logo)
        if wrong:
            yield Finding(("logo",), wrong, "a file below the folder brand/")


def _below(folder: Path, name: str) -> str:
    """What is wrong with a file name that must lead to a file below a folder; empty when nothing is."""
    if "\0" in name or "\\" in name or name.startswith("/") or ".." in name.split("/"):
        return f'"{name}" leads out of the folder'
    try:
        target = (folder / name).resolve()
        if not target.is_relative_to(folder.resolve()):
            return f'"{name}" leads out of the folder by a link'
        return "" if target.is_file() else f'the file "{name}" does not exist'
    except (OSError, RuntimeError):
        return f'"{name}" cannot be read'


class _Area(Struct):
    type: Literal["FeatureCollection", "Feature", "Polygon", "MultiPolygon"]


def _no_area(path: Path) -> str:
    """Why a file is no GeoJSON of an area; empty when it is."""
    try:
        msgspec.json.decode(path.read_bytes(), type=_Area)
    except (OSError, UnicodeDecodeError, msgspec.DecodeError) as error:
        return str(error)
    return ""


def source_errors(raw: Mapping[str, Any], folder: Path) -> Iterator[Finding]:
    """Sources with one id, and files that lie outside the city's folder."""
    seen = set()
    for path, source in _sources(raw):
        if source.get("id") in seen:
            yield Finding((*path, "id"), f'"{source["id"]}" is the id of another source too', "an id of its own")
        seen.add(source.get("id"))
        wrong = _below(folder, source["file"]) if source.get("file") else ""
        if "leads out" in wrong:
            yield Finding((*path, "file"), wrong, "a path below the city's folder")


def source_flaws(raw: Mapping[str, Any], folder: Path) -> Iterator[Finding]:
    for path, source in _sources(raw):
        wrong = _below(folder, source["file"]) if source.get("file") else ""
        if wrong and "leads out" not in wrong:
            yield Finding((*path, "file"), wrong, f"a file below {folder.name}/")


def _sources(raw: Mapping[str, Any]) -> Iterator[tuple[Keys, Mapping[str, Any]]]:
    sources = raw.get("sources")
    for index, source in enumerate(sources if isinstance(sources, list) else ()):
        if isinstance(source, dict) and isinstance(source.get("file", ""), str):
            yield ("sources", index), source


def strings(value: Any, path: Keys = ()) -> Iterator[tuple[Keys, str]]:
    """All texts inside a configuration, with their paths."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from strings(item, (*path, index))


def placeholder_flaws(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Wording whose braces do not close; readers get the module's own words instead."""
    for path, value in strings(raw):
        try:
            list(Formatter().parse(value))
        except ValueError as error:
            yield Finding(path, f"has a bad placeholder ({error})", "placeholders such as {name}, and {{ for a brace")


def wording_flaws(raw: Mapping[str, Any], texts: Mapping[str, Collection[str]]) -> Iterator[Finding]:
    """Wording for a text that the plugin does not have. Plugins may ask for texts by what feeds say (`category.…`), so
    inside a table that a plugin knows only what looks misspelt is told."""
    for plugin, keys in texts.items():
        tables = {key.rpartition(".")[0] for key in keys}
        for path, _ in strings(raw.get(plugin, {}), (plugin,)):
            key = ".".join(map(str, path[1:]))
            table, _, last = key.rpartition(".")
            beside = {known.rpartition(".")[2] for known in keys if known.rpartition(".")[0] == table}
            if key not in keys and (not table or table not in tables or get_close_matches(last, beside, 1, NEAR)):
                message, _ = unknown("text", key, keys)
                yield Finding(path, message, f"a key of plugins/{plugin}/texts, or title or summary")


def secret_errors(raw: Mapping[str, Any]) -> Iterator[Finding]:
    """Secrets that were written into the file. The value is not repeated in the message."""
    for path, value in strings(raw):
        named = path and is_secret_field(str(path[-1]))
        if (named and value and not is_reference(value)) or (value.startswith(PREFIX) and not is_reference(value)):
            yield Finding(path, "a secret must not stand in a file", "a reference such as secret:FEED_TOKEN")


def secret_flaws(raw: Mapping[str, Any], folder: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    for path, value in strings(raw):
        if is_reference(value) and not has_secret(value, folder, environ):
            name = value.removeprefix(PREFIX)
            yield Finding(
                path, f"the secret {name} is missing", f"an environment variable {name} or the file {folder / name}"
            )


def text_flaws(raw: Any, type: Any, languages: tuple[str, ...]) -> Iterator[Finding]:
    """Texts in several languages of which none is the city's first, German or English: some readers would get any."""
    wanted = {languages[0], languages[0].partition("-")[0], "de", "en"}
    for path, texts in _local_texts(raw, type_info(type), ()):
        if texts and not wanted & set(texts):
            yield Finding(
                path, f"has no text in {languages[0]}", "a text for " + " or ".join(dict.fromkeys((languages[0], "de")))
            )


@lru_cache(maxsize=1)
def _language() -> inspect.Type:
    return type_info(Language)


def _local_texts(value: Any, node: inspect.Type, path: Keys) -> Iterator[tuple[Keys, dict[str, str]]]:
    if isinstance(node, inspect.Metadata):
        yield from _local_texts(value, node.type, path)
    elif isinstance(node, inspect.UnionType):
        for option in node.types:
            if isinstance(option, inspect.StructType) and option.tag_field:
                if isinstance(value, dict) and value.get(option.tag_field) == option.tag:
                    yield from _local_texts(value, option, path)
            else:
                yield from _local_texts(value, option, path)
    elif isinstance(node, inspect.DictType) and isinstance(value, dict):
        if node.key_type == _language():
            yield path, value
        else:
            for key, item in value.items():
                yield from _local_texts(item, node.value_type, (*path, key))
    elif isinstance(node, inspect.StructType) and isinstance(value, dict):
        for field in node.fields:
            if field.encode_name in value:
                yield from _local_texts(value[field.encode_name], field.type, (*path, field.encode_name))
    elif isinstance(node, (inspect.ListType, inspect.VarTupleType)) and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _local_texts(item, node.item_type, (*path, index))
