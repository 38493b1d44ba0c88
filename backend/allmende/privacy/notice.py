"""What a city has to say about personal data: the notice (Art. 13 GDPR) and the record (Art. 30), from declarations.

Nobody writes these by hand, so they are never behind what the software does.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from msgspec import Struct

from allmende.city.model import City, LocalText, pick
from allmende.personal import PersonalData

HERE = Path(__file__).parent
Declared = Mapping[str, tuple[LocalText, Sequence[PersonalData]]]
"""Owner (a plugin, or a room of the core) → its title, and what it declares."""


class Activity(Struct, frozen=True, kw_only=True):
    """One line of the record: the data that one owner keeps for one purpose, in the reader's language."""

    owner: str
    title: str
    purpose: str
    fields: Sequence[str]
    legal_basis: str
    retention: str
    recipients: Sequence[str]
    source: str
    kept: str
    """Why something stays after an erasure; empty where nothing does."""


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    return {path.stem: tomllib.loads(path.read_text()) for path in (HERE / "texts").glob("*.toml")}


def words(language: str, key: str, **values: object) -> str:
    """A text of the notice; languages without a file are answered in English."""
    texts = _texts()
    for tag in (language, language.partition("-")[0], "en"):
        if key in texts.get(tag, {}):
            return texts[tag][key].format(**values)
    return key


def activities(city: City, declared: Declared, language: str) -> list[Activity]:
    """All that is processed about people in this city, grouped by owner and purpose."""
    found: dict[tuple[str, ...], list[PersonalData]] = {}
    for owner, (_, data) in declared.items():
        for one in data:
            key = (owner, _say(one.purpose, city, language), one.legal_basis, one.retention, one.source)
            found.setdefault(key, []).append(one)
    return [
        Activity(
            owner=owner,
            title=_say(declared[owner][0], city, language),
            purpose=purpose,
            fields=[f"{one.table}.{one.field}" for one in data],
            legal_basis=law(basis, language),
            retention=duration(retention, language),
            recipients=sorted({_say(who, city, language) for one in data for who in one.recipients}),
            source=words(language, "the_person") if source == "the person" else source,
            kept="; ".join(sorted({_say(one.keep, city, language) for one in data if one.keep})),
        )
        for (owner, purpose, basis, retention, source), data in found.items()
    ]


def law(basis: str, language: str) -> str:
    """`Art. 6 (1) e GDPR` → `Art. 6 Abs. 1 lit. e DSGVO` for German readers; anything else as it is."""
    if not language.startswith("de"):
        return basis
    return re.sub(r"\bArt\. (\d+) \((\d+)\)(?: ([a-f]))?(?= GDPR)", _paragraph, basis).replace("GDPR", "DSGVO")


def _paragraph(found: re.Match[str]) -> str:
    letter = f" lit. {found[3]}" if found[3] else ""
    return f"Art. {found[1]} Abs. {found[2]}{letter}"


def duration(retention: str, language: str) -> str:
    """`P2Y` → `2 Jahre`, `account` → as long as the account exists."""
    if retention == "account":
        return words(language, "as_the_account")
    parts = re.findall(r"(\d+)([YMWD])", retention)
    return ", ".join(words(language, f"{unit}{'' if number == '1' else 's'}", number=number) for number, unit in parts)


def record(city: City, declared: Declared, language: str) -> str:
    """The record of processing activities as Markdown, to be handed to the supervisory authority (Art. 30 (4))."""

    def say(key: str, **values: object) -> str:
        return words(language, key, **values)

    contact, privacy = city.contact, city.privacy
    lines = [
        f"# {say('record', city=city.official_name or city.name)}",
        "",
        f"- {say('controller')}: {', '.join(filter(None, _address(city)))}",
        f"- {say('contact')}: {', '.join(filter(None, (contact.phone, contact.email))) or say('unknown')}",
        f"- {say('officer')}: {', '.join(filter(None, (privacy.officer, privacy.email))) or say('unknown')}",
        f"- {say('subjects')}: {say('subjects_are')}",
        f"- {say('transfers')}: {say('transfers_none')}",
        f"- {say('measures')}: {say('measures_are')}",
    ]
    for one in activities(city, declared, language):
        lines += ["", f"## {one.title}: {one.purpose}", ""]
        lines += [
            f"- {say('data')}: {', '.join(f'`{name}`' for name in one.fields)}",
            f"- {say('basis')}: {one.legal_basis}",
            f"- {say('retention')}: {one.retention}",
            f"- {say('recipients')}: {', '.join(one.recipients) or say('nobody')}",
            f"- {say('source')}: {one.source}",
        ]
        if one.kept:
            lines.append(f"- {say('kept')}: {one.kept}")
    return "\n".join(lines) + "\n"


def _address(city: City) -> list[str]:
    contact = city.contact
    return [contact.name or city.official_name or city.name, contact.street, f"{contact.postal_code} {contact.place}"]


def _say(text: LocalText, city: City, language: str) -> str:
    return pick(text, language, city.language)
