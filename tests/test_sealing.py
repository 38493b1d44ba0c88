"""What is sealed opens for its purpose and with this instance's keys only; production has a key or does not start."""

from __future__ import annotations

from pathlib import Path

import pytest
from allmende.errors import ConfigError
from allmende.sealing import SealBroken, Sealer, load_sealer
from allmende.settings import Settings

OLD, NEW = "o" * 32, "n" * 32


def test_sealed_content_opens_for_its_purpose_only() -> None:
    sealer = Sealer([OLD])
    sealed = sealer.seal(b"secret", "totp aue 1")
    assert b"secret" not in sealed
    assert sealed != sealer.seal(b"secret", "totp aue 1")
    assert sealer.open(sealed, "totp aue 1") == b"secret"
    for content, purpose in ((sealed, "totp aue 2"), (sealed[:-1] + b"x", "totp aue 1"), (b"", "totp aue 1")):
        with pytest.raises(SealBroken):
            sealer.open(content, purpose)


def test_a_new_key_in_front_seals_while_the_old_one_still_opens() -> None:
    before, between, after = Sealer([OLD]), Sealer([NEW, OLD]), Sealer([NEW])
    assert between.open(before.seal(b"x", "p"), "p") == b"x"
    assert after.open(between.seal(b"x", "p"), "p") == b"x"
    with pytest.raises(SealBroken):
        after.open(before.seal(b"x", "p"), "p")
    assert between.is_signed(before.sign("x", "p"), "x", "p")
    assert not after.is_signed(before.sign("x", "p"), "x", "p")


def test_a_signature_is_of_one_content_and_one_purpose() -> None:
    sealer = Sealer([OLD])
    signature = sealer.sign("x", "p")
    assert sealer.is_signed(signature, "x", "p")
    assert not any(sealer.is_signed(*one) for one in ((signature, "y", "p"), (signature, "x", "q"), ("ä", "x", "p")))


def test_development_makes_a_key_once_and_production_refuses_to_start_without(tmp_path: Path) -> None:
    settings = Settings(secrets=tmp_path, key_file=tmp_path / "var" / "key")
    sealed = load_sealer(settings).seal(b"x", "p")
    assert load_sealer(settings).open(sealed, "p") == b"x"
    assert (tmp_path / "var" / "key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["key"]
    for key, message in (("", "is missing"), ("short", "is shorter than 32 characters")):
        with pytest.raises(ConfigError, match=f"ALLMENDE_KEY: {message}; expected a random secret"):
            load_sealer(Settings(secrets=tmp_path, production=True, key=key))
    (tmp_path / "ALLMENDE_KEY").write_text(OLD)
    sealed = load_sealer(Settings(secrets=tmp_path, production=True)).seal(b"x", "p")
    assert Sealer([OLD]).open(sealed, "p") == b"x"
