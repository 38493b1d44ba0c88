"""What the core's own rooms hold about people. Accounts come last: an erasure ends with whom it was for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial

from allmende.accounts.tables import Account, Audit, Token
from allmende.cases.erasure import erase_person, export_person, room_context
from allmende.cases.tables import Case, CaseFollower, CaseText
from allmende.city.model import City, LocalText
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
CASES = (
    PersonalData(
        table=Case.__tablename__,
        field="private",
        purpose={
            "de": "um Ihr Anliegen zu bearbeiten und Ihnen zu antworten",
            "en": "to work on your case and answer you",
        },
        legal_basis=TASK,
        retention="P2Y",
        since="closed",
        subject="submitter",
        erase="clear",
    ),
    PersonalData(
        table=Case.__tablename__,
        field="words",
        purpose={"de": "damit die Verwaltung Ihr Anliegen wiederfindet", "en": "so that the town hall finds your case"},
        legal_basis=TASK,
        retention="P2Y",
        since="closed",
        subject="submitter",
        erase="clear",
    ),
    PersonalData(
        table=CaseText.__tablename__,
        field="text",
        purpose={
            "de": "um Ihr Anliegen zu bearbeiten und Ihnen zu antworten",
            "en": "to work on your case and answer you",
        },
        legal_basis=TASK,
        retention="account",
        subject="case_id",
        via=f"{Case.__tablename__}.submitter",
    ),
    PersonalData(
        table=CaseFollower.__tablename__,
        field="submitter",
        purpose={"de": "um Ihnen zu zeigen, welchen Anliegen Sie folgen", "en": "to show you which cases you follow"},
        legal_basis=CONSENT,
        retention="account",
        subject="submitter",
        erase="clear",
    ),
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
