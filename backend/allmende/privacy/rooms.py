"""What the core's own rooms hold about people. Accounts come last: an erasure ends with whom it was for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any

from allmende.accounts.tables import Account, Audit, Token
from allmende.cases.erasure import erase_person, export_person, room_context
from allmende.cases.tables import Case, CaseFetch, CaseFollower, CaseText
from allmende.city.model import City, LocalText
from allmende.content.tables import ContentAutosave, ContentEvent, ContentVersion
from allmende.db.engine import Database
from allmende.db.table import CityTable
from allmende.notify.tables import Endpoint, Subscription
from allmende.personal import PersonalData
from allmende.privacy.erase import Hook
from allmende.privacy.export import Hook as ExportHook

TASK, CONSENT = "Art. 6 (1) e GDPR", "Art. 6 (1) a GDPR"
_PUSH: LocalText = {
    "de": "der Push-Dienst Ihres Geräts oder Ihr E-Mail-Anbieter",
    "en": "the push service of your device, or your e-mail provider",
}
_EVIDENCE: LocalText = {
    "de": "Nachweis des Verwaltungshandelns (Art. 17 Abs. 3 lit. b DSGVO)",
    "en": "evidence of what the administration did (Art. 17 (3) b GDPR)",
}


def _held(de: str, en: str, legal_basis: str = TASK, retention: str = "account") -> Callable[..., PersonalData]:
    """Declares columns that are held for one purpose, in German and English: `(table, field, …)`."""
    purpose: LocalText = {"de": de, "en": en}

    def declare(table: type[CityTable], field: str, **more: Any) -> PersonalData:
        name = table.__tablename__
        given = {"purpose": purpose, "legal_basis": legal_basis, "retention": retention, **more}
        return PersonalData(table=name, field=field, **given)

    return declare


_tell = _held("um Sie zu benachrichtigen", "to notify you", CONSENT)
_know = _held("um Sie wiederzuerkennen", "to know you again")
_who = _held(
    "um zu wissen, wer in der Verwaltung was getan hat",
    "to know who of the staff did what",
    "Art. 6 (1) c GDPR",
)
_wrote = _held(
    "um zu wissen, wer in der Redaktion was geschrieben und veröffentlicht hat",
    "to know who of the editors wrote and published what",
    retention="P3Y",
)
_begun = _held("damit kein angefangener Text verloren geht", "so that no text begun is lost", retention="P30D")
_work = _held("um Ihr Anliegen zu bearbeiten und Ihnen zu antworten", "to work on your case and answer you")
_find = _held("damit die Verwaltung Ihr Anliegen wiederfindet", "so that the town hall finds your case")
_fetch = _held(
    "um ein Bild zu holen, dessen Adresse zu Ihrem Anliegen angegeben ist",
    "to fetch a picture whose address was given with your case",
    retention="P7D",
)
_follow = _held("um Ihnen zu zeigen, welchen Anliegen Sie folgen", "to show you which cases you follow", CONSENT)
_closed = {"retention": "P2Y", "since": "closed", "subject": "submitter", "erase": "clear"}

NOTIFY = (
    _tell(Subscription, "parameters", subject="endpoint", via=f"{Endpoint.__tablename__}.owner"),
    _tell(Endpoint, "address", recipients=(_PUSH,), subject="owner"),
)
ACCOUNTS = (
    _know(Token, "hash", subject="account"),
    _know(Account, "subject", subject="id"),
    _who(Audit, "name", subject="actor", erase="keep", keep=_EVIDENCE),
)
CONTENT = (
    _wrote(ContentVersion, "by", since="at", erase="clear"),
    _wrote(ContentEvent, "by", since="at", erase="clear"),
    _begun(ContentAutosave, "form", since="at", subject="editor"),
)
CASES = (
    _work(Case, "private", **_closed),
    _find(Case, "words", **_closed),
    _work(CaseText, "text", subject="case_id", via=f"{Case.__tablename__}.submitter"),
    _fetch(CaseFetch, "url", since="due", subject="case_id", via=f"{Case.__tablename__}.submitter"),
    _follow(CaseFollower, "submitter", subject="submitter", erase="clear"),
)
ROOMS: Mapping[str, tuple[LocalText, tuple[PersonalData, ...]]] = {
    "content": ({"de": "Redaktion", "en": "Editorial desk"}, CONTENT),
    "cases": ({"de": "Anliegen und Vorgänge", "en": "Cases"}, CASES),
    "notify": ({"de": "Benachrichtigungen", "en": "Notifications"}, NOTIFY),
    "accounts": ({"de": "Geräte und Konten", "en": "Devices and accounts"}, ACCOUNTS),
}
"""Room → title and declarations."""


def exporters(database: Database, city: City, clock: Callable[[], datetime]) -> dict[str, ExportHook]:
    """What rooms give besides their declared columns."""
    return {"cases": partial(export_person, room_context(city, database, clock))}


def erasers(database: Database, city: City, clock: Callable[[], datetime]) -> dict[str, Hook]:
    """How rooms take away what is more than rows."""
    return {"cases": partial(erase_person, room_context(city, database, clock))}
