"""Where the data comes from, and whose it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from allmende.authoring.subject import Subject
from allmende.db.table import FeedTable
from allmende.errors import Problem

PERSONAL = frozenset(
    {"address", "applicant", "author", "bic", "birth", "birthday", "citizen", "contact", "dob", "email", "firstname"}
    | {"fullname", "gender", "iban", "ip", "lastname", "mail", "mobile", "nickname", "organiser", "organizer", "owner"}
    | {"person", "phone", "plate", "postcode", "signature", "street", "surname", "telephone", "user", "username"}
)
"""Words in a column's name that make one ask whether it is about a person."""
PARTS = ("first_name", "last_name", "given_name", "family_name", "full_name", "date_of_birth", "house_number")
DECLARED = {"table", "field", "purpose", "legal_basis", "retention"}
FED = frozenset(FeedTable.__annotations__) | {"city"}


def sources(subject: Subject) -> Iterator[Problem]:
    """Each kind of feed is named in plugin.toml and explained in the README."""
    named = _plain(" ".join(map(str, subject.facts.get("data_sources", ()))))
    readme = subject.folder / "README.md"
    text = readme.read_text(encoding="utf-8") if readme.is_file() else ""
    for kind in [importer.kind for importer in subject.plugin.importers] if subject.plugin else ():
        if _plain(kind) not in named:
            expected = f'an entry "{kind}: …" with the standard or the publisher'
            yield subject.in_manifest(("data_sources",), f"does not name the kind {kind!r}", expected)
        if text and not re.search(rf"[`\"']{re.escape(kind)}[`\"']", text):
            expected = f'a `kind = "{kind}"` with its options'
            yield subject.at("README.md", f"does not explain the kind {kind!r}", expected, key=kind)


def personal(subject: Subject) -> Iterator[Problem]:
    """What sounds like a person's data is declared, or exempt with a reason; declarations are complete."""
    columns = {
        f"{table.__tablename__}.{column.key}": column
        for table in (subject.plugin.tables if subject.plugin else ())
        for column in table.__table__.columns
        if column.key not in FED
    }
    declared = set()
    entries = subject.facts.get("personal_data", ())
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        if not isinstance(entry, dict):
            continue
        for key in sorted(DECLARED - entry.keys()):
            yield subject.in_manifest(("personal_data", index, key), "is missing", "what the privacy notice will say")
        where = f"{entry.get('table')}.{entry.get('field')}"
        declared.add(where)
        if columns and where not in columns:
            yield subject.in_manifest(("personal_data", index), f"there is no column {where}", "table and field")
        for key in ("subject", "since"):
            named = f"{entry.get('table')}.{entry[key]}" if entry.get(key) else where
            if columns and named not in columns:
                yield subject.in_manifest(("personal_data", index, key), f"there is no column {named}", "a column")
        if (
            not entry.get("subject")
            and subject.plugin
            and subject.plugin.erase is None
            and entry.get("erase") != "keep"
        ):
            yield subject.in_manifest(
                ("personal_data", index, "subject"),
                "is missing, so nobody's data is found when they ask for it",
                "the column with the id of the account, or Plugin(export=…, erase=…)",
            )
    exempt = subject.facts.get("not_personal") or {}
    for where in exempt if isinstance(exempt, dict) else ():
        if where not in columns and subject.plugin:
            yield subject.in_manifest(("not_personal", where), "there is no such column", "table.column")
    for where, column in columns.items():
        if where in declared or where in exempt or not _sounds_personal(column.key):
            continue
        table = where.partition(".")[0]
        yield subject.in_code(
            (rf'__tablename__ = "{table}"', rf"\b{column.key}\b"),
            "could be about a person",
            "[[personal_data]] with table, field, purpose, legal_basis and retention in plugin.toml, or "
            f'[not_personal] "{where}" = "why it is not"',
            key=where,
        )


def _sounds_personal(column: str) -> bool:
    return bool(PERSONAL & set(column.split("_"))) or any(part in column for part in PARTS)


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
