"""The fractions that are the same nearly everywhere, so that a city only writes down what it has differently."""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import normalize

import msgspec

from .config import Fraction, WasteConfig

CATALOGUE: dict[str, Fraction] = {
    "rest": Fraction(
        name={"de": "Restmüll", "en": "Residual waste"},
        colour="#4a4a4a",
        icon="🗑",
        aliases=(
            "Restmüll", "Restabfall", "Resttonne", "Rest-", "Hausmüll", "graue Tonne", "schwarze Tonne", "residual",
        ),
        belongs={
            "de": "Asche, Hygieneartikel, Staubsaugerbeutel, verschmutztes Papier",
            "en": "Ash, hygiene products, vacuum cleaner bags, soiled paper",
        },
        excluded={
            "de": "Batterien, Elektrogeräte und Schadstoffe (Wertstoffhof), Verpackungen, Glas",
            "en": "Batteries, electrical devices and hazardous waste (recycling centre), packaging, glass",
        },
    ),
    "bio": Fraction(
        name={"de": "Bioabfall", "en": "Organic waste"},
        colour="#7a4f1d",
        icon="🍂",
        aliases=("Bio", "braune Tonne", "Komposttonne", "organic"),
        belongs={
            "de": "Obst- und Gemüsereste, Kaffeefilter, Laub, Rasenschnitt",
            "en": "Fruit and vegetable scraps, coffee filters, leaves, grass cuttings",
        },
        excluded={
            "de": "Plastiktüten (auch „kompostierbare“), Katzenstreu, Asche",
            "en": "Plastic bags (even “compostable” ones), cat litter, ash",
        },
    ),
    "paper": Fraction(
        name={"de": "Altpapier", "en": "Paper"},
        colour="#1f5fa8",
        icon="📰",
        aliases=("Altpapier", "Papier", "Pappe", "blaue Tonne", "PPK", "paper"),
        belongs={"de": "Zeitungen, Kartons, Hefte, Bücher", "en": "Newspapers, cardboard, notebooks, books"},
        excluded={
            "de": "Getränkekartons, Kassenbons, Tapeten, beschichtetes Papier",
            "en": "Drink cartons, receipts, wallpaper, coated paper",
        },
    ),
    "packaging": Fraction(
        name={"de": "Leichtverpackungen", "en": "Packaging"},
        colour="#f2c500",
        icon="🟡",
        aliases=(
            "Leichtverpackung", "Leichtstoff", "Gelbe Tonne", "Gelber Sack", "Gelbe Säcke", "Gelbe/r Sack/Tonne",
            "Gelbe Wertstofftonne", "Verpackung", "LVP", "DSD", "packaging",
        ),
        belongs={
            "de": "Verpackungen aus Kunststoff, Metall und Verbundstoff, Getränkekartons",
            "en": "Packaging of plastic, metal and composites, drink cartons",
        },
        excluded={"de": "Glas, Papier, Spielzeug, Haushaltsgegenstände", "en": "Glass, paper, toys, household items"},
    ),
    "recyclables": Fraction(
        name={"de": "Wertstofftonne", "en": "Recyclables"},
        colour="#f2a900",
        icon="♻",
        aliases=("Wertstoff", "orange Tonne", "recyclables"),
        belongs={
            "de": "Verpackungen sowie Gegenstände aus Kunststoff und Metall",
            "en": "Packaging, and household items of plastic or metal",
        },
        excluded={"de": "Glas, Papier, Holz, Elektrogeräte", "en": "Glass, paper, wood, electrical devices"},
    ),
    "glass": Fraction(
        name={"de": "Altglas", "en": "Glass"},
        colour="#2f7d4f",
        icon="🍾",
        aliases=("Altglas", "Glas", "glass"),
        belongs={"de": "Flaschen und Gläser ohne Deckel", "en": "Bottles and jars without lids"},
        excluded={"de": "Trinkgläser, Spiegel, Porzellan", "en": "Drinking glasses, mirrors, china"},
    ),
    "green": Fraction(
        name={"de": "Grünschnitt", "en": "Garden waste"},
        colour="#4c8b2b",
        icon="🌿",
        aliases=("Grünschnitt", "Grünabfall", "Grüngut", "Gartenabfall", "Strauchschnitt", "Baumschnitt", "garden"),
        belongs={"de": "Äste, Hecken- und Strauchschnitt, gebündelt", "en": "Branches and hedge cuttings, bundled"},
        excluded={"de": "Wurzeln, Erde, Küchenabfälle", "en": "Roots, soil, kitchen scraps"},
    ),
    "trees": Fraction(
        name={"de": "Weihnachtsbäume", "en": "Christmas trees"},
        colour="#1e6b3a",
        icon="🎄",
        aliases=("Weihnachtsb", "Tannenb", "Christb", "Christmas tree"),
        belongs={"de": "Bäume ohne Schmuck, bis 2 Meter", "en": "Trees without decoration, up to 2 metres"},
        excluded={"de": "Bäume im Topf oder mit Lametta", "en": "Trees in pots or with tinsel"},
    ),
    "bulky": Fraction(
        name={"de": "Sperrmüll", "en": "Bulky waste"},
        colour="#7d5ba6",
        icon="🛋",
        aliases=("Sperrmüll", "Sperrgut", "Sperrabfall", "bulky"),
        belongs={"de": "Möbel, Matratzen, Teppiche", "en": "Furniture, mattresses, carpets"},
        excluded={"de": "Elektrogeräte, Bauschutt, Autoteile", "en": "Electrical devices, rubble, car parts"},
    ),
    "hazardous": Fraction(
        name={"de": "Schadstoffmobil", "en": "Hazardous waste"},
        colour="#c0392b",
        icon="☣",
        aliases=("Schadstoff", "Sondermüll", "Sonderabfall", "Problemstoff", "Giftmobil", "hazardous"),
        belongs={"de": "Farben, Lacke, Batterien, Chemikalien", "en": "Paints, varnishes, batteries, chemicals"},
        excluded={"de": "Altöl (Händler), Feuerwerk, Asbest", "en": "Waste oil (dealer), fireworks, asbestos"},
    ),
    "electrical": Fraction(
        name={"de": "Elektrogeräte", "en": "Electrical devices"},
        colour="#5d6d7e",
        icon="🔌",
        aliases=("Elektro", "E-Schrott", "electrical"),
        belongs={"de": "Geräte mit Stecker, Akku oder Batterie", "en": "Devices with a plug or a battery"},
        excluded={"de": "Lose Batterien, Leuchtstoffröhren", "en": "Loose batteries, fluorescent tubes"},
    ),
}  # fmt: skip

