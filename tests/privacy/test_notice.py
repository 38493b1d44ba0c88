"""The notice and the record are made of what is declared, in German and English."""

from __future__ import annotations

from allmende.personal import PersonalData
from allmende.privacy.notice import duration, record
from allmende.testing import make_city

VOTE = PersonalData(
    table="kiosks_vote",
    field="nickname",
    purpose={"de": "um zu zeigen, wem ein Kiosk gefällt", "en": "to show who likes a kiosk"},
    legal_basis="Art. 6 (1) a GDPR",
    retention="P1Y6M",
    since="at",
    recipients=({"de": "Betreiber", "en": "who runs it"},),
    erase="keep",
    keep={"de": "§ 147 AO", "en": "section 147 AO"},
)


def test_the_record_names_who_what_why_and_how_long() -> None:
    declared = {"kiosks": ({"de": "Kioske", "en": "Kiosks"}, (VOTE,))}
    german, english = (record(make_city(), declared, language) for language in ("de", "en"))
    assert german.splitlines()[0] == "# Verzeichnis von Verarbeitungstätigkeiten (Art. 30 DSGVO): Teststadt"
    assert german.splitlines()[9:] == [
        "## Kioske: um zu zeigen, wem ein Kiosk gefällt",
        "",
        "- Daten: `kiosks_vote.nickname`",
        "- Rechtsgrundlage: Art. 6 Abs. 1 lit. a DSGVO",
        "- Speicherdauer: 1 Jahr, 6 Monate",
        "- Empfänger: Betreiber",
        "- Herkunft der Daten: die Person selbst",
        "- Bleibt nach einer Löschung: § 147 AO",
    ]
    assert "- Recipients: who runs it" in english.splitlines()


def test_durations_are_said_in_words() -> None:
    assert [duration(given, "en") for given in ("P1D", "P30D", "P2W", "account")] == [
        "1 day",
        "30 days",
        "2 weeks",
        "as long as the account exists",
    ]
