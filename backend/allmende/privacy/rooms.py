"""What the core's own rooms hold about people. Accounts come last: an erasure ends with whom it was for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from allmende.accounts.tables import Account, Audit, Token
from allmende.city.model import LocalText
from allmende.db.engine import Database
from allmende.notify.tables import Endpoint, Subscription
from allmende.personal import PersonalData
from allmende.privacy.erase import Hook
from allmende.privacy.export import Hook as ExportHook

TASK = "Art. 6 (1) e GDPR"
CONSENT = "Art. 6 (1) a GDPR"
_TELL: LocalText = {"de": "um Sie zu benachrichtigen", "en": "to notify you"}
_SIGN_IN: LocalText = {"de": "um Sie wiederzuerkennen", "en": "to know you again"}
_PUSH: LocalText = {
    "de": "der Push-Dienst Ihres Geräts oder Ihr E-Mail-Anbieter",
    "en": "the push service of your device, or your e-mail provider",
}

NOTIFY = (
    PersonalData(
        table=Subscription.__tablename__,
        field="parameters",
        purpose=_TELL,
        legal_basis=CONSENT,
        retention="account",
        subject="endpoint",
        via=f"{Endpoint.__tablename__}.owner",
    ),
    PersonalData(
        table=Endpoint.__tablename__,
        field="address",
        purpose=_TELL,
        legal_basis=CONSENT,
        retention="account",
        recipients=(_PUSH,),
        subject="owner",
    ),
)
ACCOUNTS = (
    PersonalData(
        table=Token.__tablename__,
        field="hash",
        purpose=_SIGN_IN,
        legal_basis=TASK,
        retention="account",
        subject="account",
    ),
    PersonalData(
        table=Account.__tablename__,
        field="subject",
        purpose=_SIGN_IN,
        legal_basis=TASK,
        retention="account",
        subject="id",
    ),
    PersonalData(
        table=Audit.__tablename__,
        field="name",
        purpose={"de": "um zu wissen, wer in der Verwaltung was getan hat", "en": "to know who of the staff did what"},
        legal_basis="Art. 6 (1) c GDPR",
        retention="account",
        subject="actor",
        erase="keep",
        keep={
            "de": "Nachweis des Verwaltungshandelns (Art. 17 Abs. 3 lit. b DSGVO)",
            "en": "evidence of what the administration did (Art. 17 (3) b GDPR)",
        },
    ),
)
_WROTE: LocalText = {
    "de": "um zu wissen, wer in der Redaktion was geschrieben und veröffentlicht hat",
    "en": "to know who of the editors wrote and published what",
}
CONTENT = (
    *(
        PersonalData(
            table=table, field="by", purpose=_WROTE, legal_basis=TASK, retention="P3Y", since="at", erase="clear"
        )
        for table in ("content_version", "content_event")
    ),
    PersonalData(
        table="content_autosave",
        field="form",
        purpose={"de": "damit kein angefangener Text verloren geht", "en": "so that no text begun is lost"},
        legal_basis=TASK,
        retention="P30D",
        since="at",
        subject="editor",
    ),
)
ROOMS: Mapping[str, tuple[LocalText, tuple[PersonalData, ...]]] = {
    "content": ({"de": "Redaktion", "en": "Editorial desk"}, CONTENT),
    "notify": ({"de": "Benachrichtigungen", "en": "Notifications"}, NOTIFY),
    "accounts": ({"de": "Geräte und Konten", "en": "Devices and accounts"}, ACCOUNTS),
}
"""Room → title and declarations."""


def exporters(database: Database, city: str) -> dict[str, ExportHook]:
    """What rooms give besides their declared columns."""
    return {}


def erasers(database: Database, city: str, clock: Callable[[], datetime]) -> dict[str, Hook]:
    """How rooms take away what is more than rows."""
    return {}