_NOTE = re.compile(
    r"\d+\s?-?\s?(?:wöchentlich|wöchig|tägig|täglich)\w*"
    r"|(?:alle \d+ Wochen|wöchentlich|vierzehntäglich|monatlich|vierteljährlich)"
    r"|\d[\d.,]*(?:\s?[-–]\s?\d[\d.,]*)?\s?(?:l|Liter|m³)\b",
    re.IGNORECASE,
)


def effective(config: WasteConfig) -> dict[str, Fraction]:
    """All fractions by id: the city's first, in its order and laid over the catalogue's, then the catalogue's."""
    merged = {}
    for key, own in config.fractions.items():
        base = CATALOGUE.get(key, Fraction(name=key, colour="#6b6b6b"))
        given = {name: value for name in own.__struct_fields__ if (value := getattr(own, name))}
        given["aliases"] = (*own.aliases, *base.aliases)
        merged[key] = msgspec.structs.replace(base, **given)
    return merged | {key: value for key, value in CATALOGUE.items() if key not in merged}


def offered(config: WasteConfig) -> dict[str, Fraction]:
    """The fractions that the city collects: those it configures, or the whole catalogue."""
    everything = effective(config)
    return {key: everything[key] for key in config.fractions} if config.fractions else everything


def plain(text: str) -> str:
    """Without case and accents, for comparison; keeps punctuation and blanks."""
    return "".join(char for char in normalize("NFKD", text.casefold()) if not "\u0300" <= char <= "\u036f")


class Matcher:
    """Finds fractions in what files call them: `Restmüll 4-wöchentlich` → rest, with the rhythm as a note."""

    def __init__(self, config: WasteConfig) -> None:
        pairs = {
            plain(alias): key
            for key, fraction in reversed(effective(config).items())
            for alias in (*fraction.aliases, *_names(fraction), key)
        }
        ordered = sorted(pairs, key=len, reverse=True)
        self._ids = pairs
        self._pattern = re.compile("|".join(rf"(?<!\w){re.escape(alias)}" for alias in ordered))

    def ids(self, text: str) -> list[str]:
        """Ids of the fractions named, each once, in the order of the text; empty when there is none."""
        return list(dict.fromkeys(self._ids[found] for found in self._pattern.findall(plain(text))))


def _names(fraction: Fraction) -> Iterable[str]:
    return [fraction.name] if isinstance(fraction.name, str) else fraction.name.values()


def note(text: str) -> str:
    """Rhythm and size of the bin, where a title says them: `4-wöchentlich`, `1100 l`."""
    return " ".join(match.group().strip() for match in _NOTE.finditer(text))


def text_colour(colour: str) -> str:
    """Black or white, whichever is read better on the colour (WCAG 2 relative luminance)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return "#000000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#ffffff"
